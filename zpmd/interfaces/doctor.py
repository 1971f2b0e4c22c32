"""What is wrong with this host, as far as zpmd is concerned, and what to do about it.

`look` collects facts of the host and is the only impure part; the checks are functions of facts. Without the daemon the
host's checks still work, which is when they are needed most.
"""

from __future__ import annotations

import shutil
import socket as sockets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from zpmd.interfaces.registry import DATA_FILES, goes_on, troubles
from zpmd.interfaces.views import CheckView
from zpmd.interfaces.words import plural, span
from zpmd.model.cause import Code
from zpmd.model.events import Snapshot
from zpmd.model.tenant import Tenancy

OK, WARN, FAIL = "ok", "warn", "fail"

MIB = 1 << 20
DISK_FAIL_BYTES, DISK_WARN_BYTES = 256 * MIB, 2048 * MIB
MEMORY_WARN_BYTES = 256 * MIB
INOTIFY_INSTANCES, INOTIFY_WATCHES = 16, 1024
"""What zpmd needs at most of each: a few folders, and the paths of `develop.watch`."""
SANE_YEARS = range(2024, 2100)
SKEW_SECONDS = 5.0
TROUBLES_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """Bytes and counts; None where the host does not tell. `socket` is a word: see `_socket_state`."""

    now: float
    state_dir: str
    state_free: int | None
    engine_root: str
    engine_free: int | None
    memory_available: int | None
    inotify_instances: int | None
    inotify_watches: int | None
    journald: bool
    socket_path: str
    socket: str
    socket_mode: int = 0


def look(state_dir: Path, socket: Path, engine_root: str, now: Callable[[], float]) -> HostFacts:
    """The facts of this host. Never raises: what cannot be told is None."""
    state, mode = _socket_state(socket)
    return HostFacts(
        now=now(),
        state_dir=str(state_dir),
        state_free=free_bytes(state_dir),
        engine_root=engine_root,
        engine_free=free_bytes(Path(engine_root)) if engine_root else None,
        memory_available=_memory_available(),
        inotify_instances=_number(Path("/proc/sys/fs/inotify/max_user_instances")),
        inotify_watches=_number(Path("/proc/sys/fs/inotify/max_user_watches")),
        journald=Path("/run/systemd/journal/socket").exists(),
        socket_path=str(socket),
        socket=state,
        socket_mode=mode,
    )


def host_checks(facts: HostFacts) -> list[CheckView]:
    return [
        _socket_check(facts),
        disk_check("disk of zpmd", facts.state_dir, facts.state_free),
        *([disk_check("disk of the engine", facts.engine_root, facts.engine_free)] if facts.engine_root else []),
        _memory_check(facts.memory_available),
        _inotify_check("instances", facts.inotify_instances, INOTIFY_INSTANCES),
        _inotify_check("watches", facts.inotify_watches, INOTIFY_WATCHES),
        _year_check(facts.now),
        _journald_check(facts.journald),
    ]


def engine_checks(about: Mapping[str, str], error: str, now: float) -> list[CheckView]:
    """Of what Engine.about tells: `engine` (its version), `api`, `storage driver`, `warnings`, `clock` (RFC 3339)."""
    if error:
        what = "is it running, and may zpmd use its socket? `systemctl status docker`, `docker version`"
        return [CheckView(name="engine", level=FAIL, text=error, advice=what)]
    text = f"version {about.get('engine', 'unknown')}, API {about.get('api', 'unknown')}"
    if driver := about.get("storage driver"):
        text += f", storage {driver}"
    checks = [CheckView(name="engine", level=OK, text=text)]
    if warnings := about.get("warnings"):
        advice = "containers that use what is missing will fail: `docker info`"
        checks.append(CheckView(name="engine warnings", level=WARN, text=warnings, advice=advice))
    engine_now = _instant(about.get("clock", ""))
    if engine_now is not None:
        skew = abs(engine_now - now)
        advice = "" if skew < SKEW_SECONDS else "set both clocks by NTP: `timedatectl set-ntp true`"
        level = WARN if advice else OK
        checks.append(CheckView(name="engine clock", level=level, text=f"{span(skew)} from this one", advice=advice))
    return checks


