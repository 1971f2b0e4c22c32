"""What happens, as it happens, for browsers: server-sent events of the status and of the journal.

Rules:
1. All readers share one look at the board and one at the journal. A reader holds a place in what was seen, not a queue
   of its own: one that reads slowly costs its place, and loses it where it falls too far behind. Then its stream ends,
   and it comes back with where it was.
2. Nothing is missed: what ended while a reader was away is told to it again. So an entry may come twice, and the later
   one counts. The `id:` of an event is where to go on from: the entry's own, or one below an action under way.
3. Who is there for one tenant hears of that tenant alone.
4. No thread is held, and a stream never holds up the server's stop.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any
from weakref import WeakKeyDictionary

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException

from zpmd.errors import StoreError
from zpmd.interfaces import status
from zpmd.interfaces.asked import ID_MOST, FeedQuery
from zpmd.interfaces.narrowing import narrowed, services_of
from zpmd.interfaces.rest.access import principal
from zpmd.interfaces.rest.own import whole
from zpmd.interfaces.rest.problems import StrictRoute
from zpmd.interfaces.tenant_control import TenantControl
from zpmd.interfaces.views import EntryView, StatusView
from zpmd.interfaces.why import entry_view
from zpmd.model.events import Entry, Snapshot
from zpmd.ports import Control

MEDIA_TYPE = "text/event-stream"
LOOK_SECONDS = 0.25
STATUS_SECONDS = 0.5
"""Between two statuses at the least."""
HEARTBEAT_SECONDS = 15.0
READERS_MOST = 200
PAGE = 500
"""Of the journal at a time; and how far behind an action that has no end yet is looked at again."""
KEPT = 2 * PAGE
"""Events that a slow reader may be behind."""
RETRY_MILLISECONDS = 2000
FEED: dict[str, Any] = {
    "description": "Events `status` and `entry`, and comments; the data of each is JSON",
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "title": "Event",
                "type": "object",
                "properties": {
                    "event": {"type": "string", "enum": ["status", "entry"]},
                    "id": {"type": "string", "description": "Of an entry: where to go on from"},
                    "data": {"type": "string", "description": "A StatusView or an EntryView"},
                },
                "required": ["event", "data"],
            }
        }
    },
}
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_STATUS = TypeAdapter(StatusView)
_ENTRY = TypeAdapter(EntryView)


def router(control: Control, now: Callable[[], float], stopping: threading.Event) -> APIRouter:
    made = APIRouter(prefix="/v1", route_class=StrictRoute)
    feed = Feeds(lambda: Feed(whole(control), now, stopping))

    @made.get("/feed", tags=["journal"], response_class=EventStream, responses={200: FEED})
    async def get_feed(
        query: Annotated[FeedQuery, Query()],
        request: Request,
        last_event_id: Annotated[int | None, Header(ge=0, le=ID_MOST)] = None,
    ) -> EventStream:
        """The status and the journal as they change, as server-sent events."""
        if feed.readers >= READERS_MOST:
            raise HTTPException(503, f"{READERS_MOST} readers follow the feed already", {"Retry-After": "10"})
        after = query.after if last_event_id is None else last_event_id
        return EventStream(feed.read(principal(request).tenant, after), headers=HEADERS)

    return made


class EventStream(StreamingResponse):
    media_type = MEDIA_TYPE


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the journal, by its place among all that were told since the daemon began."""

    place: int
    service: str
    event: bytes


@dataclass(frozen=True, slots=True)
class Shown:
    """The status of snapshot `number`, and it without its times: an event that says nothing else is none."""

    number: int = 0
    event: bytes = b""
    timeless: bytes = b""


