"""What an upgrade is told to do, and what it is not blamed for."""

from __future__ import annotations

from dataclasses import replace

from zpmd.interfaces import upgrade
from zpmd.interfaces.upgrade import ChangeView, UpgradeView
from zpmd.interfaces.views import ActionView, InFlightView, PlanView, WaitingView

DRIFT = ChangeView(
    subject="web/1",
    verb="replace",
    service="web",
    code="drift",
    text="its definition changed (spec 1:a -> 1:b)",
    container="zpmd-web-1",
    fields=("init", "environment.LEVEL"),
)
UNKNOWN = replace(DRIFT, subject="db/1", service="db", container="zpmd-db-1", fields=None)
START = ChangeView(subject="jobs/2", verb="start", service="jobs", code="died", text="it died (exit 1)")
VIEW = UpgradeView(
    version="1.3.0",
    former="1.2.0",
    would_change=True,
    services=42,
    containers=57,
    changes=(DRIFT, UNKNOWN, START),
    notes=("integrations: mongodb does not answer; what was known last counts",),
    schema=6,
    schema_known=7,
)
QUIET = PlanView(id="p", number=1, at=0.0, now=0.0, would_change=False, actions=(), waiting=(), in_flight=())
ACTION = ActionView(subject="jobs/2", verb="start", service="jobs", code="died", text="it died (exit 1)")
WAITING = WaitingView(subject="web", service="web", code="held", text="held by root", until=None, on=())
IN_FLIGHT = InFlightView(subject="db/1", verb="restart", since=0.0, progress="")


def test_nothing_to_do_is_one_line_that_can_be_believed() -> None:
    view = replace(VIEW, changes=(), would_change=False, notes=(), schema=7)
    assert list(upgrade.lines(view)) == [
        "upgrade 1.2.0 -> 1.3.0 would touch no container (42 services, 57 containers compared)"
    ]
    assert list(upgrade.lines(replace(view, former="1.3.0", services=1, containers=1))) == [
        "zpmd 1.3.0 would touch no container (1 service, 1 container compared)"
    ]


def test_everything_that_would_be_done_is_told_with_its_cause_and_the_fields_that_differ() -> None:
    assert list(upgrade.lines(VIEW)) == [
        "upgrade 1.2.0 -> 1.3.0 would change this (42 services, 57 containers compared)",
        "  replace web/1 (zpmd-web-1): its definition changed (spec 1:a -> 1:b); differs in: init, environment.LEVEL",
        "  replace db/1 (zpmd-db-1): its definition changed (spec 1:a -> 1:b); differs in: its former definition is not"
        " known any more",
        "  start jobs/2: it died (exit 1)",
        "note: the store goes from schema 6 to 7 at the first start",
        "note: integrations: mongodb does not answer; what was known last counts",
    ]


def test_without_a_word_of_the_running_zpmd_nothing_is_excused() -> None:
    view = upgrade.excused(VIEW, QUIET, "1.2.1")
    assert view == replace(VIEW, former="1.2.1")


def test_what_the_running_zpmd_does_holds_back_or_has_in_hand_is_not_the_upgrades_doing() -> None:
    plan = replace(QUIET, actions=(ACTION,), waiting=(WAITING,), in_flight=(IN_FLIGHT,))
    view = upgrade.excused(VIEW, plan, "1.2.0")
    assert [change.anyway for change in view.changes] == [True, True, True]
    assert not view.would_change
    lines = list(upgrade.lines(view))
    assert lines[0] == "upgrade 1.2.0 -> 1.3.0 would touch no container (42 services, 57 containers compared)"
    assert lines[1] == "the zpmd that runs is about this by itself, whatever version it is:"


def test_one_change_of_its_own_is_enough() -> None:
    view = upgrade.excused(VIEW, replace(QUIET, actions=(ACTION,), in_flight=(IN_FLIGHT,)), "1.2.0")
    assert [change.subject for change in view.changes if not change.anyway] == ["web/1"]
    assert view.would_change
