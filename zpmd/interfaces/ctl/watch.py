"""`zpmctl status --watch`: every change of the whole, through restarts of the daemon.

On a terminal the last status stays on the screen while the daemon is away, with its ages as they were, below a line
that says so. In a pipe there is one status for each change: ages and the number of the pass alone are none.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from rich.text import Text

from zpmd.interfaces.ctl.client import WAIT_SECONDS, Daemon, Failure
from zpmd.interfaces.ctl.follow import AWAY, AWAY_SECONDS
from zpmd.interfaces.ctl.lines import BAD, line, wrapped
from zpmd.interfaces.ctl.overview import screenful, status_lines
from zpmd.interfaces.ctl.screen import Screen
from zpmd.interfaces.views import StatusView
from zpmd.interfaces.words import clean, clock

REFRESH_SECONDS = 1.0
Narrow = Callable[[StatusView], StatusView]


def watch(daemon: Daemon, screen: Screen, as_json: bool, narrow: Narrow) -> None:
    """Until Ctrl-C. Raises Failure, in a pipe, where the daemon is away for a minute."""
    with screen.live() as show:
        if show is None or as_json:
            for changed in _changes(daemon, narrow):
                screen.say(as_json, changed, [*status_lines(changed, screen.zone), Text("")], compact=True)
            return
        last: StatusView | None = None
        while True:
            view, trouble = _look(daemon, last)
            last = view or last
            show(_drawn(narrow(last) if last else None, trouble, screen))


def _look(daemon: Daemon, last: StatusView | None) -> tuple[StatusView | None, str]:
    """A new status, or the same one with its ages a second on; or why there is none."""
    try:
        newer = None if last is None else daemon.newer(last.number, REFRESH_SECONDS)
        return newer or daemon.get(StatusView, "/v1/status"), ""
    except Failure as failure:
        if failure.code not in AWAY:
            raise
        time.sleep(REFRESH_SECONDS)
        return None, clean(failure.text)


def _drawn(view: StatusView | None, trouble: str, screen: Screen) -> list[Text]:
    """`height` leaves two lines for a prompt, which there is none of here: the trouble may have them."""
    width, height = screen.width or 80, (screen.height or 22) + 1
    lines = wrapped(line((trouble, BAD)), width) if trouble else []
    if view is None:
        return lines
    if trouble:
        lines += [line((f"as of {clock(view.now, view.now, screen.zone)}:", "")), Text("")]
    return [*lines, *screenful(view, screen.zone, width, max(5, height - len(lines)))]


def _changes(daemon: Daemon, narrow: Narrow) -> Iterator[StatusView]:
    view = daemon.get(StatusView, "/v1/status")
    told = narrow(view)
    yield told
    seen_at = time.monotonic()
    complained = False
    while True:
        try:
            view = daemon.changed(view.number, WAIT_SECONDS) or view
            seen_at, complained = time.monotonic(), False
        except Failure as failure:
            if failure.code not in AWAY or time.monotonic() - seen_at >= AWAY_SECONDS:
                raise
            if not complained:
                sys.stderr.write(f"zpmctl: {clean(failure.text)}; waiting for it\n")
                complained = True
            time.sleep(REFRESH_SECONDS)
            continue
        if _gist(narrow(view)) != _gist(told):
            told = narrow(view)
            yield told


def _gist(view: StatusView) -> StatusView:
    """What two statuses differ in that a reader would call a change."""
    return replace(view, number=0, at=0.0, now=0.0)
