"""Several patches, one on top of the other or side by side, and those that go back on request."""

from __future__ import annotations

import dataclasses

from tests.unit.planning.build import needs, service
from tests.unit.planning.play import Play, manifest
from zpmd.model.observed import Observed, World
from zpmd.model.patch import Stage
from zpmd.planning.layer import layered
from zpmd.planning.planner import plan
from zpmd.planning.reverting import to_revert

USER = service("user", "zona/user:v1")
SIEM = service("siem", "zona/siem:v1", depends_on=(needs("user"),))
MAIL = service("mail", "zona/mail:v1")
TAG = manifest("hotfix-1", ["user", "siem"], tag="v2")


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


def test_what_is_said_does_not_follow_the_order_in_which_rows_are_handed_in() -> None:
    play = Play(USER)
    play.here |= {"zona/user:v2", "zona/user:v3", "zona/user:v4"}
    for number in (1, 2, 3):
        play.drop(manifest(f"hotfix-{number}", ["user"], tag=f"v{number + 1}"))
    play.run()
    for number in (1, 2, 3):
        play.ask_revert(number)
    rows = play.patches()
    world = Observed(world=World(replicas=tuple(play.replicas), images=frozenset(play.here)))
    plans = [
        plan(layered(play.declared, some), world, dataclasses.replace(play.memory(), patches=some), play.now)
        for some in (rows, rows[::-1])
    ]
    assert plans[0] == plans[1]
    assert [str(w.cause) for w in plans[0].waiting if w.subject == "patch:hotfix-1"] == [
        "goes back after patch hotfix-2, hotfix-3"
    ]
