"""What follows from the `servers` rows."""

from __future__ import annotations

import pytest

from zpmd.model.replicaset import WantedMember
from zpmd.model.tenant import Server
from zpmd.planning.servers import own_server, role_and_vms, wanted_members

PRIORITIES = {"active": 10.0, "secondary-active": 5.0, "passive": 1.0}
SERVERS = (
    Server(name="app1", role="active", vms=("service",)),
    Server(name="db1", role="passive", vms=("database",), db_host="10.0.0.1"),
    Server(name="db2", role="active", vms=("service", "database"), db_host="10.0.0.2:27018"),
)


@pytest.mark.parametrize(("name", "expected"), [("db1", SERVERS[1]), ("DB1", SERVERS[1]), ("db9", None), ("", None)])
def test_a_server_is_found_by_its_name(name: str, expected: Server | None) -> None:
    assert own_server(SERVERS, name) == expected


def test_a_name_that_two_rows_claim_is_nobodys() -> None:
    assert own_server((SERVERS[0], SERVERS[0]), "app1") is None


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (None, ("passive", ("service", "database"))),
        (SERVERS[0], ("active", ("service",))),
        (Server(name="x", role="", vms=("database",)), ("passive", ("database",))),
        (Server(name="x", role="active"), ("active", ("service", "database"))),
    ],
)
def test_the_row_of_a_server_goes_before_the_settings(
    own: Server | None, expected: tuple[str, tuple[str, ...]]
) -> None:
    assert role_and_vms("passive", ("service", "database"), own) == expected


def test_members_of_the_settings_go_before_the_servers_and_have_the_priority_of_their_role() -> None:
    named = (("10.0.0.1", None), ("10.0.0.2:27018", 7.0), ("10.0.0.3", None), ("10.0.0.1:27017", 3.0))
    assert wanted_members("rs0", named, PRIORITIES, SERVERS).members == (
        WantedMember(host="10.0.0.1:27017", priority=1.0),
        WantedMember(host="10.0.0.2:27018", priority=7.0),
        WantedMember(host="10.0.0.3:27017", priority=None),
    )


def test_without_members_in_the_settings_they_are_the_database_servers_the_highest_priority_first() -> None:
    assert wanted_members("rs0", (), PRIORITIES, SERVERS).members == (
        WantedMember(host="10.0.0.2:27018", priority=10.0),
        WantedMember(host="10.0.0.1:27017", priority=1.0),
    )


def test_a_role_without_a_priority_is_no_opinion() -> None:
    assert wanted_members("rs0", (("10.0.0.1", None),), {"active": 10.0}, SERVERS).members == (
        WantedMember(host="10.0.0.1:27017"),
    )


def test_members_that_nobody_knows_are_unknown_and_not_none() -> None:
    wanted = wanted_members("rs0", (), PRIORITIES, SERVERS[:1])
    assert wanted.members == ()
    assert wanted.unknown.startswith("its members are not known: name them in the settings")
