"""The last look at a plan: each complaint, word for word, and what draws none."""

from __future__ import annotations

import pytest

from tests.unit.planning.build import NOW, dead, replica, service
from zpmd.model.action import (
    Action,
    CreateNetwork,
    CreateVolume,
    JudgeSpec,
    PullImage,
    RemoveNetwork,
    RemoveReplica,
    RemoveVolume,
    RestartReplica,
    RunHook,
    RunReplica,
    StartReplica,
    StopReplica,
)
from zpmd.model.cause import Cause, Code
from zpmd.model.memory import Verdict
from zpmd.model.observed import InFlight, Observed, Phase, World
from zpmd.model.plan import Plan
from zpmd.model.policy import Limits
from zpmd.model.service import Desired, NetworkSpec, VolumeSpec
from zpmd.planning import checks

WEB, OLD = service("web"), service("old")
UP, ENDED = replica(WEB), dead(OLD)
STRANGE = replica(WEB, id="of somebody else", name="theirs")
NEEDED, GONE = Cause(Code.NEEDED, "needed"), Cause(Code.UNDECLARED, "is no longer declared")
DOWN = Cause(Code.DOWN_ASKED, "an operator took the appliance down")
START = StartReplica(replica=ENDED, cause=NEEDED)
WORLD = World(replicas=(UP, ENDED))


def complaints(
    *actions: Action,
    world: World | None = WORLD,
    in_flight: tuple[InFlight, ...] = (),
    limits: Limits | None = None,
    complete: bool = True,
) -> list[str]:
    desired = Desired(services=(WEB,), complete=complete)
    seen = Observed(world=world, in_flight=in_flight)
    return list(checks.problems(Plan(actions=actions), desired, seen, limits or Limits()))


@pytest.mark.parametrize(
    "action",
    [
        START,
        RestartReplica(replica=UP, cause=NEEDED),
        StopReplica(replica=UP, cause=NEEDED),
        RemoveReplica(replica=ENDED, cause=GONE),
        RunHook(replica=UP, hooks=(), cause=NEEDED),
        RunReplica(service=WEB, slot=1, cause=NEEDED),
        RemoveVolume(name="data", cause=DOWN),
        RemoveNetwork(name="net", cause=DOWN),
        CreateVolume(volume=VolumeSpec(name="data"), cause=NEEDED),
        CreateNetwork(network=NetworkSpec(name="net"), cause=NEEDED),
        PullImage(image="web:1", cause=NEEDED),
        JudgeSpec(service=WEB, spec="1:x", verdict=Verdict.STABLE, generation=0, cause=NEEDED),
    ],
    ids=lambda action: type(action).__name__,
)
def test_a_sane_action_draws_no_complaint(action: Action) -> None:
    assert complaints(action) == []


@pytest.mark.parametrize(
    ("action", "complaint"),
    [
        (StartReplica(replica=STRANGE, cause=NEEDED), "would start theirs, which was not seen in this pass"),
        (RestartReplica(replica=STRANGE, cause=NEEDED), "would restart theirs, which was not seen in this pass"),
        (StopReplica(replica=STRANGE, cause=NEEDED), "would stop theirs, which was not seen in this pass"),
        (RunHook(replica=STRANGE, hooks=(), cause=NEEDED), "would run hook theirs, which was not seen in this pass"),
        (
            RemoveReplica(replica=dead(OLD, id="x", name="theirs"), cause=NEEDED),
            "would remove theirs, which was not seen in this pass",
        ),
        (
            StartReplica(replica=replica(WEB, phase=Phase.CREATED, name="changed"), cause=NEEDED),
            "would start changed, which was not seen in this pass",
        ),
        (RunReplica(service=WEB, slot=0, cause=NEEDED), "would run web/0: slots count from 1"),
        (RemoveVolume(name="data", cause=GONE), "would remove volume:data though nobody took the appliance down"),
        (RemoveNetwork(name="net", cause=NEEDED), "would remove network:net though nobody took the appliance down"),
        (RemoveReplica(replica=UP, cause=NEEDED), f"would remove {UP.name} while it lives"),
        (StopReplica(replica=UP, cause=GONE), "would stop web/1 as undeclared, and it is declared"),
    ],
)
def test_what_is_not_sane_is_said_in_a_sentence(action: Action, complaint: str) -> None:
    assert complaints(action) == [complaint]


def test_an_unknown_engine_is_not_acted_on() -> None:
    assert complaints(START, world=None) == ["acts on an engine that is unknown"]
    assert complaints(world=None) == []


def test_one_subject_has_one_action() -> None:
    twice = [START, RemoveReplica(replica=ENDED, cause=NEEDED)]
    assert complaints(*twice) == ["has two actions on old/1"]


def test_what_is_under_way_is_left_alone() -> None:
    assert complaints(START, in_flight=(InFlight(subject="old/1", verb="stop", since=NOW),)) == [
        "acts on old/1, which is under way"
    ]
    assert complaints(START, in_flight=(InFlight(subject="old/2", verb="stop", since=NOW),)) == []


def test_a_pass_has_only_so_many_actions() -> None:
    wave = [RunReplica(service=WEB, slot=n, cause=NEEDED) for n in (1, 2, 3)]
    assert complaints(*wave, limits=Limits(actions_per_pass=2)) == ["has 3 actions, more than 2 a pass"]
    assert complaints(*wave, limits=Limits(actions_per_pass=3)) == []


def test_nothing_is_undeclared_while_a_source_has_never_answered() -> None:
    gone, other = RemoveReplica(replica=ENDED, cause=GONE), RemoveReplica(replica=ENDED, cause=NEEDED)
    assert complaints(gone, complete=False) == ["would remove old/1 though a source has never answered"]
    assert complaints(other, complete=False) == []
    assert complaints(StartReplica(replica=ENDED, cause=GONE), complete=False) == []
