"""From facts to checks, in the order in which things have to be done: engine, user, files, unit, then what lasts. Pure.

Every one that is not fine says what to do, as a command where there is one.
"""

from __future__ import annotations

from zpmd.interfaces.doctor import FAIL, OK, WARN
from zpmd.interfaces.firstrun.facts import Competitor, EngineSetup, HostSetup, Unit
from zpmd.interfaces.views import CheckView
from zpmd.interfaces.words import plural

OLDEST_API = (1, 41)
EX_CONFIG = 78
TOLD = 3
ROTATION = '{"log-driver": "journald"}'
UNROTATED = frozenset({"json-file"})


def setup(host: HostSetup, engine: EngineSetup, *, answering: bool) -> list[CheckView]:
    """`answering`: the daemon does, and tells of its engine and of its files itself."""
    first = [] if answering else [_engine(engine), *_files(host)]
    return [*first, *_rights(host), *_user(host), *_state(host), _unit(host), *_lasting(host, engine, answering)]


def fine(name: str, text: str) -> CheckView:
    return CheckView(name=name, level=OK, text=text)


def warn(name: str, text: str, advice: str) -> CheckView:
    return CheckView(name=name, level=WARN, text=text, advice=advice)


def fail(name: str, text: str, advice: str) -> CheckView:
    return CheckView(name=name, level=FAIL, text=text, advice=advice)


def _engine(engine: EngineSetup) -> CheckView:
    if engine.forbidden:
        return warn("engine", f"{engine.url} may not be opened by you", "run this as root to see the engine as well")
    if engine.error:
        advice = "install and start one: `apt-get install docker.io`, `systemctl enable --now docker`"
        return fail("engine", f"{engine.url}: {engine.error}", advice)
    text = f"version {engine.version}, API {engine.api}"
    if _version(engine.api) < OLDEST_API:
        return fail("engine", text, "zpmd needs Docker 20.10 (API 1.41) or newer: upgrade the engine first")
    return fine("engine", text)


