"""What the second slot says, and what a rollback takes along."""

from __future__ import annotations

from tests.unit.planning.build import again, memory, planned, replica, service, sick, start_first
from tests.unit.planning.telling import text, told
from zpmd.model.memory import Revision, Verdict
from zpmd.model.service import PullPolicy, PullWhen, UpdateConfig
from zpmd.model.spechash import spec_hash


def test_the_restarts_of_a_later_slot_count_behind_one_that_has_run_its_window() -> None:
    pair = service("web", replicas=2)
    answer = planned((pair,), [replica(pair, 1), replica(pair, 2, ago=60, attempt=2)])
    assert told(answer) == "web (core) is running: 2 of 2, 2 restarts, image web:1, since -60"


def test_a_rollback_brings_back_how_the_image_was_pulled() -> None:
    old = service("web", pull=PullPolicy(when=PullWhen.ALWAYS))
    new = again(service("web", rollback=UpdateConfig(order=start_first().order)), image="web:2")
    judged = Revision(service="web", stable=old, judged=spec_hash(new.container), verdict=Verdict.FAILED, reason="no")
    answer = planned((new,), [sick(new)], memory(revisions={"web": judged}), images=frozenset({"web:1"}))
    assert told(answer) == text("""
        run web/1: goes back to the last stable definition: no
        rollback, image=web:1, pull=True
        web (core) is updating: 0 of 1, image web:1, since -3600
        because rolled back: no
        look again at +300
    """)
