"""The queries of docs/journal.md on a real host: what zpmd did and what the containers said, found and explained.

The host has an appliance of three: one that logs to journald, one that logs to files, one that crashes for ever.
"""

from __future__ import annotations

import re

import pytest

from tests.integration.appliance import worker
from tests.integration.boot.appliance import Appliance
from tests.lab.eventually import eventually
from tests.lab.host import LabHost
from zpmd.messages import Message

pytestmark = pytest.mark.timeout(420)

TALK = "environment: {INTERVAL: '1'}\n"
FILES = {
    "10-talks.yaml": worker("talks", "system", f"{TALK}logging: {{driver: journald}}\n"),
    "20-writes.yaml": worker("writes", "core", TALK),
    "30-crashes.yaml": """\
services:
  crashes:
    image: appliance/flaky:1.0
    environment: {LIFETIME: '1'}
    x-zpmd: {group: app, required: false}
""",
}


@pytest.fixture
def up(host: LabHost, appliance: Appliance) -> Appliance:
    """The host is on, and what can be up is."""
    if not host.on:
        appliance.declare(FILES)
        assert host.boot() == "running"
    eventually(lambda: state(appliance, "crashes") == "crash-loop", 90, "a crash loop", 0.2)
    return appliance


def state(appliance: Appliance, service: str) -> str:
    rows = [row for group in appliance.status()["groups"] for row in group["services"]]
    return next(row["state"] for row in rows if row["name"] == service)


def test_the_package_has_made_the_explanations_known(up: Appliance) -> None:
    listed = {line.split(" ", 1)[0] for line in up.host.must("journalctl --list-catalog").splitlines()}
    assert {message.id for message in Message} <= listed


def test_journalctl_x_explains_a_crash_loop_with_what_to_do(up: Appliance) -> None:
    said = up.host.must(f"journalctl --no-pager -x MESSAGE_ID={Message.CRASH_LOOP.id}")
    assert "crashes is in a crash loop: exited with 1" in said
    assert "Subject: Service crashes is in a crash loop" in said
    assert "zpmctl restart crashes" in said
    assert "@ZPMD" not in said


def test_a_crash_loop_is_one_error_and_its_further_tries_are_none(up: Appliance) -> None:
    errors = up.host.journal("--boot", "--unit=zpmd", "-p", "err")
    assert [entry.get("MESSAGE_ID") for entry in errors] == [Message.CRASH_LOOP.id]
    told = up.host.journal("--unit=zpmd", "ZPMD_SERVICE=crashes")
    assert told[-1]["MESSAGE_ID"] == Message.CRASH_LOOP.id

    def tries() -> int:
        rows = [row for group in up.status()["groups"] for row in group["services"]]
        return int(next(row["restarts"] for row in rows if row["name"] == "crashes"))

    eventually(lambda: tries() >= 4, 60, "one more try", 0.2)
    assert len(up.host.journal("--unit=zpmd", "ZPMD_SERVICE=crashes")) == len(told)


def test_one_query_has_what_a_service_said_and_what_zpmd_did_with_it(up: Appliance) -> None:
    def both() -> list[dict[str, str]]:
        found = up.host.journal("ZPMD_SERVICE=talks")
        assert {entry["_SYSTEMD_UNIT"] for entry in found} == {"zpmd.service", "docker.service"}
        return found

    story = eventually(both, 30, "lines of both", 0.5)
    own = [entry for entry in story if entry["_SYSTEMD_UNIT"] == "docker.service"]
    assert {entry["CONTAINER_TAG"] for entry in own} == {"talks"}
    [name] = {entry["CONTAINER_NAME"] for entry in own}
    assert name in up.containers("talks")
    assert own == up.host.journal("CONTAINER_TAG=talks")[: len(own)]
    assert up.host.journal("ZPMD_SERVICE=writes", "_SYSTEMD_UNIT=docker.service") == []


def test_zpmctl_logs_reads_what_went_to_journald_as_well_as_what_went_to_files(up: Appliance) -> None:
    for service in ("talks", "writes"):
        said = eventually(lambda name=service: up.host.must(f"zpmctl logs {name}"), 30, "its lines", 0.5)
        assert re.search(rf"{service}\b.*: ", said), said


