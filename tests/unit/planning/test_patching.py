"""Patches, from a file that was read to their end: on a host where everything that is asked for is done at once."""

from __future__ import annotations

import dataclasses

import pytest

from tests.unit.planning.build import again, needs, service
from tests.unit.planning.play import Play, manifest
from zpmd.model.memory import Verdict
from zpmd.model.patch import Stage
from zpmd.model.service import Condition, Group, PullPolicy, PullWhen
from zpmd.planning.reverting import to_revert

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
        "waiting patch:hotfix-1: 0 services of 1 moved; user on the way",
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


# --- several of them --------------------------------------------------------------------------------------------------


def test_patches_on_the_same_service_go_one_after_the_other_by_their_ids() -> None:
    play = Play(USER)
    play.here |= {"zona/user:v2", "zona/user:v3"}
    play.drop(manifest("hotfix-10", ["user"], tag="v3"))
    play.drop(manifest("hotfix-9", ["user"], tag="v2"))
    play.run()
    assert (play.stage(1), play.stage(2)) == (Stage.APPLIED, Stage.APPLIED)
    assert [line.split()[-1].rstrip(")") for line in play.told if line.startswith("stop user")] == [
        "zona/user:v2",
        "zona/user:v3",
    ]
    assert play.running() == {"user": "zona/user:v3"}


def test_patches_that_share_nothing_do_not_wait_for_each_other() -> None:
    play = Play(USER, MAIL, images={"zona/user:v2": "well"})
    play.here.add("zona/mail:v2")
    play.drop(manifest("a", ["user"], tag="v2"))
    play.drop(manifest("b", ["mail"], tag="v2"))
    play.run(lambda: {play.stage(1), play.stage(2)} == {Stage.ROLLING})
    play.run()


def test_the_second_goes_on_after_the_first_has_gone_back() -> None:
    play = Play(USER, images={"zona/user:v2": "dies", "zona/user:v3": "well"})
    play.drop(manifest("hotfix-1", ["user"], tag="v2"))
    play.drop(manifest("hotfix-2", ["user"], tag="v3"))
    play.run()
    assert (play.stage(1), play.stage(2)) == (Stage.ROLLED_BACK, Stage.APPLIED)
    assert play.running() == {"user": "zona/user:v3"}


def test_a_required_patch_goes_first_whatever_its_id() -> None:
    play = Play(USER, images={"zona/user:v2": "well", "zona/user:v3": "well"})
    play.drop(manifest("a", ["user"], tag="v3", requires=("b",)))
    play.now += 3
    play.drop(manifest("b", ["user"], tag="v2"))
    play.run()
    assert play.running() == {"user": "zona/user:v3"}
    assert (play.stage(1), play.stage(2)) == (Stage.APPLIED, Stage.APPLIED)


def test_a_patch_whose_required_one_failed_is_refused() -> None:
    play = Play(USER, images={"zona/user:v2": "dies", "zona/user:v3": "well"})
    play.drop(manifest("a", ["user"], tag="v3", requires=("b",)))
    play.drop(manifest("b", ["user"], tag="v2"))
    play.run()
    assert (play.stage(1), play.stage(2)) == (Stage.QUARANTINED, Stage.ROLLED_BACK)
    assert play.reason() == "it requires patch b, which is not applied: drop b first"


def test_one_that_waits_for_a_required_patch_lets_others_pass() -> None:
    play = Play(USER, images={"zona/user:v2": "well", "zona/user:v3": "well", "zona/user:v4": "well"})
    play.drop(manifest("b", ["user"], tag="v2"))
    play.drop(manifest("c", ["user"], tag="v3"))
    play.drop(manifest("a", ["user"], tag="v4", requires=("c",)))
    play.run()
    assert {play.stage(number) for number in (1, 2, 3)} == {Stage.APPLIED}
    assert play.running() == {"user": "zona/user:v4"}


