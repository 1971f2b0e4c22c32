"""The mailbox coalesces, never blocks a sender, and lets the loop end."""

from __future__ import annotations

import threading

from zpmd.daemon.mailbox import Mailbox
from zpmd.model.action import PullImage
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Outcome, Reason, Result

OUTCOME = Outcome(action=PullImage(image="a", cause=Cause(Code.NEEDED, "x")), result=Result.OK, at=1.0)


def test_a_storm_of_wakes_is_one_pass() -> None:
    mailbox = Mailbox()
    for _ in range(10_000):
        mailbox.wake(Reason.ENGINE)
    mailbox.wake(Reason.FILES)
    assert mailbox.take(0) == (frozenset({Reason.ENGINE, Reason.FILES}), ())
    assert mailbox.take(0) == (frozenset(), ())


def test_outcomes_come_in_order_and_wake() -> None:
    mailbox = Mailbox()
    mailbox.deliver(OUTCOME)
    mailbox.deliver(OUTCOME)
    assert mailbox.take(10) == (frozenset({Reason.OUTCOME}), (OUTCOME, OUTCOME))


def test_a_wake_from_another_thread_ends_the_wait() -> None:
    mailbox = Mailbox()
    sender = threading.Timer(0.01, mailbox.wake, args=[Reason.ENGINE])
    sender.start()
    reasons, _ = mailbox.take(30)
    sender.join()
    assert reasons == {Reason.ENGINE}


def test_closing_ends_the_wait_with_nothing() -> None:
    mailbox = Mailbox()
    threading.Timer(0.01, mailbox.close).start()
    assert mailbox.take(30) == (frozenset(), ())
    assert mailbox.closed
