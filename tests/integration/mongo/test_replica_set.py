"""The replica set is kept as it is wanted, on real mongods."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from tests.lab.eventually import eventually
from tests.lab.mongod import PACE, LabMongod, LabReplicaSet, Row
from zpmd.daemon.clock import SystemClock
from zpmd.model.events import Reason
from zpmd.model.replicaset import Step, Wanted, WantedMember
from zpmd.model.secret import Secret
from zpmd.model.tenant import Server
from zpmd.planning.servers import wanted_members
from zpmd.sources.mongo.direct import Access
from zpmd.sources.mongo.looking import Members
from zpmd.sources.mongo.replicaset import ReplicaSetKeeper

PRIORITIES = {"active": 10.0, "secondary-active": 5.0, "passive": 1.0}
SETTLES_SECONDS = 60.0


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class QuickMembers(Members):
    """Members with the pace of a `LabReplicaSet`, also where it is the keeper who initiates them.

    One field more in the very document that the keeper sends; else each of these sets would wait 10 s for its first
    primary, and another 10 s for each that is to take over.
    """

    def command(self, host: str, own: bool, command: Mapping[str, Any]) -> Mapping[str, Any]:
        if document := command.get("replSetInitiate"):
            command = {**command, "replSetInitiate": {**document, "settings": PACE}}
        return super().command(host, own, command)


class Site:
    """A replica set that is wanted, and the keeper of it. What is wanted can change at any time."""

    def __init__(
        self, wanted: Sequence[str], seeds: Sequence[str] = (), db_host: str = "", access: Access | None = None
    ):
        self.wanted = wanted_set(*wanted)
        self.steps: list[str] = []
        self.keeper = self.another(seeds, db_host, access)

    def another(self, seeds: Sequence[str] = (), db_host: str = "", access: Access | None = None) -> ReplicaSetKeeper:
        """A keeper of the same wish, as a zpmd that was started just now, or on another host, would have."""
        members = QuickMembers(lambda: access or Access(timeout_seconds=5.0))
        return ReplicaSetKeeper(lambda: (self.wanted, db_host), members, seeds, SystemClock())

    def keep(self, keeper: ReplicaSetKeeper | None = None) -> Step | None:
        step = (keeper or self.keeper).keep().step
        if step is not None:
            self.steps.append(str(step))
        return step

    def settle(self, fresh: bool = False) -> list[str]:
        """Keep it until it is as it is wanted; the steps that this took. `fresh`: every look is by a new keeper."""
        self.steps.clear()

        def settled() -> bool:
            self.keeper = self.another() if fresh else self.keeper
            self.keep()
            return self.keeper.in_order()

        eventually(settled, SETTLES_SECONDS, "a replica set as it is wanted", 0.2)
        return list(dict.fromkeys(self.steps))


def wanted_set(*members: str) -> Wanted:
    """`host=5` is a member with priority 5."""
    pairs = [m.partition("=") for m in members]
    return Wanted(
        name="rs0", members=tuple(WantedMember(host=h, priority=float(p) if p else None) for h, _, p in pairs)
    )


def mongods(stack: ExitStack, count: int, auth: bool = False) -> list[LabMongod]:
    """Some that were never initiated."""
    some = LabReplicaSet(count, initiate=False, auth=auth)
    stack.callback(some.close)
    some.start()
    return some.members


def initiated(stack: ExitStack, count: int) -> LabReplicaSet:
    some = LabReplicaSet(count)
    stack.callback(some.close)
    some.start()
    return some


def config(mongod: LabMongod) -> Row:
    document: Row = mongod.direct.admin.command("replSetGetConfig")["config"]
    return document


def hosts(mongod: LabMongod) -> list[str]:
    return sorted(m["host"] for m in config(mongod)["members"])


def primary_is(mongod: LabMongod) -> Callable[[], bool]:
    return lambda: mongod.primary


def test_a_single_member_is_initiated_once(stack: ExitStack) -> None:
    (only,) = mongods(stack, 1)
    site = Site([only.address])
    assert site.settle() == [f"initiate on {only.address} with {only.address}"]
    assert site.keeper.state() == f"rs0: primary {only.address}, 1 of 1 healthy"
    assert site.settle(fresh=True) == []
    assert config(only)["version"] == 1


def test_three_members_are_initiated_once_all_of_them_answer(stack: ExitStack) -> None:
    a, b, c = mongods(stack, 3)
    c.stop()
    site = Site([f"{a.address}=10", b.address, c.address])
    assert site.keep() is None
    assert f"rs0: waits for {c.address} to answer before it is initiated" in site.keeper.state()
    c.start()
    assert site.settle() == [f"initiate on {a.address} with {a.address}, {b.address}, {c.address}"]
    well = f"rs0: primary {a.address}, 3 of 3 healthy"
    eventually(lambda: (site.keep(), site.keeper.state()) == (None, well), SETTLES_SECONDS)
    assert hosts(a) == sorted([a.address, b.address, c.address])


def test_only_the_server_of_the_first_member_initiates(stack: ExitStack) -> None:
    a, b = mongods(stack, 2)
    site = Site([a.address, b.address], db_host=b.address)
    assert site.keep() is None
    assert site.keeper.state() == f"rs0: waits to be initiated by the server that has {a.address}"


def test_a_mongod_without_replset_is_reported(stack: ExitStack) -> None:
    alone = LabMongod()
    stack.callback(alone.close)
    alone.start()
    site = Site([alone.address])
    assert site.keep() is None
    assert site.keeper.state() == f"rs0: {alone.address} runs without --replSet rs0: start it with that option"


def test_a_set_name_that_mongod_was_not_started_with_is_reported(stack: ExitStack) -> None:
    other = LabMongod(replica_set="other")
    stack.callback(other.close)
    other.start()
    site = Site([other.address])
    site.keep()
    assert "Rejecting initiate with a set name that differs from command line set name" in site.keeper.state()


def test_a_member_is_added_and_votes_once_it_has_the_data(stack: ExitStack) -> None:
    rs = initiated(stack, 1)
    (a,), (b,) = rs.members, mongods(stack, 1)
    site = Site([f"{a.address}=10", f"{b.address}=5"])
    assert site.settle() == [
        f"add {b.address}, without a vote until it has the data",
        f"give {b.address} its vote, and priority 5",
        f"set the priority of {a.address} to 10",
    ]
    assert config(a)["settings"].items() >= PACE.items()
    assert [(m["host"], m["votes"], m["priority"]) for m in config(a)["members"]] == [
        (a.address, 1, 10.0),
        (b.address, 1, 5.0),
    ]


def test_a_member_is_removed_and_may_come_back(stack: ExitStack) -> None:
    rs = initiated(stack, 3)
    addresses = [m.address for m in rs.members]
    a = rs.primary()
    gone = next(m for m in rs.members if m is not a)
    site = Site([x for x in addresses if x != gone.address])
    assert site.settle() == [f"remove {gone.address}"]
    assert gone.address not in hosts(a)
    site.wanted = wanted_set(*addresses)
    assert site.settle() == [
        f"add {gone.address}, without a vote until it has the data",
        f"give {gone.address} its vote, and priority 1",
    ]


def test_the_primary_moves_before_it_is_removed(stack: ExitStack) -> None:
    rs = initiated(stack, 3)
    old = rs.primary()
    rest = [m for m in rs.members if m is not old]
    site = Site([m.address for m in rest])
    assert site.settle() == [
        f"set the priority of {old.address} to 0.5 so that another becomes primary",
        f"remove {old.address}",
    ]
    assert hosts(rs.primary(other_than=old)) == sorted(m.address for m in rest)


def test_priorities_follow_the_roles_and_the_primary_moves(stack: ExitStack) -> None:
    rs = initiated(stack, 3)
    a, b, c = rs.members
    roles = {a.address: "active", b.address: "passive", c.address: "secondary-active"}
    site = Site([])

    def servers() -> list[Server]:
        return [Server(name=h, role=r, vms=("database",), db_host=h) for h, r in roles.items()]

    site.wanted = wanted_members("rs0", (), PRIORITIES, servers())
    site.settle()
    eventually(primary_is(a), SETTLES_SECONDS)
    roles |= {a.address: "passive", b.address: "active"}
    site.wanted = wanted_members("rs0", (), PRIORITIES, servers())
    assert site.settle() == [f"set the priority of {b.address} to 10", f"set the priority of {a.address} to 1"]
    eventually(primary_is(b), SETTLES_SECONDS, "the member of the active server is primary")


def test_a_zpmd_that_is_started_anew_before_every_look_does_the_same_steps(stack: ExitStack) -> None:
    rs = initiated(stack, 2)
    a, b = rs.members
    (new,) = mongods(stack, 1)
    site = Site([f"{a.address}=10", new.address])
    steps = site.settle(fresh=True)
    assert steps[0] == f"add {new.address}, without a vote until it has the data"
    assert f"remove {b.address}" in steps
    assert hosts(a) == sorted([a.address, new.address])


def test_two_keepers_at_once_do_every_step_once(stack: ExitStack) -> None:
    a, b, c = mongods(stack, 3)
    site = Site([f"{a.address}=10", f"{b.address}=5", c.address])
    keepers = [site.keeper, site.another()]
    stop, woken = threading.Event(), threading.Event()
    stack.callback(stop.set)

    def wake(reason: Reason) -> None:
        woken.set()

    threads = [threading.Thread(target=k.watch, args=(wake, stop), daemon=True) for k in keepers]
    for thread in threads:
        thread.start()
    eventually(lambda: all(k.in_order() for k in keepers), SETTLES_SECONDS, "both say that it is in order")
    assert config(a)["version"] == 1
    site.wanted = wanted_set(f"{a.address}=10", f"{b.address}=7")
    eventually(lambda: hosts(a) == sorted([a.address, b.address]), SETTLES_SECONDS, "the third is removed")
    eventually(lambda: all(k.in_order() for k in keepers), SETTLES_SECONDS, "both say that it is in order")
    assert config(a)["version"] == 3, "one version for the priority, one for the removal"
    assert woken.is_set()
    assert all(k.watching() for k in keepers)
    stop.set()
    for thread in threads:
        thread.join(SETTLES_SECONDS)
    assert not any(thread.is_alive() for thread in threads)


def test_nothing_is_removed_where_the_rest_would_have_no_majority(stack: ExitStack) -> None:
    rs = initiated(stack, 3)
    a = rs.primary()
    b, c = (m for m in rs.members if m is not a)
    b.kill()
    site = Site([a.address, b.address])
    eventually(lambda: site.keep() is None and "would be no majority" in site.keeper.state(), SETTLES_SECONDS)
    assert c.address in hosts(a)
    b.start()
    assert site.settle() == [f"remove {c.address}"]


def test_the_change_goes_on_when_the_primary_is_killed_in_the_middle_of_it(stack: ExitStack) -> None:
    rs = initiated(stack, 3)
    old = rs.primary()
    (new,) = mongods(stack, 1)
    site = Site([*(m.address for m in rs.members), new.address])
    eventually(lambda: site.keep() is not None, SETTLES_SECONDS, "the member is being added")
    old.kill()
    leader = rs.primary(other_than=old)
    old.start()
    steps = site.settle()
    assert f"give {new.address} its vote, and priority 1" in steps
    assert hosts(leader) == sorted([*(m.address for m in rs.members), new.address])


def test_a_set_of_another_name_is_left_alone(stack: ExitStack) -> None:
    other = LabReplicaSet(1, name="other")
    stack.callback(other.close)
    other.start()
    rs = initiated(stack, 1)
    before = config(other.members[0])
    site = Site([rs.hosts[0], other.hosts[0]])
    assert site.keep() is None
    assert f"{other.hosts[0]} belongs to the replica set other: nothing is done" in site.keeper.state()
    assert config(other.members[0]) == before


def test_no_set_is_initiated_beside_the_one_where_the_database_is(stack: ExitStack) -> None:
    other = LabReplicaSet(1, name="other")
    stack.callback(other.close)
    other.start()
    (new,) = mongods(stack, 1)
    site = Site([new.address], seeds=other.hosts)
    assert site.keep() is None
    assert f"{other.hosts[0]}, where the database is, belongs to a replica set already" in site.keeper.state()


def test_a_set_moves_to_other_servers_from_where_the_database_is(stack: ExitStack) -> None:
    rs = initiated(stack, 1)
    (old,), (new,) = rs.members, mongods(stack, 1)
    old.fill("tenants", [{"_id": 1}])
    site = Site([new.address], seeds=rs.hosts)
    assert site.settle()[0] == f"add {new.address}, without a vote until it has the data"
    assert hosts(new) == [new.address]
    assert new.direct["zona"]["tenants"].count_documents({}) == 1


def test_with_a_keyfile_it_is_initiated_without_a_user_and_kept_with_one(stack: ExitStack) -> None:
    a, b = mongods(stack, 2, auth=True)
    access = Access(username="keeper", password=Secret("planted-secret"), timeout_seconds=5.0)
    site = Site([f"{a.address}=10", b.address], access=access)
    assert isinstance(site.keep(), Step)
    eventually(lambda: "does not show its config" in (site.keep(), site.keeper.state())[1], SETTLES_SECONDS)
    assert "planted-secret" not in site.keeper.state()
    eventually(primary_is(a), SETTLES_SECONDS)
    a.guard()
    a.add_user("keeper", "planted-secret", "clusterManager")
    assert site.settle() == []
    site.wanted = wanted_set(f"{a.address}=10", f"{b.address}=4")
    assert site.settle() == [f"set the priority of {b.address} to 4"]