def daemon_checks(snapshot: Snapshot | None) -> list[CheckView]:
    if snapshot is None:
        advice = "wait for the first pass; if it does not end: `journalctl -u zpmd`"
        return [CheckView(name="daemon", level=WARN, text="no pass has ended yet", advice=advice)]
    checks = [CheckView(name="daemon", level=OK, text=f"zpmd {snapshot.version}, pass {snapshot.number}")]
    for source in snapshot.sources:
        if not source.ok and not source.away:
            text = f"{source.name}: " + "; ".join(str(p) for p in source.problems)
            checks.append(CheckView(name="files", level=FAIL, text=text, advice="correct them: `zpmd check`"))
    for name, alive in sorted(snapshot.watchers.items()):
        if not alive:
            text, advice = f"the watcher of {name} is not alive", "changes are seen late; `journalctl -u zpmd` has why"
            checks.append(CheckView(name="watcher", level=WARN, text=text, advice=advice))
    return checks + (_registry(snapshot, snapshot.tenancy) if snapshot.tenancy else []) + _taken(snapshot)


def _registry(snapshot: Snapshot, tenancy: Tenancy) -> list[CheckView]:
    """Whether tenants and integrations are known as they are now, and whether all of them are understood."""
    where, rows = tenancy.where, tenancy.rows
    counts = f"{plural(len(rows.tenants), 'tenant')}, {plural(len(rows.integrations), 'integration')}"
    checks = [CheckView(name="registry", level=OK, text=f"{where}, {tenancy.watched}: {counts}")]
    if tenancy.away:
        advice = (
            "correct the file, or put it back: `zpmd check` names all that is wrong"
            if where == DATA_FILES
            else "is it running, does it listen there, is the password right? `zpmctl status` says since when"
        )
        checks = [
            CheckView(
                name="registry", level=FAIL, text=f"{where}: {tenancy.away.why}; {goes_on(tenancy)}", advice=advice
            )
        ]
    for code, why in rows.unknown:
        advice = "its integrations go on as last known; correct db_host, db_username and db_password of its row"
        checks.append(CheckView(name="registry", level=WARN, text=f"database of tenant {code}: {why}", advice=advice))
    bad = troubles(snapshot)
    for trouble in bad[:TROUBLES_TOLD]:
        text = f"{trouble.collection} {trouble.row}: {trouble.field}: {trouble.reason}; {trouble.consequence}"
        checks.append(CheckView(name="rows", level=WARN, text=text, advice=f"correct the row in {where}"))
    if len(bad) > TROUBLES_TOLD:
        text = f"{len(bad) - TROUBLES_TOLD} more complaints about rows"
        checks.append(CheckView(name="rows", level=WARN, text=text, advice="`zpmctl integrations`, `zpmctl tenants`"))
    if tenancy.held:
        text = f"{plural(len(tenancy.held), 'integration')} vanished from {where} at once, and kept"
        advice = "`zpmctl approve` if that is meant; if not, put the rows back"
        checks.append(CheckView(name="rows", level=WARN, text=text, advice=advice))
    checks += [
        CheckView(
            name="ports", level=WARN, text=f"port {port} is passed over: {why}", advice="free it, or move the range"
        )
        for port, why in tenancy.skipped
    ]
    return checks


def _taken(snapshot: Snapshot) -> list[CheckView]:
    """Names and ports of ours that containers of others have."""
    checks = [
        CheckView(
            name="names",
            level=FAIL,
            text=f"{w.subject}: {w.cause.text}",
            advice="rename or remove the other container: zpmd never touches what is not its own",
        )
        for w in snapshot.plan.waiting
        if w.cause.code is Code.NAME_TAKEN
    ]
    wanted = {
        f"{binding.published}/{binding.protocol}": service.name
        for service in snapshot.desired.services
        for binding in service.container.ports
        if binding.published
    }
    for stranger in snapshot.observed.world.strangers if snapshot.observed.world else ():
        for port in stranger.ports:
            owner = wanted.get(port.rpartition(":")[2])
            if owner is not None:
                text = f"{port} is wanted by {owner}, and taken by the container {stranger.name}, which is not ours"
                checks.append(
                    CheckView(name="ports", level=FAIL, text=text, advice=f"stop it, or give {owner} another port")
                )
    checks += _borrowed(snapshot)
    if not checks:
        checks.append(CheckView(name="names and ports", level=OK, text="none of ours is taken by others"))
    return checks


def _borrowed(snapshot: Snapshot) -> list[CheckView]:
    """Volumes and networks that are used by name and that somebody else made. They work, and `down` leaves them."""
    desired, world = snapshot.desired, snapshot.observed.world
    if world is None:
        return []
    volumes = {v.name for v in desired.volumes if not v.external} & (world.volumes - world.own_volumes)
    networks = {n.name for n in desired.networks if not n.external} & (world.networks - world.own_networks)
    named = [f"volume {name}" for name in sorted(volumes)] + [f"network {name}" for name in sorted(networks)]
    return [
        CheckView(
            name="names",
            level=WARN,
            text=f"{what} was there before zpmd, and is used as it is",
            advice="if that is meant, declare it `external: true`; if not, give ours another `name`",
        )
        for what in named
    ]


