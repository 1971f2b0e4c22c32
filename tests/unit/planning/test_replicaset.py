"""What is done next about the replica set, case by case; tests/properties walks through all of them at random."""

from __future__ import annotations

import pytest

from zpmd.model.replicaset import (
    ConfigMember,
    Look,
    MemberState,
    SetConfig,
    Standing,
    Wanted,
    WantedMember,
    spelled,
)
from zpmd.planning.replicaset import decide

UP, SYNCING, DOWN = MemberState.SECONDARY, MemberState.SYNCING, MemberState.DOWN


def wanted(*members: str, name: str = "rs0") -> Wanted:
    """`a=5` is a member with priority 5, `a` one with none."""
    pairs = [m.partition("=") for m in members]
    return Wanted(name=name, members=tuple(WantedMember(host=h, priority=float(p) if p else None) for h, _, p in pairs))


def look(host: str, standing: Standing, why: str = "", config: SetConfig | None = None) -> Look:
    return Look(host=host, standing=standing, why=why, me=host, config=config)


def a_set(*members: str, down: str = "", syncing: str = "", name: str = "rs0", set_id: str = "1") -> dict[str, Look]:
    """The looks at a set whose first member is primary. `b=5` has priority 5, `b=0v0` no vote, `b=0!` is hidden."""
    found = []
    for number, text in enumerate(members):
        host, _, rest = text.partition("=")
        priority, _, votes = rest.rstrip("!").partition("v")
        found.append(
            ConfigMember(
                number=number,
                host=host,
                priority=float(priority or 1),
                votes=int(votes or 1),
                bound="hidden" if rest.endswith("!") else "",
            )
        )
    config = SetConfig(name=name, id=set_id, version=4, term=2, members=tuple(found))
    states = {m.host: DOWN if m.host in down.split() else SYNCING if m.host in syncing.split() else UP for m in found}
    states[found[0].host] = MemberState.PRIMARY
    return {
        m.host: look(m.host, Standing.SILENT, "timed out")
        if states[m.host] is DOWN
        else Look(host=m.host, standing=Standing.IN_SET, me=m.host, config=config, states=states)
        for m in found
    }


def looks(**standings: Standing) -> dict[str, Look]:
    why = {Standing.SILENT: "timed out", Standing.REFUSES: "Authentication failed."}
    return {host: look(host, standing, why.get(standing, "")) for host, standing in standings.items()}


def said(want: Wanted, seen: dict[str, Look], own: str = "a") -> str:
    decision = decide(want, seen, own.split())
    return f"{decision.step or 'nothing'} | {decision}"


NEVER, SILENT, ALONE = Standing.NEVER, Standing.SILENT, Standing.ALONE
REFUSES, REMOVED = Standing.REFUSES, Standing.REMOVED


@pytest.mark.parametrize(
    ("standings", "own", "expected"),
    [
        ({"a": NEVER, "b": NEVER}, "a", "initiate on a with a, b | rs0: in order"),
        ({"a": NEVER, "b": NEVER}, "b", "nothing | rs0: waits to be initiated by the server that has a"),
        (
            {"a": NEVER, "b": SILENT},
            "a",
            "nothing | rs0: waits for b to answer before it is initiated (timed out)",
        ),
        (
            {"a": NEVER, "b": REFUSES},
            "a",
            "nothing | rs0: cannot tell whether it is initiated: b refuses (Authentication failed.)",
        ),
        ({"a": NEVER, "b": ALONE}, "a", "nothing | rs0: b runs without --replSet rs0: start it with that option"),
        ({"a": NEVER, "b": REMOVED}, "a", "nothing | rs0: is not initiated: b was in a replica set before"),
    ],
)
def test_a_set_is_initiated_only_when_everybody_says_that_there_is_none(
    standings: dict[str, Standing], own: str, expected: str
) -> None:
    assert said(wanted(*standings), looks(**standings), own) == expected


def test_it_is_initiated_on_the_first_member_that_may_become_primary() -> None:
    assert said(wanted("a=0", "b=2"), looks(a=NEVER, b=NEVER), "b").startswith("initiate on b with a, b")