def test_what_an_operator_did_is_a_notice_with_his_name(up: Appliance) -> None:
    up.host.must("zpmctl hold writes --for 10m --reason 'a look'")
    asked = up.host.journal(f"MESSAGE_ID={Message.ASKED.id}", "ZPMD_ACTOR=root")
    assert [(e["ZPMD_ACTION"], e["ZPMD_SERVICE"], e["PRIORITY"]) for e in asked] == [("hold", "writes", "5")]
    up.host.must("zpmctl release writes")


def test_a_wrong_file_is_a_warning_that_says_where(up: Appliance) -> None:
    up.host.write("/etc/zpmd/services.d/20-writes.yaml", "services: {writes: {image: [1]}}\n")
    wrong = eventually(lambda: up.host.journal(f"MESSAGE_ID={Message.SOURCE_WRONG.id}"), 30, "a line", 0.5)
    assert [entry["PRIORITY"] for entry in wrong] == ["4"]
    assert "20-writes.yaml:1:" in wrong[0]["MESSAGE"]
    eventually(lambda: "files wrong since" in up.status_line(), 10, "a status that says so", 0.2)
    up.host.write("/etc/zpmd/services.d/20-writes.yaml", FILES["20-writes.yaml"])
    eventually(lambda: up.host.journal(f"MESSAGE_ID={Message.SOURCE_GOOD.id}"), 30, "its end", 0.5)


def test_the_status_line_names_what_wants_a_look(up: Appliance) -> None:
    eventually(lambda: up.status_line() == "2 of 3 services are up; look at crashes (crash-loop)", 30, "the line", 0.2)


def test_an_engine_that_is_stopped_and_started_is_lost_and_found(up: Appliance) -> None:
    up.host.must("systemctl stop docker.socket docker.service")
    lost = eventually(lambda: up.host.journal(f"MESSAGE_ID={Message.ENGINE_LOST.id}"), 30, "a line", 0.5)
    assert [entry["PRIORITY"] for entry in lost] == ["3"]
    eventually(lambda: up.status_line().startswith("engine unknown since "), 10, "a status that says so", 0.2)
    up.host.must("systemctl start docker.service")
    eventually(lambda: up.host.journal(f"MESSAGE_ID={Message.ENGINE_FOUND.id}"), 60, "its return", 0.5)
    eventually(lambda: state(up, "talks") == "running", 60, "what it ran before", 0.5)
    assert len(up.host.journal(f"MESSAGE_ID={Message.ENGINE_LOST.id}")) == 1


def test_a_reload_and_a_stop_are_told_to_systemd(up: Appliance) -> None:
    up.host.must("systemctl reload zpmd")
    eventually(lambda: up.host.unit("zpmd")["SubState"] == "running", 10, "a reload that is over", 0.1)
    up.host.must("systemctl stop zpmd")
    assert up.host.unit("zpmd")["Result"] == "success"
    [ended] = [e for e in up.host.journal("--unit=zpmd", "-p", "5") if "SIGTERM came" in str(e["MESSAGE"])]
    assert ended["PRIORITY"] == "5"
    up.host.must("systemctl start zpmd")


def test_a_start_that_cannot_be_is_explained_and_not_repeated(up: Appliance) -> None:
    up.host.must("systemctl stop zpmd && cp /etc/zpmd/zpmd.yaml /root/ && echo 'nonsense: 1' >>/etc/zpmd/zpmd.yaml")
    assert up.host.sh("systemctl start zpmd").code != 0
    entries = up.host.journal(f"MESSAGE_ID={Message.CANNOT_START.id}")
    assert {entry["PRIORITY"] for entry in entries} == {"3"}
    assert entries[-1]["MESSAGE"] == "zpmd does not start: nothing was touched"
    assert any("zpmd.yaml:" in entry["MESSAGE"] and "nonsense" in entry["MESSAGE"] for entry in entries)
    assert up.host.unit("zpmd")["ExecMainStatus"] == "78"
    assert up.host.unit("zpmd")["NRestarts"] == "0"
    up.host.must("cp /root/zpmd.yaml /etc/zpmd/zpmd.yaml && systemctl start zpmd")
