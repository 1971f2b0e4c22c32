"""The loop around its passes: what a pass that failed was woken for is not forgotten."""

from __future__ import annotations

import threading
from dataclasses import replace

from tests.lab.eventually import eventually
from zpmd.daemon.loop import Loop
from zpmd.model.events import Reason, Snapshot
from zpmd.simulation import moves
from zpmd.simulation.session import site_named


def test_a_reload_is_not_over_when_its_pass_fails() -> None:
    site = site_named("one")
    site.boot()
    assert site.daemon is not None
    mailbox, passes = site.daemon.mailbox, list[Snapshot]()

    def passed(snapshot: Snapshot) -> None:
        passes.append(snapshot)
        if len(passes) == 1:
            raise RuntimeError("the first pass fails")

    loop = Loop(replace(site.daemon.loop.parts, passed=passed))
    mailbox.wake(Reason.RELOAD)
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    eventually(lambda: passes, 10, "a pass")
    mailbox.wake(Reason.ENGINE)
    eventually(lambda: len(passes) == 2, 10, "another pass")
    mailbox.close()
    thread.join(10)
    assert not thread.is_alive()
    assert passes[0].reasons >= {Reason.BOOT, Reason.RELOAD}
    assert passes[1].reasons >= {Reason.BOOT, Reason.RELOAD, Reason.ENGINE}


def test_what_patches_make_of_the_files_is_made_once_for_as_long_as_neither_changes() -> None:
    made = site_named("small")
    made.boot()
    for line in ("run 60", "patch drop hotfix-1 mongo,user good", "run 60"):
        assert moves.perform(made, line), line
    assert made.daemon is not None
    loop = made.daemon.loop
    first, second = loop.step(frozenset()).desired, loop.step(frozenset({Reason.RESYNC})).desired
    assert {s.name for s in first.services if s.patched} == {"mongo", "user"}
    assert second is first
    assert moves.perform(made, "patch revert hotfix-1")
    assert moves.perform(made, "run 60")
    assert not [s for s in loop.step(frozenset()).desired.services if s.patched]