def test_no_second_set_is_initiated_beside_the_one_where_the_database_is() -> None:
    seen = looks(d=NEVER) | a_set("a", "b")
    seen = {host: seen[host] for host in ("d", "b")}
    text = "rs0: is not initiated: b, where the database is, belongs to a replica set already"
    assert said(wanted("d"), seen, "d") == f"nothing | {text}"


@pytest.mark.parametrize(
    ("want", "expected"),
    [
        (wanted(), "nothing | rs0: no members are wanted"),
        (Wanted(name="rs0", unknown="nobody knows"), "nothing | rs0: nobody knows"),
        (wanted("a=0", "b=0"), "nothing | rs0: every wanted member has priority 0: none could become primary"),
        (wanted(*"abcdefgh"), "nothing | rs0: 8 members are wanted, and MongoDB lets no more than 7 vote"),
    ],
)
def test_what_cannot_be_wanted_is_not_tried(want: Wanted, expected: str) -> None:
    assert said(want, {}) == expected


ABC = ("a", "b", "c")


@pytest.mark.parametrize(
    ("want", "seen", "expected"),
    [
        # at rest
        (wanted(*ABC), a_set(*ABC), "nothing | rs0: primary a, 3 of 3 healthy"),
        (wanted(*ABC), a_set(*ABC, down="c"), "nothing | rs0: primary a, 2 of 3 healthy"),
        # adding
        (
            wanted("a", "b"),
            a_set("a") | looks(b=NEVER),
            "add b, without a vote until it has the data | rs0: primary a, 1 of 1 healthy",
        ),
        (
            wanted("a", "b"),
            a_set("a") | looks(b=SILENT),
            "nothing | rs0: primary a, 1 of 1 healthy; waits for b to answer before it is added (timed out)",
        ),
        (
            wanted("a", "b"),
            a_set("a") | looks(b=ALONE),
            "nothing | rs0: primary a, 1 of 1 healthy; b cannot be added: it runs without --replSet rs0",
        ),
        (
            wanted("a", "b=3"),
            a_set("a", "b=0v0", syncing="b"),
            "nothing | rs0: primary a, 1 of 2 healthy; nothing is changed while b fetches the data",
        ),
        (
            wanted("a", "b=3"),
            a_set("a", "b=0v0"),
            "give b its vote, and priority 3 | rs0: primary a, 2 of 2 healthy",
        ),
        (
            wanted("a", "b", "c"),
            a_set("a", "b=0v0", down="b") | looks(c=NEVER),
            "nothing | rs0: primary a, 1 of 2 healthy; b was added and does not answer: it has no vote",
        ),
        # priorities
        (
            wanted("a=1", "b=10", "c=5"),
            a_set("a=10", "b=5", "c=1"),
            "set the priority of b to 10 | rs0: primary a, 3 of 3 healthy",
        ),
        (
            wanted("a=1", "b=10", "c=5"),
            a_set("a=10", "b=10", "c=5"),
            "set the priority of a to 1 | rs0: primary a, 3 of 3 healthy",
        ),
        (
            wanted("a=0", "b=10"),
            a_set("a=20", "b=10"),
            "set the priority of a to 5 so that another becomes primary | rs0: primary a, 2 of 2 healthy",
        ),
        (
            wanted("a=0", "b=10"),
            a_set("a=5", "b=10"),
            "nothing | rs0: primary a, 2 of 2 healthy; waits for another primary than a to be elected",
        ),
        (wanted("a", "b=7"), a_set("a", "b=0!"), "nothing | rs0: primary a, 2 of 2 healthy"),
        # removing
        (wanted("a", "b"), a_set(*ABC), "remove c | rs0: primary a, 3 of 3 healthy"),
        (wanted("a", "b"), a_set(*ABC, down="c"), "remove c | rs0: primary a, 2 of 3 healthy"),
        (
            wanted("a", "b"),
            a_set(*ABC, down="b"),
            "nothing | rs0: primary a, 2 of 3 healthy; c stays: without it the healthy members would be no majority",
        ),
        (
            wanted("b", "c"),
            a_set(*ABC),
            "set the priority of a to 0.5 so that another becomes primary | rs0: primary a, 3 of 3 healthy",
        ),
        (
            wanted("a", "b", "d"),
            a_set(*ABC) | looks(d=SILENT),
            "nothing | rs0: primary a, 3 of 3 healthy; waits for d to answer before it is added (timed out); "
            "c stays until the other members are in",
        ),
        (wanted(*"abcdefh"), a_set(*"abcdefg") | looks(h=NEVER), "remove g | rs0: primary a, 7 of 7 healthy"),
        # no majority
        (
            wanted("a=5", "b"),
            a_set("a", "b", down="b"),
            "nothing | rs0: primary a, 1 of 2 healthy; nothing is changed while 1 of 2 voters are healthy",
        ),
        (
            wanted("b=0", "c"),
            a_set("a", "b", "c", down="c"),
            "set the priority of b to 0 | rs0: primary a, 2 of 3 healthy; "
            "a stays primary: no other member is healthy and may become primary",
        ),
    ],
)
def test_a_set_with_a_primary_is_changed_one_member_at_a_time(
    want: Wanted, seen: dict[str, Look], expected: str
) -> None:
    assert said(want, seen) == expected