class Feed:
    """What all readers share. Used in the server's own loop alone."""

    def __init__(self, control: Control, now: Callable[[], float], stopping: threading.Event) -> None:
        self._control = control
        self._now = now
        self._stopping = stopping
        self._looking = asyncio.Lock()
        self._looked_at = self._saw_at = -math.inf
        self._snapshot: Snapshot | None = None
        self._shown: dict[str, Shown] = {}
        """By tenant; "" for those who may see all of them."""
        self._told: deque[Told] = deque(maxlen=KEPT)
        self._place = 0
        self._journal: _Journal | None = None
        self._readers: Counter[str] = Counter()

    @property
    def readers(self) -> int:
        return self._readers.total()

    async def read(self, tenant: str, after: int | None) -> AsyncIterator[bytes]:
        """Events for one reader: what came after the entry `after` (None: from now on), the status, and so on."""
        self._readers[tenant] += 1
        try:
            async for event in self._events(tenant, after):
                yield event
        finally:
            self._readers[tenant] -= 1
            if not self._readers[tenant]:
                del self._readers[tenant]
                self._shown.pop(tenant, None)

    async def _events(self, tenant: str, after: int | None) -> AsyncIterator[bytes]:
        yield b"retry: %d\n\n" % RETRY_MILLISECONDS
        await self._look()
        place, shown = self._place, b""
        if after is not None and self._journal is not None:
            for event in await asyncio.to_thread(self._missed, tenant, after, self._journal.last):
                yield event
        spoke_at = time.monotonic()
        while not self._stopping.is_set():
            if self._told and place < self._told[0].place - 1:
                return  # too slow: it comes back, and reads the journal from where it was
            events = [told.event for told in self._told if told.place > place and self._concerns(tenant, told)]
            place = self._place
            status = await self._status(tenant)
            if status != shown:
                shown = status
                events.append(status)
            if not events and time.monotonic() - spoke_at >= HEARTBEAT_SECONDS:
                events.append(b": zpmd is there\n\n")
            if events:
                spoke_at = time.monotonic()
            for event in events:
                yield event
            await asyncio.sleep(LOOK_SECONDS)
            await self._look()

    def _concerns(self, tenant: str, told: Told) -> bool:
        if not tenant:
            return True
        return self._snapshot is not None and told.service in services_of(self._snapshot, tenant)

    def _missed(self, tenant: str, after: int, last: int) -> list[bytes]:
        """The journal from `after` to `last`; where it holds more than KEPT, the newest of it."""
        own = TenantControl(self._control, tenant).journal if tenant else self._control.journal
        under_way = _UnderWay()
        found = []
        for entry in own(None, after, None, KEPT):
            if entry.id <= last:
                under_way.note(entry)
                found.append(_entry_event(entry, under_way.resume(entry.id)))
        return found

    async def _look(self) -> None:
        """At most once in LOOK_SECONDS, whoever asks."""
        async with self._looking:
            if time.monotonic() - self._looked_at < LOOK_SECONDS:
                return
            for entry, resume in await asyncio.to_thread(self._read_journal):
                self._place += 1
                self._told.append(Told(self._place, entry.service, _entry_event(entry, resume)))
            if time.monotonic() - self._saw_at >= STATUS_SECONDS:
                newer = self._control.wait(self._snapshot.number if self._snapshot else 0, 0.0)
                if newer is not None:
                    self._snapshot, self._saw_at = newer, time.monotonic()
            self._looked_at = time.monotonic()

    def _read_journal(self) -> list[tuple[Entry, int]]:
        try:
            if self._journal is None:
                self._journal = _Journal(self._control.journal(None, 0, None, PAGE))
            return self._journal.news(self._control)
        except StoreError:  # status has it; the next look tries again
            return []

    async def _status(self, tenant: str) -> bytes:
        """The event of the newest status that says something new; worked out once for all readers of a tenant."""
        snapshot = self._snapshot
        if snapshot is None:
            return b""
        if self._shown.get(tenant, Shown()).number != snapshot.number:
            async with self._looking:
                known = self._shown.get(tenant, Shown())
                if known.number != snapshot.number:
                    self._shown[tenant] = await asyncio.to_thread(self._show, snapshot, tenant, known)
        return self._shown[tenant].event

    def _show(self, snapshot: Snapshot, tenant: str, known: Shown) -> Shown:
        view = status.status(narrowed(snapshot, tenant) if tenant else snapshot, self._now())
        timeless = _STATUS.dump_json(view, exclude={"number": True, "at": True, "now": True, "registry": {"at"}})
        if timeless == known.timeless:
            return replace(known, number=snapshot.number)
        return Shown(snapshot.number, b"event: status\ndata: %s\n\n" % _STATUS.dump_json(view), timeless)


class Feeds:
    """A feed for each server: the unix socket and TCP have event loops of their own, and what a feed waits with belongs
    to one of them."""

    def __init__(self, make: Callable[[], Feed]) -> None:
        self._make = make
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Feed] = WeakKeyDictionary()

    @property
    def readers(self) -> int:
        return self._here().readers

    def read(self, tenant: str, after: int | None) -> AsyncIterator[bytes]:
        return self._here().read(tenant, after)

    def _here(self) -> Feed:
        loop = asyncio.get_running_loop()
        found = self._by_loop.get(loop)
        if found is None:
            found = self._by_loop[loop] = self._make()
        return found


class _UnderWay:
    """Which actions have begun and not ended, of the last PAGE entries."""

    def __init__(self) -> None:
        self.ids: set[int] = set()

    def note(self, entry: Entry) -> None:
        if entry.kind == "action" and entry.result is None:
            self.ids.add(entry.id)
        else:
            self.ids.discard(entry.id)

    def resume(self, last: int) -> int:
        """From where nothing is missed, the ends of what is under way included."""
        self.ids = {number for number in self.ids if number > last - PAGE}
        return min(self.ids, default=last + 1) - 1


class _Journal:
    """How far it was read: what is there `already` is no news, but its end will be. Used by one thread at a time."""

    def __init__(self, already: Sequence[Entry]) -> None:
        self.last = already[-1].id if already else 0
        self._under_way = _UnderWay()
        for entry in already:
            self._under_way.note(entry)

    def news(self, control: Control) -> list[tuple[Entry, int]]:
        """Entries that are new, or have ended since; each with the id to go on from."""
        found = []
        for entry in control.journal(None, self._under_way.resume(self.last), None, KEPT):
            if entry.id > self.last or (entry.id in self._under_way.ids and entry.result is not None):
                self._under_way.note(entry)
                self.last = max(self.last, entry.id)
                found.append((entry, self._under_way.resume(self.last)))
        return found


def _entry_event(entry: Entry, resume: int) -> bytes:
    return b"event: entry\nid: %d\ndata: %s\n\n" % (resume, _ENTRY.dump_json(entry_view(entry)))
