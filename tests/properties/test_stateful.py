"""A site under hypothesis: any moves in any order, every invariant after each, and rest when the faults have stopped.

A failure is printed as a script. It goes into `scenarios/`, where it is tried for ever, by itself and in the sweep.
"""

from __future__ import annotations

import random

from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from loguru import logger

from zpmd.simulation import appliances, liveness, moves, session
from zpmd.simulation.site import Site

NAMES = sorted(appliances.BY_NAME)
DICE = st.integers(0, 2**16)


class AnySession(RuleBasedStateMachine):
    site: Site

    def _perform(self, line: str | None) -> None:
        if line is not None:
            note(line)
            moves.perform(self.site, line)

    def _draw(self, words: tuple[str, ...], dice: int) -> None:
        self._perform(moves.draw(self.site, random.Random(dice), words))

    @initialize(name=st.sampled_from(NAMES), began=st.booleans())
    def begin(self, name: str, began: bool) -> None:
        """A named appliance, untouched or up."""
        logger.disable("zpmd")
        note(f"appliance {name}")
        self.site = session.site_named(name)
        self.site.trace.muted = True
        self.site.boot()
        if began:
            self._perform("run 60")

    @rule(word=st.sampled_from(session.FAULTS), dice=DICE)
    def something_goes_wrong(self, word: str, dice: int) -> None:
        self._draw((word,), dice)

    @rule(word=st.sampled_from(session.WISHES), dice=DICE)
    def somebody_wants_something(self, word: str, dice: int) -> None:
        self._draw((word,), dice)

    @precondition(lambda self: self.site.pass_is_due)
    @rule()
    def a_pass_is_made(self) -> None:
        self._perform("pass")

    @precondition(lambda self: self.site.daemon is not None and self.site.daemon.workers.waiting)
    @rule(dice=DICE)
    def a_worker_begins(self, dice: int) -> None:
        self._draw(("begin",), dice)

    @precondition(lambda self: self.site.daemon is not None and self.site.daemon.workers.over())
    @rule(dice=DICE)
    def a_worker_ends(self, dice: int) -> None:
        self._draw(("end",), dice)

    @rule(dice=DICE)
    def time_goes_by(self, dice: int) -> None:
        self._draw(("time",), dice)

    @rule(seconds=st.sampled_from((0.3, 2, 15, 90)))
    def it_is_left_alone(self, seconds: float) -> None:
        self._perform(f"run {seconds}")

    @precondition(lambda self: self.site.daemon is None)
    @rule()
    def systemd_starts_it_again(self) -> None:
        self._perform("boot")

    def teardown(self) -> None:
        """Whatever it was: when it stops, the site becomes as it should be, and stays so."""
        if hasattr(self, "site"):
            note("converge")
            liveness.must_converge(self.site, session.STEPS)


AnySession.TestCase.settings = settings(
    max_examples=250, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestAnySession = AnySession.TestCase
