"""How zpmctl follows one run of a job to its end, through restarts of the daemon: a run goes on over them."""

from __future__ import annotations

import time
from collections.abc import Callable

from zpmd.interfaces.ctl.client import Daemon, Exit, Failure
from zpmd.interfaces.ctl.follow import AWAY, AWAY_SECONDS, LOOK_SECONDS
from zpmd.interfaces.job_views import RunStoryView
from zpmd.interfaces.run_words import stands
from zpmd.model.job import RAN

KEPT_SECONDS = 10.0
"""How long the end of a run waits for its last lines to be kept."""


def ended(daemon: Daemon, path: str, timeout_seconds: float | None, note: Callable[[float, str], None]) -> RunStoryView:
    """The run when it has ended and its last lines are there, or will not be. Raises Failure: not in time, or the
    daemon is away for a minute. `note` hears at which instant how far it is."""
    began = seen_at = time.monotonic()
    ended_at: float | None = None
    pending = "zpmd has not looked yet"
    while True:
        try:
            story = daemon.get(RunStoryView, path)
            seen_at = time.monotonic()
        except Failure as failure:
            if failure.code not in AWAY or time.monotonic() - seen_at >= AWAY_SECONDS:
                raise
        else:
            run = story.run
            if run.ending:
                ended_at = time.monotonic() if ended_at is None else ended_at
                if run.log_kept or run.ending not in RAN or time.monotonic() - ended_at >= KEPT_SECONDS:
                    return story
            pending = stands(run, story.now) if run.ending else _pending(story)
            note(story.now, f"{run.job} is {pending}")
        if timeout_seconds is not None and time.monotonic() - began >= timeout_seconds:
            text = f"not ended after {timeout_seconds:.0f} s, and still going on: {pending}"
            raise Failure(Exit.TIMED_OUT, text)
        time.sleep(LOOK_SECONDS / 2)


def _pending(story: RunStoryView) -> str:
    """Without its age, in whose place the reason stands: a line a second would be none of use."""
    run = story.run
    text = f"{run.step}, try {run.tries}" if run.tries > 1 else run.step
    return text + (f": {run.reason}" if run.reason else "")