def test_patches_that_require_each_other_in_a_ring_are_refused() -> None:
    play = Play(USER, images={"zona/user:v2": "well"})
    for id, required in (("a", "b"), ("b", "c"), ("c", "a")):
        play.drop(manifest(id, ["user"], tag="v2", requires=(required,)))
    play.run()
    assert {play.stage(number) for number in (1, 2, 3)} == {Stage.QUARANTINED}
    assert "require each other" in " ".join(play.reason(number) for number in (1, 2, 3))


def test_the_later_patch_has_the_last_word_also_where_the_clock_was_set_back_between_the_two() -> None:
    play = Play(USER, images={"zona/user:v2": "well", "zona/user:v3": "well"})
    play.drop(manifest("a", ["user"], tag="v2"))
    play.run()
    play.now -= 86_400
    play.drop(manifest("b", ["user"], tag="v3"))
    play.run()
    assert play.stage(2) is Stage.APPLIED
    assert play.running() == {"user": "zona/user:v3"}


# --- going back on request --------------------------------------------------------------------------------------------


def test_a_patch_is_reverted_on_request() -> None:
    play = Play(USER, SIEM)
    play.here |= {"zona/user:v2", "zona/siem:v2"}
    play.drop(TAG)
    play.run()
    play.ask_revert(1)
    play.run()
    assert play.stage() is Stage.REVERTED
    assert play.running() == {"siem": "zona/siem:v1", "user": "zona/user:v1"}
    assert play.reason() == "ann asked for it"
    assert str(play.step()) == ""


def test_several_go_back_the_latest_first() -> None:
    play = Play(USER)
    play.here |= {"zona/user:v2", "zona/user:v3"}
    play.drop(manifest("hotfix-1", ["user"], tag="v2"))
    play.drop(manifest("hotfix-2", ["user"], tag="v3"))
    play.run()
    play.ask_revert(1)
    play.ask_revert(2)
    play.told.clear()
    play.run()
    assert (play.stage(1), play.stage(2)) == (Stage.REVERTED, Stage.REVERTED)
    assert play.running() == {"user": "zona/user:v1"}
    assert [line.split(":")[1] for line in play.told if "is reverted" in line] == ["hotfix-2", "hotfix-1"]


def test_below_the_one_that_goes_back_the_earlier_one_is_what_runs() -> None:
    play = Play(USER, images={"zona/user:v3": "dies"})
    play.here.add("zona/user:v2")
    play.drop(manifest("hotfix-1", ["user"], tag="v2"))
    play.run()
    play.drop(manifest("hotfix-2", ["user"], tag="v3"))
    play.run()
    assert (play.stage(1), play.stage(2)) == (Stage.APPLIED, Stage.ROLLED_BACK)
    assert play.running() == {"user": "zona/user:v2"}


def test_a_patch_under_one_that_is_on_its_way_is_not_reverted() -> None:
    play = Play(USER, images={"zona/user:v2": "well", "zona/user:v3": "well"})
    play.drop(manifest("a", ["user"], tag="v2"))
    play.run()
    play.drop(manifest("b", ["user"], tag="v3"))
    play.run(lambda: play.stage(2) is Stage.ROLLING)
    rows, refused = to_revert("a", play.patches(), with_later=True)
    assert (rows, refused) == ((), "cannot revert a: b is on its way on top of it; try again when that has ended")


def test_a_patch_that_goes_back_from_under_another_has_gone_when_its_image_has() -> None:
    """An operator asked in the instant in which the other was switched."""
    play = Play(USER, images={"zona/user:v2": "well"})
    play.drop(manifest("a", ["user"], tag="v2"))
    play.run()
    play.drop(manifest("b", ["user"], restart_only=True))
    play.run(lambda: play.stage(2) is Stage.ROLLING)
    play.ask_revert(1)
    play.run(lambda: play.stage(1) is Stage.REVERTED)
    assert play.running() == {"user": "zona/user:v1"}