def test_without_a_primary_nothing_is_changed() -> None:
    seen = a_set(*ABC, down="c")
    config = seen["a"].config
    lost = {h: Look(host=h, standing=Standing.IN_SET, me=h, config=config, states={h: UP}) for h in ("a", "b")} | looks(
        c=SILENT
    )
    assert said(wanted("a", "b"), lost) == "nothing | rs0: no primary; 2 of 2 members answer"


def test_a_primary_that_only_others_see_is_waited_for() -> None:
    seen = a_set(*ABC)
    assert said(wanted("a", "b"), {"a": look("a", SILENT, "timed out"), "b": seen["b"]}) == (
        "nothing | rs0: the primary a does not answer (timed out)"
    )


def test_a_primary_that_does_not_show_its_config_is_not_guessed_about() -> None:
    seen = Look(host="a", standing=Standing.IN_SET, me="a", why="not authorized", states={"a": MemberState.PRIMARY})
    assert said(wanted("a", "b"), {"a": seen} | looks(b=NEVER)) == (
        "nothing | rs0: primary a, which does not show its config (not authorized)"
    )


def test_a_member_of_a_set_of_another_name_is_a_conflict() -> None:
    seen = a_set("a") | a_set("b", name="other")
    assert said(wanted("a", "b"), seen) == (
        "nothing | rs0: primary a, 1 of 1 healthy; b belongs to the replica set other: nothing is done"
    )


def test_two_sets_of_one_name_are_a_conflict() -> None:
    assert said(wanted("a", "b"), a_set("a") | a_set("b", set_id="2")).endswith(
        "a and b belong to different replica sets of the same name: nothing is done"
    )


def test_a_member_under_another_name_is_not_added_twice() -> None:
    seen = a_set("localhost", "b")
    seen["a"] = Look(host="a", standing=Standing.IN_SET, me="localhost", config=seen["b"].config)
    assert said(wanted("a", "b", "localhost"), seen).endswith(
        "a is a member by the name of localhost: name it so, or rename it"
    )


def test_a_member_that_has_not_heard_of_its_removal_is_not_added_yet() -> None:
    seen = a_set("a") | {"b": a_set("a", "b")["b"]}
    assert said(wanted("a", "b"), seen).endswith("b has not heard yet that it was removed")


def test_of_two_that_believe_to_be_primary_the_one_of_the_newer_term_counts() -> None:
    old, new = a_set("a", "b"), a_set("b", "a")
    config = new["b"].config
    assert config is not None
    newer = SetConfig(name="rs0", id="1", version=4, term=3, members=config.members)
    seen = {"a": old["a"], "b": Look(host="b", standing=Standing.IN_SET, me="b", config=newer, states=new["b"].states)}
    assert decide(wanted("a", "b"), seen).primary == "b"


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("DB1", "db1:27017"),
        (" db1:27018 ", "db1:27018"),
        ("10.0.0.1", "10.0.0.1:27017"),
        ("[::1]:27018", "[::1]:27018"),
        ("[::1]", "[::1]:27017"),
        ("fe80::1", "[fe80::1]:27017"),
        ("", ""),
        ("db1:0", ""),
        ("db1:65536", ""),
        ("db 1", ""),
        ("db1,db2", ""),
        ("mongodb://user:planted@db1", ""),
    ],
)
def test_a_host_has_one_spelling(text: str, host: str) -> None:
    assert spelled(text) == host
