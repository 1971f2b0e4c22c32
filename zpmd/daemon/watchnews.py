"""What is worth a line of the journal about watched files: a watch that is suspended or ends to be, and content that
cannot be told or can again. A change that counts is in the cause of the replacement that it leads to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from zpmd.daemon.news import LINES, News
from zpmd.messages import Message
from zpmd.model.cause import Code
from zpmd.model.service import Desired
from zpmd.model.watch import Watched
from zpmd.planning import filewatch


class WatchNews:
    """Remembers what it has told, for the life of the process. Used by the loop's thread alone."""

    def __init__(self) -> None:
        self._desired: Desired | None = None
        self._before: Mapping[str, Watched] = {}

    def of(self, desired: Desired) -> list[News]:
        """What is new since the last call."""
        if desired is self._desired:
            return []
        now = {s.name: s.watched for s in desired.services if s.watched is not None}
        news = [one for name, watched in now.items() for one in _of(name, self._before.get(name), watched)]
        self._desired, self._before = desired, now
        more = len(news) - LINES
        return [*news[:LINES], News(text=f"{more} more like these", subject="watched files")] if more > 0 else news


def _of(name: str, before: Watched | None, now: Watched) -> Iterator[News]:
    told, cause = before and filewatch.waits(before), filewatch.waits(now)
    if cause and cause != told:
        named = Message.WATCH_SUSPENDED if cause.code is Code.WATCH_SUSPENDED else None
        yield News(text=str(cause), subject=name, service=name, message=named)
    if before is None:
        return
    if before.suspended is not None and now.suspended is None:
        yield News(text="its watch is no longer suspended", subject=name, service=name, bad=False)
    if before.trouble and not now.trouble:
        yield News(text="what it watches can be told again", subject=name, service=name, bad=False)
