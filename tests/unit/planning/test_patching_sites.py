"""What may not pass, where images come from, holds, and integrations: patches on a host that does all at once."""

from __future__ import annotations

import dataclasses

import pytest

from tests.unit.planning.build import NOW, again, needs, service, start_first
from tests.unit.planning.play import Play, manifest
from zpmd.model.action import LoadImages, PullImage
from zpmd.model.patch import Archive, CarriedImage, Change, Manifest, Stage
from zpmd.model.service import Condition, Group, PullPolicy, PullWhen, Under
from zpmd.planning.layer import layered
from zpmd.planning.trial import begun_anew

USER = service("user", "zona/user:v1")
SIEM = service("siem", "zona/siem:v1", depends_on=(needs("user"),))
MAIL = service("mail", "zona/mail:v1")
BATCH = service("batch", "zona/batch:v1", group=Group.BATCH)
TAG = manifest("hotfix-1", ["user", "siem"], tag="v2")


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
    assert (
        str(play.plan.waiting[-1].cause)
        == "0 of 1 service moved; waits for user, held by an operator: `zpmctl release user`"
    )
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


def test_a_passive_host_takes_the_patch_of_what_it_will_run_when_it_becomes_active() -> None:
    play = Play(MAIL, images={"zona/user:v2": "well"})
    play.declared = dataclasses.replace(play.declared, retired=(("user", "another server has the role"),))
    play.drop(manifest(services=["user"], tag="v2"))
    play.run()
    assert play.stage() is Stage.APPLIED
    assert play.running() == {"mail": "zona/mail:v1"}
    play.declare(USER)
    play.run(lambda: "user" in play.running())
    assert play.running()["user"] == "zona/user:v2"


def test_of_one_patch_an_integrations_own_word_goes_before_that_of_its_template() -> None:
    play = Play(integration("t1"), integration("t2"), templates=("splunk",))
    play.here |= {"other/splunk:v9", "zona/splunk:v2"}
    changes = (Change(service="splunk", image="other/splunk:v9"), Change(service="splunk-t1-1", tag="v2"))
    play.drop(Manifest(id="hotfix-1", services=changes))
    play.run()
    assert play.running() == {"splunk-t1-1": "zona/splunk:v2", "splunk-t2-1": "other/splunk:v9"}


def test_an_image_that_several_need_is_pulled_in_the_name_of_the_first_whatever_their_order() -> None:
    two = [service("b", "x:v1"), service("a", "x:v1")]
    for services in (two, two[::-1]):
        play = Play(*services)
        play.drop(manifest(services=["b", "a"], tag="v2"))
        play.step()
        (action,) = play.step().actions
        assert str(action.cause) == "a patch brings a to it"


def test_a_service_that_is_held_on_its_way_is_said_to_be_held() -> None:
    play = Play(USER, images={"zona/user:v2": "well"})
    play.drop(manifest(services=["user"], tag="v2"))
    play.run(lambda: play.stage() is Stage.ROLLING)
    play.hold("user")
    play.run(lambda: play.ledger[1].steps[0].clock is None)
    play.step()
    assert (
        play.plan.waiting[0].cause.text
        == "0 of 1 service moved; waits for user, held by an operator: `zpmctl release user`"
    )


def test_dependants_have_their_time_anew_when_zpmd_was_away() -> None:
    """A host that was off for a day: what depends on the patched service is still coming up."""
    ui = service("ui", "ui:v1", depends_on=(needs("user", Condition.HEALTHY),))
    play = Play(USER, ui, images={"zona/user:v2": "well"})
    play.drop(manifest(services=["user"], tag="v2"))
    play.run(lambda: bool(play.ledger[1].steps) and play.ledger[1].steps[0].done_at is not None)
    play.replicas = [r for r in play.replicas if r.service != "ui"]
    play.now += 86_400
    play.ledger[1] = begun_anew(play.ledger[1], play.now)
    play.run()
    assert play.stage() is Stage.APPLIED
