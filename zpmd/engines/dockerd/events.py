"""The event stream: it wakes, and says which of what is known is old. It is never believed further than that.

Every end of the stream is a gap: events have been missed, so all that is kept is dropped and the loop is told
(STREAM_LOST). A silence longer than the read timeout is a gap as well, because a dead peer is silent; then the stream
is opened anew at once, while other ends are followed by a growing pause.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator, Mapping

import requests
from loguru import logger

from zpmd.cut import Cut
from zpmd.engines.dockerd.faults import FAILURES, Answered, Garbage, Told, verdict
from zpmd.engines.dockerd.observing import Kind, Observer
from zpmd.engines.dockerd.wire import Json, Pool, decode, severable
from zpmd.model.events import Reason
from zpmd.ports import Clock, Wake

IDLE_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
STEADY_SECONDS = 10.0
"""A stream that lived for less has not shown that the trouble before it is over: the pauses go on growing."""
MAX_EVENT_BYTES = 1 << 20

# What changes the world. The rest (exec_* of every probe, attach, top, mount, ...) would only wake for nothing.
_CONTAINER = ("create", "start", "die", "destroy", "health_status", "kill", "oom", "pause", "rename", "restart", "stop",
              "unpause", "update")  # fmt: skip
_OTHERS = ("delete", "import", "load", "pull", "remove", "tag", "untag")
FILTERS = json.dumps(
    {"type": ["container", "image", "network", "volume"], "event": sorted({*_CONTAINER, *_OTHERS})},
)
_KINDS: Mapping[str, Kind] = {"image": Kind.IMAGES, "network": Kind.NETWORKS, "volume": Kind.VOLUMES}


class EventStream:
    """One engine's events. `watch` runs in a thread of its own; `alive` may be asked from any."""

    def __init__(self, pool: Pool, observer: Observer, clock: Clock, idle_seconds: float = IDLE_SECONDS) -> None:
        self._pool = pool
        self._observer = observer
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._heard_at: float | None = None
        """Monotonic instant of the last sign of life; None while there is no stream."""

    def alive(self) -> bool:
        heard_at = self._heard_at
        return heard_at is not None and self._clock.monotonic() - heard_at <= self._idle_seconds + 5.0

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        """Block until `stop`; never raises."""
        failures, opened_before = 0, False
        cut = Cut()
        threading.Thread(target=_cut_when, args=(stop, cut), name="zpmd-events-stop", daemon=True).start()
        while not stop.is_set():
            heard, began_at = False, self._clock.monotonic()
            try:
                for reason in self._events(cut):
                    if reason is Reason.STREAM_LOST and not opened_before:
                        reason = Reason.ENGINE  # nothing was missed but what came before the first stream
                    opened_before = heard = True
                    wake(reason)
                error: Exception = Garbage("the event stream ended")
            except (Told, Answered, Garbage, *FAILURES) as caught:
                error = caught
            except Exception as caught:  # a watcher that dies is worse than one that starts anew
                logger.exception("the event stream failed in a way that is not foreseen")
                error = caught
            idle = heard and self._silent(error)
            self._heard_at = None
            self._observer.forget()
            if stop.is_set():
                return
            if heard and self._clock.monotonic() - began_at >= STEADY_SECONDS:
                failures = 0
            if idle:
                continue
            if not failures:
                logger.warning("the engine's event stream is lost: {}", verdict(error)[1])
                wake(Reason.STREAM_LOST)
            self._pool.renegotiate()
            pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**failures)
            failures = min(failures + 1, 16)
            stop.wait(pause * random.uniform(0.5, 1.0))  # nosec B311 # jitter

    def _events(self, cut: Cut) -> Iterator[Reason]:
        """A reason at the opening (STREAM_LOST: what came before is missed) and for each event that matters."""
        wire = self._pool.dedicated()
        try:
            params = {"filters": FILTERS}
            with (
                wire.stream("GET", "/events", params, idle_seconds=self._idle_seconds) as response,
                severable(response, cut),
            ):
                self._observer.forget()
                self._heard_at = self._clock.monotonic()
                yield Reason.STREAM_LOST
                for event in _decoded(response):
                    self._heard_at = self._clock.monotonic()
                    if self._matters(event):
                        yield Reason.ENGINE
        finally:
            wire.close()

    def _matters(self, event: dict[str, Json]) -> bool:
        """Note what it makes old; whether the loop should look."""
        kind, action = event.get("Type"), event.get("Action")
        if not isinstance(kind, str) or not isinstance(action, str):
            raise Garbage("an event without Type or Action")
        if kind in _KINDS:
            self._observer.changed(_KINDS[kind])
            return action in (*_OTHERS, "create", "destroy")
        if kind != "container" or action.split(":")[0] not in _CONTAINER:
            return False
        container_id = (event.get("Actor") or {}).get("ID")
        if isinstance(container_id, str):
            self._observer.touch(container_id)
        return True

    def _silent(self, error: Exception) -> bool:
        """Whether the stream ended by its read timeout, and not sooner."""
        heard_at = self._heard_at
        return (
            heard_at is not None
            and not isinstance(error, Told | Answered | Garbage)
            and self._clock.monotonic() - heard_at >= self._idle_seconds * 0.9
        )


def _cut_when(stop: threading.Event, cut: Cut) -> None:
    stop.wait()
    cut.now()


def _decoded(response: requests.Response) -> Iterator[dict[str, Json]]:
    rest = b""
    for chunk in response.iter_content(None):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_EVENT_BYTES:
            raise Garbage("an event without end")
        for line in lines:
            if not line.strip():
                continue
            event = decode(line)
            if not isinstance(event, dict):
                raise Garbage("an event that is no object")
            yield event
