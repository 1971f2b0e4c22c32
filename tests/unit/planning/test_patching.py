"""Patches, from a file that was read to their end: on a host where everything that is asked for is done at once."""

from __future__ import annotations

import dataclasses

import pytest

from tests.unit.planning.build import again, needs, service
from tests.unit.planning.play import Play, manifest
from zpmd.model.memory import Verdict
from zpmd.model.patch import Stage
from zpmd.model.service import Condition, Group, PullPolicy, PullWhen

USER = service("user", "zona/user:v1")
SIEM = service("siem", "zona/siem:v1", depends_on=(needs("user"),))
MAIL = service("mail", "zona/mail:v1")
BATCH = service("batch", "zona/batch:v1", group=Group.BATCH)
TAG = manifest("hotfix-1", ["user", "siem"], tag="v2")


def test_exactly_the_named_services_move_to_the_tag() -> None:
    play = Play(USER, SIEM, MAIL, BATCH)
    play.here |= {"zona/user:v2", "zona/siem:v2"}
    play.drop(TAG)
    play.run()
    assert play.stage() is Stage.APPLIED
    assert play.running() == {
        "batch": "zona/batch:v1",
        "mail": "zona/mail:v1",
        "siem": "zona/siem:v2",
        "user": "zona/user:v2",
    }
    assert play.moved() == ["user", "siem"]
    assert [stage for stage, _ in play.ledger[1].times] == [
        *(Stage.SEEN, Stage.COPIED, Stage.VERIFIED, Stage.LOADED, Stage.SWITCHED, Stage.ROLLING, Stage.APPLIED)
    ]


def test_each_stage_is_a_pass_of_its_own_so_that_it_is_stored_before_anything_is_done_under_it() -> None:
    play = Play(USER)
    play.here.add("zona/user:v2")
    play.drop(manifest(services=["user"], tag="v2"))
    told = [str(play.step()) for _ in range(5)]
    assert told == [
        "patch patch:hotfix-1: fits this site",
        "patch patch:hotfix-1: has every image on the engine",
        "patch patch:hotfix-1: begins: user",
        "patch patch:hotfix-1: user moves",
        "stop user/1: patch hotfix-1 changes it (image zona/user:v1 -> zona/user:v2)\n"
        "waiting patch:hotfix-1: 0 of 1 service moved; user on the way",
    ]


def test_an_applied_patch_stays_a_layer_and_nothing_more_happens() -> None:
    play = Play(USER)
    play.here.add("zona/user:v2")
    play.drop(manifest(services=["user"], tag="v2"))
    play.run()
    assert str(play.step()) == ""
    play.replicas = []  # somebody removed the container
    play.run(lambda: bool(play.replicas))
    assert play.running() == {"user": "zona/user:v2"}


@pytest.mark.parametrize("trouble", ["sick", "dies"])
def test_one_service_that_does_not_get_well_takes_all_of_them_back(trouble: str) -> None:
    play = Play(USER, SIEM, MAIL, images={"zona/siem:v2": trouble})
    play.here.add("zona/user:v2")
    play.drop(TAG)
    play.run()
    assert play.stage() is Stage.ROLLED_BACK
    assert play.running() == {"mail": "zona/mail:v1", "siem": "zona/siem:v1", "user": "zona/user:v1"}
    assert play.ledger[1].culprit == "siem"
    assert play.reason().startswith("siem: its new replica ")
    assert str(play.step()) == ""


def test_a_service_whose_turn_has_not_come_is_not_touched_by_a_patch_that_goes_back() -> None:
    play = Play(USER, SIEM, images={"zona/user:v2": "dies"})
    play.here.add("zona/siem:v2")
    play.drop(TAG)
    play.run()
    assert play.stage() is Stage.ROLLED_BACK
    assert play.moved() == ["user"]


def test_a_patch_that_was_rolled_back_may_be_dropped_again_and_is_a_new_trial() -> None:
    play = Play(USER, images={"zona/user:v2": "dies"})
    play.drop(manifest(services=["user"], tag="v2"))
    play.run()
    assert play.stage() is Stage.ROLLED_BACK
    play.behaviour["zona/user:v2"] = "well"
    play.drop(manifest(services=["user"], tag="v2"))
    play.run()
    assert play.stage(2) is Stage.APPLIED
    assert play.running() == {"user": "zona/user:v2"}


def test_a_way_back_that_does_not_get_well_stops_and_keeps_what_runs() -> None:
    two = service("user", "zona/user:v1", replicas=2)
    play = Play(two, SIEM, images={"zona/siem:v2": "dies"})
    play.here.add("zona/user:v2")
    play.drop(TAG)
    play.run(lambda: play.stage() is Stage.ROLLING_BACK)
    play.behaviour["zona/user:v1"] = "sick"
    play.run(lambda: play.stage() is Stage.ROLLBACK_FAILED)
    assert "user did not get well after going back" in play.reason()
    kept = [r.image for r in play.replicas if r.service == "user" and r.running]
    assert sorted(kept) == ["zona/user:v1", "zona/user:v2"]
    before = play.now
    play.run(lambda: play.now > before + 3000)
    assert "zona/user:v2" in play.running()["user"]


def test_a_file_that_names_another_image_is_newer_than_the_patch() -> None:
    play = Play(USER)
    play.here.add("zona/user:v2")
    play.drop(manifest(services=["user"], tag="v2"))
    play.run()
    play.declare(again(USER, image="zona/user:v3"))
    play.run(lambda: play.running() == {"user": "zona/user:v3"})
    play.declare(USER)
    play.run(lambda: play.running() == {"user": "zona/user:v2"})


