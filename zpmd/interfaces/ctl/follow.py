"""How zpmctl follows one patch to its end, through restarts of the daemon: a patch goes on over those by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from zpmd.interfaces.ctl.client import Daemon, Exit, Failure
from zpmd.interfaces.patch_views import PatchStoryView, PatchView
from zpmd.interfaces.views import StatusView

LOOK_SECONDS = 1.0
"""Also without a new pass: ages go on, and the file of a patch is put away after its end."""
AWAY_SECONDS = 60.0
"""How long a daemon may be away before that is an error."""
FILING_SECONDS = 3.0
"""How long the end of a patch waits for its file to be put away."""
UNSEEN_SECONDS = 5.0
"""A file that was dropped a moment ago has no row yet: for so long it is waited for."""
AWAY = frozenset({Exit.UNREACHABLE, Exit.REFUSED, Exit.TIMED_OUT})
"""What a daemon that is restarted answers: nothing, or that its first pass has not ended."""


def newest(story: PatchStoryView) -> PatchView:
    return story.patch


def taken_back(story: PatchStoryView) -> PatchView:
    """The drop that somebody asked to take back: one that was refused since has the same id."""
    return next((drop for drop in (story.patch, *story.drops) if drop.asked), story.patch)


def follow(daemon: Daemon, path: str, drop: Callable[[PatchStoryView], PatchView] = newest) -> Iterator[PatchStoryView]:
    """The story again and again, at least once a second, until this drop of it has ended."""
    story = _first(daemon, path)
    number, seen_at = 0, time.monotonic()
    ended_at: float | None = None
    while True:
        yield story
        patch = drop(story)
        if patch.ended:
            ended_at = time.monotonic() if ended_at is None else ended_at
            if patch.filed or time.monotonic() - ended_at >= FILING_SECONDS:
                return
        else:
            ended_at = None
        try:
            number = _next(daemon, number)
            story = daemon.get(PatchStoryView, path)
            seen_at = time.monotonic()
        except Failure as failure:
            if failure.code not in AWAY or time.monotonic() - seen_at >= AWAY_SECONDS:
                raise
            time.sleep(LOOK_SECONDS)


def _first(daemon: Daemon, path: str) -> PatchStoryView:
    until = time.monotonic() + UNSEEN_SECONDS
    while True:
        try:
            return daemon.get(PatchStoryView, path)
        except Failure as failure:
            if failure.code is not Exit.NOT_FOUND or time.monotonic() >= until:
                raise
            time.sleep(LOOK_SECONDS / 4)


def _next(daemon: Daemon, number: int) -> int:
    """Waits for a pass after this one, or a second; the number of the newest."""
    view = daemon.newer(number, LOOK_SECONDS) or daemon.get(StatusView, "/v1/status")
    return view.number
