"""The loop around its passes: what a pass that failed was woken for is not forgotten."""

from __future__ import annotations

import threading
from dataclasses import replace

from tests.lab.eventually import eventually
from zpmd.daemon.loop import Loop
from zpmd.model.events import Reason, Snapshot
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