def _version(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def _files(host: HostSetup) -> list[CheckView]:
    """Settings and service files, as `zpmd check` has them."""
    told = host.configured
    found: list[CheckView] = []
    if host.settings.state == "missing":
        text = f"{host.settings.path} is missing: all settings have their defaults"
        found.append(warn("settings", text, "`zpmd init` writes one in which every setting is explained"))
    elif host.settings.state != "there":
        found.append(warn("settings", f"{host.settings.path}: {host.settings.state}", _as_whom(host)))
    else:
        found.append(fine("settings", host.settings.path))
    folder = told.settings.get("services_dir", f"{host.folder.path}/services.d")
    if host.service_files is None and not host.root:
        return [*found, warn("service files", f"{folder} cannot be looked at", _as_whom(host))]
    if not host.service_files:
        advice = "`zpmd init` writes them from what runs here; or put a Compose file there"
        return [*found, fail("service files", f"there is none in {folder}", advice)]
    if told.unasked:
        return [*found, warn("service files", f"they could not be checked: {told.unasked}", "`zpmd check`")]
    if told.problems:
        more = f", and {told.problems - 1} more" if told.problems > 1 else ""
        return [*found, fail("service files", f"{told.problem}{more}", "`zpmd check` names all of them: correct them")]
    text = f"{plural(host.service_files, 'file')} in {folder}: {plural(told.services, 'service')}"
    return [*found, fine("service files", text)]


def _rights(host: HostSetup) -> list[CheckView]:
    """Who may write what decides what runs here, and who may read the secrets."""
    found = []
    if host.open_to_all:
        text = f"everybody may write {_some(host.open_to_all)}"
        advice = f"whoever does decides what runs here, as root: `chmod o-w {host.open_to_all[0]}`"
        found.append(fail("rights", text, advice))
    if host.open_secrets:
        text = f"everybody may read {_some(host.open_secrets)}"
        found.append(warn("rights", text, f"if secrets are in it: `chmod 640 {host.open_secrets[0]}`"))
    if host.closed:
        who = host.unit.user if host.unit and host.unit.user else "zpmd"
        text = f"{who}, as whom the daemon runs, may not read {_some(host.closed)}"
        found.append(fail("rights", text, f"`chgrp zpmd {host.closed[0]} && chmod g+r {host.closed[0]}`"))
    if not found and host.folder.state == "there":
        found.append(fine("rights", f"{host.folder.path} is written by {host.folder.owner} alone"))
    return found


def _user(host: HostSetup) -> list[CheckView]:
    found = []
    user = host.unit.user if host.unit else ""
    if not host.group_zpmd:
        text = "there is no group zpmd, so root alone may use zpmctl"
        found.append(warn("group", text, "`groupadd --system zpmd`, then `usermod -aG zpmd NAME`"))
    else:
        found.append(fine("group", "members of the group zpmd may use zpmctl"))
    if user in ("", "root"):
        return found
    if user == "zpmd" and not host.user_zpmd:
        advice = "`systemd-sysusers`, or `useradd --system --gid zpmd --groups docker zpmd`"
        return [*found, fail("user", f"there is no user {user}, as whom the unit runs zpmd", advice)]
    if host.members is None:
        return [*found, warn("user", "there is no group docker", "who may use the engine's socket? `ls -l` it")]
    if user not in host.members:
        text = f"{user} is not in the group docker, and so cannot use the engine"
        return [*found, fail("user", text, f"`usermod -aG docker {user}`, then `systemctl restart zpmd`")]
    return [*found, fine("user", f"{user}, in the group docker")]


def _state(host: HostSetup) -> list[CheckView]:
    place = host.state
    if place.state == "missing":
        return [fine("state", f"{place.path} is made at the first start")]
    if place.state != "there":
        return [warn("state", f"{place.path}: {place.state}", _as_whom(host))]
    user = (host.unit.user if host.unit else "") or "root"
    if place.owner != user:
        advice = f"`chown -R {user}: {place.path}`, then `systemctl restart zpmd`"
        return [fail("state", f"{place.path} is {place.owner}'s, and zpmd runs as {user}", advice)]
    if place.mode & 0o077:
        text = f"{place.path} is open to others (mode {place.mode:04o}), and contents of secrets are in it"
        return [fail("state", text, f"`chmod 700 {place.path}`")]
    return [fine("state", f"{place.path}, of {place.owner}, mode {place.mode:04o}")]


def _unit(host: HostSetup) -> CheckView:
    unit = host.unit
    if unit is None:
        return warn("unit", "no systemd answers here", "run `zpmd run` under what starts services on this host")
    match unit:
        case Unit(load="masked") | Unit(enabled="masked"):
            return fail("unit", "zpmd.service is masked", "`systemctl unmask zpmd`, then `systemctl enable --now zpmd`")
        case Unit(load=load) if load != "loaded":
            advice = "install the package, or copy systemd/zpmd.service and `systemctl daemon-reload`"
            return fail("unit", "zpmd.service is not installed", advice)
        case Unit(active="failed", status=status) if status == EX_CONFIG:
            advice = "`zpmd check` names what is wrong; correct it, then `systemctl restart zpmd`"
            return fail("unit", "zpmd did not start, as its files were wrong (exit status 78)", advice)
        case Unit(active="failed"):
            return fail("unit", f"zpmd has failed (exit status {unit.status})", "`journalctl -u zpmd -e` says why")
        case Unit(sub="auto-restart"):
            text = f"zpmd ends again and again (exit status {unit.status})"
            return fail("unit", text, "`journalctl -u zpmd -e` says why")
        case Unit(active="active" | "activating" | "reloading") if unit.enabled in ("enabled", "enabled-runtime"):
            return fine("unit", f"zpmd.service is {unit.enabled} and {unit.active}")
        case Unit(active="active" | "activating" | "reloading"):
            text = "zpmd runs, and will not be started at the next boot"
            return warn("unit", text, "`systemctl enable zpmd`")
        case _:
            return fail("unit", f"zpmd.service is {unit.active}", "`systemctl enable --now zpmd`")


def _lasting(host: HostSetup, engine: EngineSetup, answering: bool) -> list[CheckView]:
    """What does not keep zpmd from starting, and tells later."""
    found: list[CheckView] = []
    if host.synchronised is False:
        text = "not synchronised with any other"
        found.append(warn("time", text, "`timedatectl set-ntp true`, or another NTP client"))
    elif host.synchronised:
        found.append(fine("time", "synchronised by NTP"))
    if engine.error or engine.forbidden:
        return found
    found += [] if answering else [_competes(each) for each in engine.competitors]
    comes_back = [each for each in engine.competitors if each.policy in ("always", "unless-stopped")]
    if answering and comes_back:
        found += [_competes(each) for each in comes_back]
    count = host.configured.default_logging
    if engine.log_driver in UNROTATED and not engine.rotated and count != 0:
        who = "containers log" if count is None else f"{plural(count, 'service logs', 'services log')}"
        text = f"{who} by {engine.log_driver}, without an end: they fill the disk"
        advice = (
            f"write {ROTATION} or log-opts with max-size into /etc/docker/daemon.json (new containers have it after a"
            " restart of the engine), or `logging` into the service files"
        )
        found.append(warn("container logs", text, advice))
    elif engine.log_driver:
        text = (
            "every service says itself how it logs" if count == 0 else f"containers log by {engine.log_driver}, rotated"
        )
        found.append(fine("container logs", text))
    if not engine.live_restore:
        text = "a restart of the engine ends all containers (live-restore is off)"
        advice = (
            'where they should outlive it: "live-restore": true in /etc/docker/daemon.json, `systemctl reload docker`'
        )
        found.append(CheckView(name="live-restore", level=OK, text=text, advice=advice))
    return found


def _competes(each: Competitor) -> CheckView:
    text = f"{each.port} is wanted by {each.service}, and taken by the container {each.name}, which is not ours"
    advice = f"stop its project (`docker compose down`), or `docker stop {each.name}`"
    if each.policy in ("always", "unless-stopped"):
        text += f" (restart: {each.policy})"
        advice = f"stop its project (`docker compose down`), or `docker update --restart no {each.name}` and stop it"
    return fail("ports", text, advice)


def _some(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - TOLD} more" if len(paths) > TOLD else ""
    return f"{', '.join(paths[:TOLD])}{more}"


def _as_whom(host: HostSetup) -> str:
    return "is it whole? `ls -l` it" if host.root else "run this as root to see all of it"