def _socket_check(facts: HostFacts) -> CheckView:
    text, path = f"{facts.socket_path}: {facts.socket}", facts.socket_path
    match facts.socket:
        case "answers":
            if facts.socket_mode & 0o007:
                return CheckView(
                    name="socket",
                    level=FAIL,
                    text=f"{path} is open to everybody (mode {facts.socket_mode:04o})",
                    advice=f"who may use it may do everything: `chmod 660 {path}`",
                )
            return CheckView(name="socket", level=OK, text=f"{path}, mode {facts.socket_mode:04o}")
        case "no permission":
            advice = f"become root, or a member of its group: `ls -l {path}`, `usermod -aG zpmd $USER`"
        case "nobody answers":
            advice = "the daemon has died, or is starting: `systemctl status zpmd`"
        case _:
            advice = "start the daemon: `systemctl start zpmd`"
    return CheckView(name="socket", level=FAIL, text=text, advice=advice)


def disk_check(name: str, path: str, free: int | None) -> CheckView:
    if free is None:
        return CheckView(
            name=name, level=WARN, text=f"{path} cannot be looked at", advice="does it exist? is it yours?"
        )
    text = f"{free // MIB} MiB free at {path}"
    if free >= DISK_WARN_BYTES:
        return CheckView(name=name, level=OK, text=text)
    level = FAIL if free < DISK_FAIL_BYTES else WARN
    return CheckView(
        name=name, level=level, text=text, advice="make room: `docker system df`, `journalctl --disk-usage`"
    )


def _memory_check(available: int | None) -> CheckView:
    if available is None:
        return CheckView(name="memory", level=WARN, text="/proc/meminfo cannot be read", advice="is /proc mounted?")
    text = f"{available // MIB} MiB available"
    if available >= MEMORY_WARN_BYTES:
        return CheckView(name="memory", level=OK, text=text)
    return CheckView(name="memory", level=WARN, text=text, advice="containers may be killed: `docker stats`, `free -m`")


def _inotify_check(what: str, limit: int | None, need: int) -> CheckView:
    name = f"inotify {what}"
    if limit is None:
        text = "this host does not tell its limit"
        return CheckView(name=name, level=WARN, text=text, advice="without inotify, changed files are seen late")
    if limit >= need:
        return CheckView(name=name, level=OK, text=f"limit {limit}, zpmd needs at most {need}")
    return CheckView(
        name=name,
        level=WARN,
        text=f"limit {limit}, zpmd needs up to {need}",
        advice=f"`sysctl fs.inotify.max_user_{what}={need * 8}`, and in /etc/sysctl.d to keep it",
    )


def _year_check(now: float) -> CheckView:
    moment = datetime.fromtimestamp(now, UTC)
    text = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    if moment.year in SANE_YEARS:
        return CheckView(name="clock", level=OK, text=text)
    return CheckView(name="clock", level=FAIL, text=text, advice="set it: `timedatectl set-ntp true`")


def _journald_check(present: bool) -> CheckView:
    if present:
        return CheckView(name="journald", level=OK, text="its socket is there")
    return CheckView(name="journald", level=WARN, text="no journal on this host", advice="zpmd logs to its stderr")


def _socket_state(path: Path) -> tuple[str, int]:
    """(answers | no permission | nobody answers | is not there | is no socket, mode)."""
    try:
        found = path.stat()
    except PermissionError:
        return "no permission", 0
    except OSError:
        return "is not there", 0
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISSOCK(found.st_mode):
        return "is no socket", mode
    with sockets.socket(sockets.AF_UNIX) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(path))
        except PermissionError:
            return "no permission", mode
        except OSError:
            return "nobody answers", mode
    return "answers", mode


def free_bytes(path: Path) -> int | None:
    """Of the file system that `path` is on, or will be made on."""
    for place in (path, *path.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def _memory_available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    values = (line.split() for line in lines if line.startswith("MemAvailable:"))
    return next((int(words[1]) * 1024 for words in values), None)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _instant(text: str) -> float | None:
    """RFC 3339, as the engine writes it: with nanoseconds, of which Python 3.11 takes six digits."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
