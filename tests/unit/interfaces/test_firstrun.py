"""What a host lacks for a first run: each thing with what to do, in the order in which it has to be done."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zpmd.interfaces import firstrun
from zpmd.interfaces.firstrun import checks, engine, host
from zpmd.interfaces.firstrun.facts import Competitor, Configured, EngineSetup, HostSetup, Place, Unit

READY = HostSetup(unit=Unit(user="zpmd"), state=Place(path="/var/lib/zpmd", owner="zpmd", mode=0o700))
ENGINE = EngineSetup(
    url="unix:///var/run/docker.sock",
    version="27.3.1",
    api="1.47",
    log_driver="journald",
    rotated=True,
    live_restore=True,
)
NEW = HostSetup(
    user_zpmd=False,
    group_zpmd=False,
    unit=Unit(load="not-found", enabled="", active="inactive", sub="dead"),
    settings=Place(path="/etc/zpmd/zpmd.yaml", state="missing"),
    folder=Place(path="/etc/zpmd", state="missing"),
    service_files=0,
    state=Place(path="/var/lib/zpmd", state="missing"),
)
NO_ENGINE = EngineSetup(url="unix:///var/run/docker.sock", error="its socket does not exist")
STRANGER = Competitor(name="shop-web-1", port="8080/tcp", service="web", policy="always")


def lines(setup: HostSetup, seen: EngineSetup = ENGINE, *, answering: bool = False) -> list[tuple[str, str, str]]:
    return [(c.name, c.level, c.text) for c in checks.setup(setup, seen, answering=answering)]


def wrong(setup: HostSetup, seen: EngineSetup = ENGINE, *, answering: bool = False) -> list[tuple[str, str, str]]:
    return [line for line in lines(setup, seen, answering=answering) if line[1] != "ok"]


def test_a_host_that_is_ready_has_nothing_to_do() -> None:
    assert {(c.level, c.advice) for c in checks.setup(READY, ENGINE, answering=False)} == {("ok", "")}


def test_a_new_host_is_told_what_to_do_in_the_order_in_which_it_is_done() -> None:
    assert lines(NEW, NO_ENGINE) == [
        ("engine", "fail", "unix:///var/run/docker.sock: its socket does not exist"),
        ("settings", "warn", "/etc/zpmd/zpmd.yaml is missing: all settings have their defaults"),
        ("service files", "fail", "there is none in /etc/zpmd/services.d"),
        ("group", "warn", "there is no group zpmd, so root alone may use zpmctl"),
        ("state", "ok", "/var/lib/zpmd is made at the first start"),
        ("unit", "fail", "zpmd.service is not installed"),
        ("time", "ok", "synchronised by NTP"),
    ]


@pytest.mark.parametrize(
    ("fact", "name", "level", "text"),
    [
        ({"settings": Place(path="/s", state="missing")}, "settings", "warn", "/s is missing: all settings have their"
         " defaults"),
        ({"settings": Place(path="/s", state="cannot be looked at: Permission denied"), "root": False}, "settings",
         "warn", "/s: cannot be looked at: Permission denied"),
        ({"service_files": 0}, "service files", "fail", "there is none in /etc/zpmd/services.d"),
        ({"service_files": None, "root": False}, "service files", "warn", "/etc/zpmd/services.d cannot be looked at"),
        ({"configured": Configured(problems=3, problem="a.yaml:1:2: wrong")}, "service files", "fail",
         "a.yaml:1:2: wrong, and 2 more"),
        ({"configured": Configured(unasked="no answer")}, "service files", "warn",
         "they could not be checked: no answer"),
        ({"open_to_all": ("/etc/zpmd", "/b", "/c", "/d")}, "rights", "fail",
         "everybody may write /etc/zpmd, /b, /c and 1 more"),
        ({"open_secrets": ("/a.env",)}, "rights", "warn", "everybody may read /a.env"),
        ({"closed": ("/etc/zpmd/zpmd.yaml",)}, "rights", "fail",
         "zpmd, as whom the daemon runs, may not read /etc/zpmd/zpmd.yaml"),
        ({"group_zpmd": False}, "group", "warn", "there is no group zpmd, so root alone may use zpmctl"),
        ({"user_zpmd": False}, "user", "fail", "there is no user zpmd, as whom the unit runs zpmd"),
        ({"members": None}, "user", "warn", "there is no group docker"),
        ({"members": frozenset({"ann"})}, "user", "fail",
         "zpmd is not in the group docker, and so cannot use the engine"),
        ({"state": Place(path="/s", owner="root", mode=0o700)}, "state", "fail", "/s is root's, and zpmd runs as zpmd"),
        ({"state": Place(path="/s", owner="zpmd", mode=0o755)}, "state", "fail",
         "/s is open to others (mode 0755), and contents of secrets are in it"),
        ({"unit": None}, "unit", "warn", "no systemd answers here"),
        ({"unit": Unit(load="masked", user="zpmd")}, "unit", "fail", "zpmd.service is masked"),
        ({"unit": Unit(load="not-found", user="zpmd")}, "unit", "fail", "zpmd.service is not installed"),
        ({"unit": Unit(active="failed", status=78, user="zpmd")}, "unit", "fail",
         "zpmd did not start, as its files were wrong (exit status 78)"),
        ({"unit": Unit(active="failed", status=1, user="zpmd")}, "unit", "fail", "zpmd has failed (exit status 1)"),
        ({"unit": Unit(active="activating", sub="auto-restart", status=1, user="zpmd")}, "unit", "fail",
         "zpmd ends again and again (exit status 1)"),
        ({"unit": Unit(enabled="disabled", user="zpmd")}, "unit", "warn",
         "zpmd runs, and will not be started at the next boot"),
        ({"unit": Unit(active="inactive", user="zpmd")}, "unit", "fail", "zpmd.service is inactive"),
        ({"synchronised": False}, "time", "warn", "not synchronised with any other"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_missing_on_the_host_is_said_with_what_to_do(
    fact: dict[str, Any], name: str, level: str, text: str
) -> None:
    setup = replace(READY, **fact)
    if fact.get("unit", READY.unit) is None:
        setup = replace(setup, state=Place(path="/s", mode=0o700))
    assert wrong(setup) == [(name, level, text)]
    assert all(c.advice for c in checks.setup(setup, ENGINE, answering=False) if c.level != "ok")


@pytest.mark.parametrize(
    ("fact", "name", "level", "text"),
    [
        ({"error": "nobody answers"}, "engine", "fail", "unix:///var/run/docker.sock: nobody answers"),
        ({"error": "x", "forbidden": True}, "engine", "warn", "unix:///var/run/docker.sock may not be opened by you"),
        ({"version": "19.03.15", "api": "1.40"}, "engine", "fail", "version 19.03.15, API 1.40"),
        ({"api": "unheard-of"}, "engine", "fail", "version 27.3.1, API unheard-of"),
        ({"log_driver": "json-file", "rotated": False}, "container logs", "warn",
         "containers log by json-file, without an end: they fill the disk"),
        ({"competitors": (STRANGER,)}, "ports", "fail", "8080/tcp is wanted by web, and taken by the container"
         " shop-web-1, which is not ours (restart: always)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_wrong_with_the_engine_is_said_with_what_to_do(
    fact: dict[str, Any], name: str, level: str, text: str
) -> None:
    assert wrong(READY, replace(ENGINE, **fact)) == [(name, level, text)]
    assert all(c.advice for c in checks.setup(READY, replace(ENGINE, **fact), answering=False) if c.level != "ok")


@pytest.mark.parametrize(
    ("count", "level", "text"),
    [
        (None, "warn", "containers log by json-file, without an end: they fill the disk"),
        (1, "warn", "1 service logs by json-file, without an end: they fill the disk"),
        (5, "warn", "5 services log by json-file, without an end: they fill the disk"),
        (0, "ok", "every service says itself how it logs"),
    ],
)
def test_logs_without_an_end_are_those_of_services_that_say_nothing_of_it(
    count: int | None, level: str, text: str
) -> None:
    setup = replace(READY, configured=Configured(default_logging=count))
    seen = replace(ENGINE, log_driver="json-file", rotated=False)
    assert [line[1:] for line in lines(setup, seen) if line[0] == "container logs"] == [(level, text)]


def test_with_a_daemon_that_answers_its_own_engine_and_files_are_left_to_it() -> None:
    odd = replace(NEW, unit=READY.unit, user_zpmd=True)
    told = {name for name, _, _ in lines(odd, replace(NO_ENGINE), answering=True)}
    assert told == {"group", "user", "state", "unit", "time"}
    assert wrong(READY, replace(ENGINE, competitors=(STRANGER, replace(STRANGER, policy="no"))), answering=True) == [
        ("ports", "fail", "8080/tcp is wanted by web, and taken by the container shop-web-1, which is not ours"
         " (restart: always)")
    ]  # fmt: skip


def test_a_host_without_live_restore_gets_a_hint_and_no_complaint() -> None:
    (hint,) = [c for c in checks.setup(READY, replace(ENGINE, live_restore=False), answering=False) if c.advice]
    assert (hint.name, hint.level) == ("live-restore", "ok")
    assert "daemon.json" in hint.advice


def folder_of(path: Path, **texts: str) -> Path:
    folder = path / "zpmd"
    (folder / "services.d").mkdir(parents=True)
    (folder / "zpmd.yaml").write_text(
        "services_dir: services.d\ndata_dir: data.d\nstate_dir: state\npatches: {dir: spool}\n"
        f"engine: {{url: 'unix://{path}/no.sock'}}\n"
    )
    for name, text in texts.items():
        (folder / "services.d" / f"{name}.yaml").write_text(text)
    return folder


def test_a_real_folder_is_looked_at(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, web="services: {web: {image: x, ports: ['8080:80']}}")
    (folder / "services.d" / "web.env").write_text("A=b")
    (folder / "services.d" / "web.env").chmod(0o644)
    (folder / "services.d").chmod(0o757)
    seen = host.look(folder)
    assert (seen.service_files, seen.configured.services, seen.configured.problems) == (1, 1, 0)
    assert dict(seen.configured.published) == {"8080/tcp": "web"}
    assert seen.configured.default_logging == 1
    assert seen.configured.settings["state_dir"] == str(folder / "state")
    assert seen.state == Place(path=str(folder / "state"), state="missing")
    assert seen.open_to_all == (str(folder / "services.d"),)
    assert seen.open_secrets == (str(folder / "services.d" / "web.env"),)
    (folder / "services.d" / "web.yaml").write_text("services: {web: {imag: x}}")
    told = host.look(folder).configured
    assert told.problems == 2
    assert told.problem.startswith(f"{folder}/services.d/web.yaml:1:")


def test_the_guide_uses_the_places_of_the_settings(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    found, known = firstrun.guide(answering=False, folder=folder)
    assert (known.state_dir, known.patches.dir) == (folder / "state", folder / "spool")
    assert [(c.name, c.level) for c in found[:3]] == [("engine", "fail"), ("settings", "ok"), ("service files", "fail")]
    assert found[0].text == f"unix://{tmp_path}/no.sock: its socket does not exist"


@pytest.mark.parametrize(
    ("mode", "owner", "group", "readable"),
    [
        (0o640, 0, 0, False), (0o644, 0, 0, True), (0o640, 0, "own", True), (0o600, "own", 0, True),
        (0o040, "own", "own", False),
    ],
)  # fmt: skip
def test_whether_another_user_may_read_follows_from_mode_and_groups(
    mode: int, owner: int | str, group: int | str, readable: bool, tmp_path: Path
) -> None:
    account = next(user for user in host.pwd.getpwall() if user.pw_uid not in (0, os.geteuid()))
    path = tmp_path / "file"
    path.touch()
    path.chmod(mode)
    os.chown(path, account.pw_uid if owner == "own" else 0, account.pw_gid if group == "own" else 0)
    assert host._readable(path.stat(), account.pw_name) is readable
    assert host._readable(path.stat(), "root")


def test_words_of_systemd_are_read_as_they_are_printed() -> None:
    text = "LoadState=loaded\nUnitFileState=\nUser=zpmd\nDescription=a=b\n"
    assert host.properties(text) == {"LoadState": "loaded", "UnitFileState": "", "User": "zpmd", "Description": "a=b"}
    assert host.said(["/no/such/program"]) == ""


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (None, False), ("{}", False), ('{"log-opts": {"max-size": "10m"}}', True), ('{"log-opts": null}', False),
        ("nonsense", None), ("[]", None),
    ],
)  # fmt: skip
def test_whether_logs_have_an_end_is_in_the_engines_configuration(
    text: str | None, limit: bool | None, tmp_path: Path
) -> None:
    path = tmp_path / "daemon.json"
    if text is not None:
        path.write_text(text)
    assert engine._has_a_limit(path) is limit


def test_an_engine_that_is_none_is_told(tmp_path: Path) -> None:
    assert engine.look("tcp://h:1", {}).error == "only an engine behind a unix socket can be looked at from here"
    assert engine.look(f"unix://{tmp_path}/no.sock", {}).error == "its socket does not exist"
