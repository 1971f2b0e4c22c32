"""A host with the sample appliance is switched on, rebooted, and loses its power: it comes back in order, by itself.

On the same host, as it takes a while to come up, the tour of the README is gone.
"""

from __future__ import annotations

import itertools
import re

import pytest

from tests.integration.boot import tour
from tests.integration.boot.appliance import Appliance, starts_by_group
from tests.lab.host import LabHost
from tests.lab.hostdisk import CHECKOUT

pytestmark = pytest.mark.timeout(600)
UP_SECONDS = 150
STARTED = "39f53479d3a045ac8e11786248231fbf"
"""systemd's id of `Started zpmd.service` (SD_MESSAGE_UNIT_STARTED)."""


@pytest.fixture
def up(host: LabHost, appliance: Appliance) -> Appliance:
    """The host is on, and all of the appliance with it: switched on with the files in place, and nothing else."""
    if not host.on:
        for folder in ("services.d", "files", "data.d"):
            host.push(CHECKOUT / "etc" / "zpmd" / folder, f"/etc/zpmd/{folder}")
        assert host.boot() == "running"
    appliance.converged(UP_SECONDS)
    return appliance


def assert_in_order(appliance: Appliance) -> None:
    """No container of a group started before all of the groups before it had."""
    containers = appliance.containers()
    assert len(containers) >= 31
    assert all(one.running or one.exit_code == 0 for one in containers.values())
    groups = starts_by_group({name: one for name, one in containers.items() if one.running})
    assert len(groups) == 4
    assert [later[0] > earlier[-1] for earlier, later in itertools.pairwise(groups)] == [True] * 3


def test_after_the_first_boot_all_groups_are_up_in_order(up: Appliance) -> None:
    assert_in_order(up)
    assert up.host.unit("zpmd")["NRestarts"] == "0"
    assert up.host.must("systemctl is-system-running").strip() == "running"


def test_systemd_hears_that_it_is_ready_once_the_first_pass_has_begun_what_is_to_be_done(up: Appliance) -> None:
    said = up.host.journal("--boot", "--unit=zpmd")
    decided = next(entry for entry in said if entry.get("ZPMD_ACTION") not in (None, "boot"))
    (started,) = up.host.journal("--boot", f"MESSAGE_ID={STARTED}", "UNIT=zpmd.service")
    assert int(decided["__MONOTONIC_TIMESTAMP"]) < int(started["__MONOTONIC_TIMESTAMP"])


def test_one_line_of_systemctl_status_says_that_all_is_up(up: Appliance) -> None:
    assert re.search(r"\b23\b", up.status_line())


def test_the_journal_tells_the_story_of_one_service(up: Appliance) -> None:
    entries = up.host.journal("--unit=zpmd", "ZPMD_SERVICE=zona_user")
    assert {entry["ZPMD_SERVICE"] for entry in entries} == {"zona_user"}
    assert {"run", "judge"} <= {entry["ZPMD_ACTION"] for entry in entries}
    assert {entry["_SYSTEMD_UNIT"] for entry in entries} == {"zpmd.service"}
    assert {int(entry["PRIORITY"]) for entry in entries} <= {5, 6}, "nothing went wrong"


def test_after_a_reboot_all_of_it_is_up_in_order_in_the_containers_of_before(up: Appliance) -> None:
    before = {one.id for one in up.containers().values()}
    up.host.poweroff()
    assert up.host.boot() == "running"
    up.converged(UP_SECONDS)
    assert_in_order(up)
    assert {one.id for one in up.containers().values()} == before


def test_after_a_power_failure_all_of_it_is_up_in_order_in_the_containers_of_before(up: Appliance) -> None:
    before = {one.id for one in up.containers().values()}
    up.host.power_failure()
    assert up.host.boot() == "running"
    up.converged(UP_SECONDS)
    assert_in_order(up)
    assert {one.id for one in up.containers().values()} == before


def test_every_command_of_the_readmes_tour_does_on_a_host_what_it_says(up: Appliance) -> None:
    up.host.write("/etc/zpmd/hotfix.patch.yaml", tour.PATCH)
    up.host.write("/root/editor", tour.EDITOR, 0o755)
    commands = tour.commands()
    assert len(commands) >= 20
    for command in commands:
        said = up.host.sh(f"cd /etc/zpmd && {command}", 120, {"EDITOR": "/root/editor"})
        assert said.code == tour.EXPECTED.get(command, 0), f"{command}: {said.code}\n{said.out}\n{said.err}"
        assert said.out or command.startswith(("mv ", "$EDITOR ")), f"{command} says nothing"
    containers = up.containers()
    assert sum(one.running for one in containers.values() if one.service == "zona_apis_manager") == 5
    assert [one.running for one in containers.values() if one.service == "redis"] == [False]
    up.host.must("zpmctl start redis && zpmctl release kafka && zpmctl scale zona_apis_manager file")
    page = up.host.must("curl --silent --fail --unix-socket /run/zpmd/zpmd.sock http://localhost/")
    assert "<html" in page
