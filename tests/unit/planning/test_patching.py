"""Patches, from a file that was read to their end: on a host where everything that is asked for is done at once."""

from __future__ import annotations

import dataclasses

import pytest

from tests.unit.planning.build import NOW, again, needs, service, start_first
from tests.unit.planning.play import Play, manifest
from zpmd.model.memory import Verdict
from zpmd.model.patch import Archive, CarriedImage, Change, Manifest, Stage
from zpmd.model.plan import LoadImages, PullImage
from zpmd.model.service import Condition, Group, PullPolicy, PullWhen, Under
from zpmd.planning.layer import layered

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


# --- what may not pass ------------------------------------------------------------------------------------------------

REFUSALS = {
    "an unknown service": (manifest(services=["usr"], tag="v2"), "there is no service usr here: did you mean user?"),
    "a group without services": (Manifest(id="x", groups=(Group.APP,), tag="v2"), "group app has no service here"),
    "expired": (manifest(services=["user"], tag="v2", expires=NOW), "it has expired: ask who made it for a newer one"),
    "too new": (manifest(services=["user"], tag="v2", min_version="99.1"), "it needs zpmd 99.1 or newer"),
    "a required patch that never comes": (
        manifest(services=["user"], tag="v2", requires=("hotfix-0",)),
        "it requires patch hotfix-0, which is not applied: drop hotfix-0 first",
    ),
    "a lower version": (manifest(services=["user"], tag="v0.9"), "user runs v1, and it would go down to v0.9"),
    "itself": (manifest("me", services=["user"], tag="v2", requires=("me",)), "it requires itself"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_does_not_fit_is_refused_and_nothing_moves(name: str) -> None:
    what, why = REFUSALS[name]
    play = Play(USER, SIEM)
    play.drop(what)
    play.run()
    assert play.stage() is Stage.QUARANTINED
    assert play.reason().startswith(why)
    assert play.moved() == []


def test_an_old_patch_that_is_dropped_again_is_refused() -> None:
    play = Play(USER)
    play.here |= {"zona/user:b", "zona/user:c"}
    play.drop(manifest("hotfix-2", ["user"], tag="c"))
    play.run()
    play.drop(manifest("hotfix-1", ["user"], tag="b"))
    play.run()
    assert play.reason(2) == "it is older than hotfix-2, which is applied to user: revert that one instead"
    assert play.running() == {"user": "zona/user:c"}


def test_the_same_patch_again_has_nothing_to_do() -> None:
    play = Play(USER)
    play.here.add("zona/user:v2")
    play.drop(manifest(services=["user"], tag="v2"))
    play.run()
    told = len(play.told)
    play.drop(manifest(services=["user"], tag="v2"))
    play.run()
    assert play.stage(2) is Stage.APPLIED
    assert play.reason(2) == "it is applied already, by drop 1"
    assert len(play.told) == told + 1


def test_an_id_names_one_content() -> None:
    play = Play(USER)
    play.here.add("zona/user:v2")
    play.drop(manifest(services=["user"], tag="v2"), sha256="one")
    play.drop(manifest(services=["user"], tag="v3"), sha256="two")
    play.run()
    assert (play.stage(1), play.stage(2)) == (Stage.APPLIED, Stage.QUARANTINED)
    assert "was used by drop 1" in play.reason(2)


def test_services_that_are_not_known_yet_are_waited_for() -> None:
    play = Play(USER)
    play.away = "MongoDB does not answer"
    play.drop(manifest(services=["splunk-t1-1"], tag="v2"))
    play.step()
    assert play.stage() is Stage.COPIED
    assert [w.cause.text for w in play.plan.waiting] == ["waits until its services are known: MongoDB does not answer"]
    play.away = ""
    play.run()
    assert play.stage() is Stage.QUARANTINED


# --- images -----------------------------------------------------------------------------------------------------------

CARRIED = CarriedImage(reference="zona/user:v2", ids=("sha256:" + "2" * 64,))
BUNDLE = Manifest(
    id="hotfix-1",
    services=(Change(service="user", tag="v2"),),
    images=(Archive(file="images/user.tar", size=1, sha256="0" * 64, images=(CARRIED,)),),
)


def test_an_image_of_the_bundle_is_loaded_before_anything_moves() -> None:
    play = Play(USER)
    play.drop(BUNDLE, copy="/private/1/bundle.zpatch")
    play.step()
    (action,) = play.step().actions
    assert isinstance(action, LoadImages)
    assert (action.bundle, action.member, action.images) == ("/private/1/bundle.zpatch", "images/user.tar", (CARRIED,))
    play.run()
    assert play.running() == {"user": "zona/user:v2"}


def test_an_image_that_is_nowhere_is_pulled() -> None:
    play = Play(USER)
    play.drop(manifest(services=["user"], tag="v2"))
    play.step()
    (action,) = play.step().actions
    assert isinstance(action, PullImage)
    assert action.image == "zona/user:v2"


def test_an_image_that_may_not_be_pulled_is_a_refusal() -> None:
    play = Play(dataclasses.replace(USER, pull=PullPolicy(when=PullWhen.NEVER)))
    play.drop(manifest(services=["user"], tag="v2"))
    play.run()
    assert play.reason() == "image zona/user:v2 for user is neither here nor in the patch, and may not be pulled"


def test_a_tag_that_is_in_use_is_not_given_another_content() -> None:
    play = Play(dataclasses.replace(again(USER, image="zona/user:v2"), name="other"), USER)
    play.ids["zona/user:v2"] = "sha256:" + "1" * 64
    play.drop(BUNDLE)
    play.run()
    assert play.reason() == ("image zona/user:v2 is here with another content, and other runs it: give it another tag")


# --- operators --------------------------------------------------------------------------------------------------------


def test_a_held_service_is_waited_for_and_its_deadline_does_not_run() -> None:
    play = Play(USER, images={"zona/user:v2": "well"})
    play.hold("user")
    play.drop(manifest(services=["user"], tag="v2"))
    for _ in range(5):
        play.step()
    assert play.stage() is Stage.SWITCHED
    assert str(play.plan.waiting[-1].cause) == "0 services of 1 moved; waits for user, held by an operator"
    play.now += 100_000
    play.step()
    play.intent = dataclasses.replace(play.intent, holds=())
    play.run()
    assert play.stage() is Stage.APPLIED


def test_a_stopped_service_takes_the_patch_without_running() -> None:
    play = Play(USER, MAIL, images={"zona/user:v2": "well"})
    play.intent = dataclasses.replace(play.intent, stopped=frozenset({"user"}))
    play.run(lambda: play.running() == {"mail": "zona/mail:v1"})
    play.drop(manifest(services=["user"], tag="v2"))
    play.run()
    assert play.stage() is Stage.APPLIED
    play.intent = dataclasses.replace(play.intent, stopped=frozenset())
    play.run(lambda: "user" in play.running())
    assert play.running()["user"] == "zona/user:v2"


def test_a_service_that_was_stopped_at_its_turn_and_runs_again_has_to_prove_itself() -> None:
    play = Play(USER, SIEM, images={"zona/user:v2": "dies", "zona/siem:v2": "well"})
    play.intent = dataclasses.replace(play.intent, stopped=frozenset({"user"}))
    play.run(lambda: "user" not in play.running())
    play.drop(manifest(services=["user"], tag="v2"))
    play.run(lambda: bool(play.ledger[1].steps) and play.ledger[1].steps[0].done_at is not None)
    play.intent = dataclasses.replace(play.intent, stopped=frozenset())
    play.run()
    assert play.stage() is Stage.ROLLED_BACK
    assert play.running()["user"] == "zona/user:v1"


# --- integrations -----------------------------------------------------------------------------------------------------


def integration(tenant: str) -> object:
    return service(f"splunk-{tenant}-1", "zona/splunk:v1", group=Group.APP, tenant=tenant, template="splunk")


def test_a_template_stands_for_all_its_integrations_also_for_later_ones() -> None:
    play = Play(integration("t1"), integration("t2"), MAIL, images={"zona/splunk:v2": "well"}, templates=("splunk",))
    play.drop(manifest(services=["splunk"], tag="v2"))
    play.run()
    assert play.running()["splunk-t2-1"] == "zona/splunk:v2"
    late = integration("t3")
    play.declare(late)
    play.run(lambda: "splunk-t3-1" in play.running())
    assert play.running()["splunk-t3-1"] == "zona/splunk:v2"
    play.ask_revert(1)
    play.run()
    assert set(play.running().values()) == {"zona/mail:v1", "zona/splunk:v1"}


def test_a_service_under_a_patch_says_so() -> None:
    play = Play(USER, images={"zona/user:v2": "well"})
    play.drop(manifest(services=["user"], tag="v2"))
    play.run()
    patched = layered(play.declared, play.patches()).services[0].patched
    assert patched is not None
    assert (patched.patch, patched.under, patched.base) == ("hotfix-1", Under.APPLIED, "zona/user:v1")
    assert {r.revision for r in play.replicas} == {"hotfix-1"}


def test_start_first_holds_under_a_patch() -> None:
    play = Play(service("user", "zona/user:v1", replicas=2, update=start_first()), images={"zona/user:v2": "well"})
    play.drop(manifest(services=["user"], tag="v2"))
    fewest = 2

    def ended() -> bool:
        nonlocal fewest
        fewest = min(fewest, len([r for r in play.replicas if r.running]))
        return play.stage() is Stage.APPLIED

    play.run(ended)
    assert fewest == 2