def test_a_restart_changes_nothing_but_replaces_every_replica() -> None:
    play = Play(service("user", "zona/user:v1", replicas=3), MAIL)
    before = {r.id for r in play.replicas if r.service == "user"}
    play.drop(manifest(services=["user"], restart_only=True))
    play.run()
    assert play.stage() is Stage.APPLIED
    assert play.running() == {"mail": "zona/mail:v1", "user": "zona/user:v1"}
    assert before.isdisjoint(r.id for r in play.replicas if r.service == "user")


def test_going_back_from_a_restart_restarts_nothing_again() -> None:
    play = Play(USER, SIEM)
    play.behaviour = {"zona/siem:v1": "dies"}
    play.drop(manifest(services=["user", "siem"], restart_only=True))
    play.run(lambda: play.stage() is Stage.ROLLING_BACK)
    made = [line for line in play.told if line.startswith("run user")]
    play.behaviour = {}
    play.run()
    assert play.stage() is Stage.ROLLED_BACK
    assert [line for line in play.told if line.startswith("run user")] == made


def test_services_move_by_group_and_dependency_the_first_alone_then_side_by_side() -> None:
    crowd = [service(f"s{n}", "x:v1") for n in range(6)]
    last = service("last", "x:v1", group=Group.BATCH)
    play = Play(*crowd, last)
    play.here.add("x:v2")
    play.drop(manifest(services=["last", *(s.name for s in crowd)], tag="v2", parallelism=3))
    play.run()
    waves = [line.partition(": ")[2] for line in play.told if line.endswith("moves")]
    assert waves == ["s0 moves", "s1, s2, s3 moves", "s4, s5 moves", "last moves"]


def test_a_dependant_that_was_well_before_has_to_be_well_again() -> None:
    ui = service("ui", "ui:v1", depends_on=(needs("user", Condition.HEALTHY, restart=True),))
    play = Play(USER, ui, images={"zona/user:v2": "well"})
    play.drop(manifest(services=["user"], tag="v2"))
    play.run(lambda: play.stage() is Stage.ROLLING)
    play.behaviour["ui:v1"] = "sick"
    play.run(lambda: play.stage() is Stage.ROLLING_BACK)
    assert play.ledger[1].culprit == "ui"
    play.behaviour["ui:v1"] = "well"
    play.run()
    assert play.stage() is Stage.ROLLED_BACK
    assert play.running() == {"ui": "ui:v1", "user": "zona/user:v1"}


def test_a_service_that_was_not_well_before_need_not_be_after_going_back() -> None:
    play = Play(USER, SIEM, images={"zona/user:v2": "dies"})
    play.behaviour["zona/user:v1"] = "sick"
    play.replicas = [
        dataclasses.replace(r, health=r.health.__class__.UNHEALTHY) if r.service == "user" else r for r in play.replicas
    ]
    play.drop(manifest(services=["user"], tag="v2"))
    play.run(lambda: play.stage() is Stage.ROLLED_BACK)


def test_no_progress_within_the_deadline_is_a_failure() -> None:
    slow = service("user", "zona/user:v1")
    play = Play(slow)
    play.drop(manifest(services=["user"], tag="v2", deadline_seconds=30.0))
    play.here.add("zona/user:v2")
    play.run(lambda: play.stage() is Stage.ROLLING)
    play.here.discard("zona/user:v2")  # somebody prunes images
    play.retries = {}
    play.declared = dataclasses.replace(
        play.declared, services=(dataclasses.replace(slow, pull=PullPolicy(when=PullWhen.NEVER)),)
    )
    play.run()
    assert play.stage() is Stage.ROLLED_BACK
    assert play.reason() == "user: it made no progress within 30 s"


def test_what_a_failed_rollout_went_back_to_is_no_reason_to_leave_a_service_out() -> None:
    """Its file names one image, and it runs the last stable one: the patch counts from the file."""
    play = Play(USER, SIEM, images={"zona/user:sick": "sick"})
    play.run()
    play.declare(again(USER, image="zona/user:sick"))
    play.run(lambda: "user" in play.revisions and play.revisions["user"].verdict is Verdict.FAILED)
    play.here |= {"zona/user:v2", "zona/siem:v2"}
    play.drop(TAG)
    play.run()
    assert [step.service for step in play.ledger[1].steps] == ["user", "siem"]
    assert play.running() == {"siem": "zona/siem:v2", "user": "zona/user:v2"}


def test_going_back_to_what_a_failed_rollout_had_gone_back_to_keeps_its_verdict() -> None:
    """Otherwise the failed definition, which its file still names, would be rolled out once more."""
    play = Play(USER, images={"zona/user:sick": "sick"})
    play.run()
    play.declare(again(USER, image="zona/user:sick"))
    play.run(lambda: "user" in play.revisions and play.revisions["user"].verdict is Verdict.FAILED)
    play.run(lambda: play.running() == {"user": "zona/user:v1"} and not play.plan.actions)
    play.drop(manifest(services=["user"], restart_only=True))
    play.run()
    assert play.stage() is Stage.ROLLED_BACK
    assert play.running() == {"user": "zona/user:v1"}
    assert play.revisions["user"].verdict is Verdict.FAILED
    assert str(play.step()) == ""


def test_what_failed_is_left_as_it_is_in_the_pass_that_takes_the_patch_back() -> None:
    """It is evidence, and it is about to go."""
    play = Play(USER, SIEM, images={"zona/siem:v2": "dies"})
    play.here.add("zona/user:v2")
    play.drop(TAG)
    play.run(lambda: play.stage() is Stage.ROLLING_BACK)
    assert [str(action.cause) for action in play.plan.actions] == [
        "goes back as a whole, because of siem: its new replica exited with 1"
    ]
