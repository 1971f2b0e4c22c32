"""A replica's identity survives the way through labels, and broken labels never raise."""

from __future__ import annotations

import dataclasses

import pytest

from zpmd.engines import labels
from zpmd.model import naming
from zpmd.model.action import RunReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.container import Container
from zpmd.model.service import Dependency, Group, ServiceData
from zpmd.model.spechash import spec_hash

WEB = ServiceData(
    name="web",
    group=Group.CORE,
    container=Container(image="nginx:1", labels=(("com.example.team", "a"),)),
    depends_on=(Dependency(service="redis"), Dependency(service="mongo")),
    tenant="acme",
)


def run(service: ServiceData = WEB, slot: int = 2) -> RunReplica:
    return RunReplica(
        service=service, slot=slot, cause=Cause(Code.MISSING, ""), attempt=3, generation=4, revision="patch-7"
    )


def test_what_is_written_is_read_back() -> None:
    assert labels.marks_of(labels.labels_for("me", "zpmd", run())) == labels.Marks(
        service="web",
        slot=2,
        group=Group.CORE,
        spec=spec_hash(WEB.container),
        tenant="acme",
        attempt=3,
        generation=4,
        revision="patch-7",
        after=("mongo", "redis"),
    )


def test_a_services_own_labels_are_kept_but_cannot_forge_ours() -> None:
    forged = dataclasses.replace(
        WEB, container=Container(image="x", labels=(("a", "b"), (labels.OWNER, "somebody"), (labels.SLOT, "9")))
    )
    made = labels.labels_for("me", "zpmd", run(forged))
    assert (made["a"], made[labels.OWNER], made[labels.SLOT], made[labels.PROJECT]) == ("b", "me", "2", "zpmd")


REPORT = dataclasses.replace(run(slot=1774746000), due=1774746000)


def test_a_run_of_a_job_is_read_back_with_its_due_instant() -> None:
    marks = labels.marks_of(labels.labels_for("me", "zpmd", REPORT))
    assert marks is not None
    assert (marks.slot, marks.due, marks.attempt) == (1774746000, 1774746000, 3)


def test_the_name_of_a_run_says_when_it_is_due_and_which_try_it_is() -> None:
    assert labels.name_for("zpmd", REPORT) == "zpmd-web-20260329T010000Z-3"
    assert labels.name_for("zpmd", dataclasses.replace(REPORT, attempt=1)) == "zpmd-web-20260329T010000Z"
    assert labels.name_for("zpmd", run()) == naming.container_name("zpmd", WEB, 2, 4)


def test_a_run_has_the_same_name_whatever_it_is_made_from() -> None:
    changed = dataclasses.replace(WEB, container=Container(image="nginx:2"))
    assert labels.name_for("zpmd", dataclasses.replace(REPORT, service=changed, generation=9)) == labels.name_for(
        "zpmd", REPORT
    )


CHANGED = dataclasses.replace(WEB, container=Container(image="nginx:2"))


@pytest.mark.parametrize(
    ("action", "same"),
    [
        (REPORT, True),
        (dataclasses.replace(REPORT, service=CHANGED, generation=9, revision=""), True),
        (dataclasses.replace(REPORT, attempt=4), False),
        (dataclasses.replace(REPORT, slot=1774746010, due=1774746010), False),
        (dataclasses.replace(REPORT, service=dataclasses.replace(WEB, name="other")), False),
        (dataclasses.replace(REPORT, due=None), False),
    ],
    ids=["itself", "changed since", "another try", "another instant", "another job", "a replica"],
)
def test_a_run_is_known_by_its_job_its_due_instant_and_its_try_alone(action: RunReplica, same: bool) -> None:
    assert labels.made_for(labels.labels_for("me", "zpmd", REPORT), action) is same


@pytest.mark.parametrize(
    ("action", "same"),
    [
        (run(), True),
        (dataclasses.replace(run(), attempt=7), True),
        (run(slot=1), False),
        (run(CHANGED), False),
        (dataclasses.replace(run(), generation=5), False),
        (dataclasses.replace(run(), due=2), False),
    ],
    ids=["itself", "another try", "another slot", "another spec", "another generation", "a run"],
)
def test_a_replica_is_known_by_its_place_and_what_it_is_made_from(action: RunReplica, same: bool) -> None:
    assert labels.made_for(labels.labels_for("me", "zpmd", run()), action) is same


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {labels.SERVICE: "web"},
        {labels.SLOT: "1"},
        {labels.SERVICE: "", labels.SLOT: "1"},
        {labels.SERVICE: "web", labels.SLOT: ""},
        {labels.SERVICE: "web", labels.SLOT: "0"},
        {labels.SERVICE: "web", labels.SLOT: "-1"},
        {labels.SERVICE: "web", labels.SLOT: "one"},
        {labels.SERVICE: "web", labels.SLOT: "٣"},
        {labels.SERVICE: "web", labels.SLOT: "9" * 5000},
        {labels.SERVICE: "web", labels.SLOT: "9", labels.DUE: ""},
        {labels.SERVICE: "web", labels.SLOT: "9", labels.DUE: "0"},
        {labels.SERVICE: "web", labels.SLOT: "9", labels.DUE: "tomorrow"},
        {labels.SERVICE: "web", labels.SLOT: "9", labels.DUE: "8"},
    ],
)
def test_an_unreadable_place_is_nobodys_replica(broken: dict[str, str]) -> None:
    assert labels.marks_of(broken) is None


def test_other_unreadable_labels_count_as_nothing() -> None:
    marks = labels.marks_of(
        {
            labels.SERVICE: "web",
            labels.SLOT: "1",
            labels.GROUP: "chaos",
            labels.ATTEMPT: "x",
            labels.GENERATION: "-3",
            labels.AFTER: ",,",
        }
    )
    assert marks == labels.Marks(service="web", slot=1, group=Group.APP)


def test_the_same_replica_always_has_the_same_name() -> None:
    name = naming.container_name("zpmd", WEB, 1)
    assert name == naming.container_name("zpmd", dataclasses.replace(WEB, replicas=5), 1)
    assert name.startswith("zpmd-web-1-")
    assert len(name.rsplit("-", 1)[1]) == 6


@pytest.mark.parametrize(
    ("service", "slot", "generation"),
    [
        (dataclasses.replace(WEB, container=Container(image="nginx:2")), 1, 0),
        (WEB, 2, 0),
        (WEB, 1, 1),
    ],
    ids=["spec", "slot", "generation"],
)
def test_what_a_replica_is_replaced_over_changes_its_name(service: ServiceData, slot: int, generation: int) -> None:
    assert naming.container_name("zpmd", service, slot, generation) != naming.container_name("zpmd", WEB, 1)


def test_a_container_name_is_honoured() -> None:
    named = dataclasses.replace(WEB, container=Container(image="x", container_name="the-web"))
    assert naming.container_name("zpmd", named, 1, 3) == "the-web"


def test_a_container_that_says_only_whose_place_it_holds_is_a_replica_of_the_last_group() -> None:
    assert labels.marks_of({labels.SERVICE: "web", labels.SLOT: "1"}) == labels.Marks(service="web", slot=1)


@pytest.mark.parametrize(("digits", "read"), [(18, 10**18 - 1), (19, None)])
def test_a_slot_is_read_as_long_as_it_is_a_number_that_fits(digits: int, read: int | None) -> None:
    marks = labels.marks_of({labels.SERVICE: "web", labels.SLOT: "9" * digits})
    assert (marks.slot if marks else None) == read
