"""MongoDB's documents about a replica set: what is read of them, and what a step changes."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from zpmd.model.replicaset import (
    AddMember,
    Change,
    GrantVote,
    Initiate,
    MemberState,
    RemoveMember,
    SetPriority,
    WantedMember,
)
from zpmd.sources.mongo.replicaset_documents import changed, config_of, initial, states_of

CONFIG: dict[str, Any] = {
    "_id": "rs0",
    "version": 7,
    "term": 3,
    "members": [
        {"_id": 0, "host": "A:27017", "priority": 2, "votes": 1, "tags": {"site": "north"}},
        {"_id": 4, "host": "b:27018", "priority": 0, "votes": 0, "hidden": True},
    ],
    "settings": {"replicaSetId": "id", "electionTimeoutMillis": 1000},
    "of a later MongoDB": {"x": 1},
}


def test_a_config_is_read_as_it_is() -> None:
    config = config_of(CONFIG)
    assert (config.name, config.id, config.version, config.term) == ("rs0", "id", 7, 3)
    assert [(m.number, m.host, m.priority, m.votes, m.bound) for m in config.members] == [
        (0, "a:27017", 2.0, 1, ""),
        (4, "b:27018", 0.0, 0, "hidden"),
    ]


@pytest.mark.parametrize(
    ("member", "bound"),
    [
        ({"arbiterOnly": True}, "an arbiter"),
        ({"hidden": True}, "hidden"),
        ({"secondaryDelaySecs": 60}, "delayed"),
        ({"slaveDelay": 60}, "delayed"),
        ({"buildIndexes": False}, "without indexes"),
        ({"arbiterOnly": False, "hidden": False, "secondaryDelaySecs": 0, "buildIndexes": True}, ""),
    ],
)
def test_what_keeps_a_priority_at_zero_is_known(member: dict[str, Any], bound: str) -> None:
    config = config_of({"_id": "rs0", "version": 1, "members": [{"_id": 0, "host": "a", **member}]})
    assert config.members[0].bound == bound


@pytest.mark.parametrize(
    ("change", "members"),
    [
        (AddMember(host="c:1"), [*CONFIG["members"], {"_id": 5, "host": "c:1", "priority": 0, "votes": 0}]),
        (RemoveMember(host="a:27017"), CONFIG["members"][1:]),
        (SetPriority(host="a:27017", priority=9.0), [{**CONFIG["members"][0], "priority": 9.0}, CONFIG["members"][1]]),
        (
            GrantVote(host="b:27018", priority=4.0),
            [CONFIG["members"][0], {**CONFIG["members"][1], "priority": 4.0, "votes": 1}],
        ),
    ],
)
def test_a_change_is_one_version_on_and_keeps_all_else(change: Change, members: list[object]) -> None:
    before = copy.deepcopy(CONFIG)
    assert changed(CONFIG, change) == {**CONFIG, "version": 8, "members": members}
    assert before == CONFIG


def test_a_new_member_takes_a_gap_only_where_the_numbers_end() -> None:
    members = [{"_id": n, "host": f"h{n}"} for n in (0, 2, 255)]
    added = changed({"_id": "rs0", "version": 1, "members": members}, AddMember(host="c:1"))["members"][-1]
    assert added["_id"] == 1


def test_a_set_is_initiated_with_all_its_members() -> None:
    step = Initiate(at="a:1", members=(WantedMember(host="a:1", priority=10.0), WantedMember(host="b:1")))
    assert initial("rs0", step) == {
        "_id": "rs0",
        "members": [{"_id": 0, "host": "a:1", "priority": 10.0}, {"_id": 1, "host": "b:1", "priority": 1.0}],
    }


@pytest.mark.parametrize(
    ("state", "health", "expected"),
    [
        (1, 1.0, MemberState.PRIMARY),
        (2, 1.0, MemberState.SECONDARY),
        (7, 1.0, MemberState.ARBITER),
        (5, 1.0, MemberState.SYNCING),
        (3, 1.0, MemberState.SYNCING),
        (9, 1.0, MemberState.SYNCING),
        (6, -1.0, MemberState.DOWN),
        (8, 0.0, MemberState.DOWN),
        (2, 0.0, MemberState.DOWN),
        (10, 1.0, MemberState.DOWN),
    ],
)
def test_the_state_of_a_member_is_read(state: int, health: float, expected: MemberState) -> None:
    status = {"members": [{"name": "a:1", "state": state, "health": health, "self": True}]}
    assert states_of(status) == ("a:1", {"a:1": expected})
