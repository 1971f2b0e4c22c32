"""Noticing that something changed in a MongoDB: a change stream where it is a replica set, the clock where it is not.

Rules, each learnt from a way in which following fails:

1. A change only says which database to read again; it carries no row.
2. A stream without a token tells nothing of what was before it. So a new one is opened first, and then everything is
   read (OPENED with `database` None).
3. The token is kept over what the driver calls resumable, also the one of an empty answer: on a quiet collection the
   last event's would have left the history long ago. Any other end (history lost, invalidated, dropped, renamed,
   whatever comes) drops it: rule 2 mends all of them.
4. Silence is no sign of life. Every second an answer is due, and the socket has a deadline.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from loguru import logger
from pymongo.change_stream import ChangeStream
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from tenacity import Retrying, retry_if_exception_type, sleep_using_event, stop_when_event_set
from tenacity.wait import wait_exponential, wait_random

from zpmd.ports import Clock
from zpmd.sources.mongo.client import FAILURES, Client, Deployment, Unusable, why
from zpmd.sources.rows import COLLECTIONS

AWAIT_SECONDS = 1.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 4.0
JITTER_SECONDS = 1.0

NOT_A_SET = (40573, 20)
"""The $changeStream stage is only supported on replica sets."""
UNAUTHORIZED = 13
ENDS = frozenset({"drop", "rename", "dropDatabase", "invalidate"})
RESUMABLE = "ResumableChangeStreamError"

PIPELINE: list[Mapping[str, Any]] = [
    {"$match": {"$or": [{"ns.coll": {"$in": sorted(COLLECTIONS)}}, {"operationType": {"$in": sorted(ENDS)}}]}},
    {"$project": {"operationType": 1, "ns": 1, "to": 1}},
]


class What(Enum):
    CHANGED = "changed"
    OPENED = "opened"
    LOST = "lost"
    TICK = "tick"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Scope:
    """What is followed: one database, or with "" all that the deployment has."""

    deployment: Deployment
    database: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """CHANGED: that database. OPENED: a stream is open; with `everything`, whatever was before it is to be read. LOST:
    nothing tells of changes for the moment, see whether it is still there. TICK: nothing tells of changes, read everything. REFUSED: not all databases may be
    followed at once."""

    scope: Scope
    what: What
    database: str = ""
    everything: bool = False


class Follower:
    """Follows one scope in a thread of its own, from `start` until `end`. `tell` must not block."""

    def __init__(
        self,
        scope: Scope,
        client: Callable[[], Client],
        tell: Callable[[Heard], None],
        poll_seconds: float,
        clock: Clock,
    ) -> None:
        self.scope = scope
        self.polls_because = ""
        """Why it polls; "" where a stream is what tells of changes."""
        self._client_of = client
        self._tell = tell
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._over = threading.Event()
        self._token: Mapping[str, Any] | None = None
        self._heard_at = clock.monotonic()
        self._open = False
        self._thread = threading.Thread(target=self._follow, name="zpmd-rows-follower", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """It ends soon, and tells nothing more."""
        self._over.set()

    def alive(self) -> bool:
        """Whether a change would be noticed now, at once or at the next tick."""
        bound = self.scope.deployment.access.timeout_seconds + AWAIT_SECONDS
        if self.polls_because:
            bound += self._poll_seconds
        silent = self._clock.monotonic() - self._heard_at
        return self._open and self._thread.is_alive() and silent <= bound

    def _follow(self) -> None:
        while not self._over.is_set():
            try:
                self._once()
            except Exception as error:  # a follower that dies is worse than one that starts anew
                if self._over.is_set():
                    return
                logger.error("following MongoDB failed: {}", why(error, self.scope.deployment))
                self._forget(error)
                self._over.wait(FIRST_PAUSE_SECONDS)

    def _once(self) -> None:
        """Open, with as many tries as it takes, and listen until the stream ends."""
        stream = Retrying(
            retry=retry_if_exception_type(FAILURES),
            wait=wait_exponential(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS) + wait_random(0, JITTER_SECONDS),
            stop=stop_when_event_set(self._over),
            sleep=sleep_using_event(self._over),
            before_sleep=lambda _: self._say(What.LOST),
            reraise=True,
        )(self._opened)
        if stream is None:
            self._tick()
            return
        with stream:
            resumed = self._token is not None
            self._token = stream.resume_token or self._token
            self._sign_of_life()
            self._say(What.OPENED, everything=not resumed)
            try:
                self._listen(stream)
            except FAILURES as error:
                self._forget(error)
        self._open = False
        if not self._over.is_set():
            self._say(What.LOST)
            self._over.wait(FIRST_PAUSE_SECONDS)

    def _opened(self) -> ChangeStream[Any] | None:
        """A stream from the token on, or from now; None where this deployment has none to give."""
        wait = min(AWAIT_SECONDS, self.scope.deployment.access.timeout_seconds / 2)
        options: dict[str, Any] = {"resume_after": self._token, "max_await_time_ms": round(wait * 1000)}
        try:
            client = self._client_of()
            target = client[self.scope.database] if self.scope.database else client
            stream: ChangeStream[Any] = target.watch(PIPELINE, **options)
            self.polls_because = ""
            return stream
        except OperationFailure as error:
            self._forget(error)
            if error.code in NOT_A_SET:
                self.polls_because = "a standalone MongoDB has no change streams"
            elif error.code != UNAUTHORIZED:
                raise
            elif self.scope.database:
                self.polls_because = "its user may not open change streams"
            else:
                self._say(What.REFUSED)
                self.polls_because = "its user may not open change streams"
            return None
        except FAILURES as error:
            self._forget(error)
            raise

    def _listen(self, stream: ChangeStream[Any]) -> None:
        """Until it is over, or the stream has ended and its token counts no more; raises what FAILURES names."""
        while not self._over.is_set():
            change = stream.try_next()
            self._sign_of_life()
            if change is None:
                if not stream.alive:
                    raise Unusable("the change stream has ended")
                self._token = stream.resume_token or self._token
                continue
            if self._ended(change):
                self._token = None
                return
            self._token = stream.resume_token or self._token
            self._say(What.CHANGED, str(change.get("ns", {}).get("db", "")))

    def _ended(self, change: Mapping[str, Any]) -> bool:
        """Whether a collection of ours, or the whole database, is no longer the one that was followed."""
        kind = change["operationType"]
        touched = {change.get(place, {}).get("coll") for place in ("ns", "to")}
        return kind in ("invalidate", "dropDatabase") or (kind in ENDS and bool(touched & COLLECTIONS.keys()))

    def _tick(self) -> None:
        self._sign_of_life()
        self._say(What.TICK)
        self._over.wait(self._poll_seconds)

    def _forget(self, error: Exception) -> None:
        """Drop the token, unless the same stream may go on after this error."""
        gone_away = isinstance(error, ConnectionFailure) or bool(getattr(error, "timeout", False))
        if not (gone_away or (isinstance(error, PyMongoError) and error.has_error_label(RESUMABLE))):
            self._token = None

    def _sign_of_life(self) -> None:
        self._heard_at = self._clock.monotonic()
        self._open = True

    def _say(self, what: What, database: str = "", everything: bool = False) -> None:
        if not self._over.is_set():
            self._tell(Heard(self.scope, what, database, everything))
