"""The one thread that looks at all watched paths, whoever watches them: equal rules are one look.

Rules:
1. Events say that something may have happened; what happened is seen by comparing states, and told by contents.
2. Files are read here and not in the loop, which takes what was seen last. Only what was never known is read at once.
3. With inotify everything is compared every 30 s all the same, without it every 2 s; and never for more than a
   twentieth of the time, however much is watched.
4. A file that changed a moment ago is read again: its times cannot tell two changes of the same instant apart.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from zpmd.model.events import Reason
from zpmd.model.watch import WatchRule
from zpmd.ports import Wake
from zpmd.sources.filewatch.trees import Entry, Listing, Moving, Rule, State, Untold, content, digest
from zpmd.sources.watching import QUIET_SECONDS, FolderWatch

STEP_SECONDS = 0.1
COMPARED_SECONDS = 30.0
POLLED_SECONDS = 2.0
SHARE = 20
"""The time between two looks is at least so many times that of a look."""
RECENT_SECONDS = 2.0
"""In which two changes may have the same times: two ticks of the coarsest file system (FAT, 2 s)."""
MOVING_TOLD_SECONDS = 60.0
SIBLINGS = 4
"""From so many watched folders in one folder on, that one is watched with all that is below it."""
MAX_WATCHED = 64
"""Each costs the observer a thread. What goes beyond is compared."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a rule's path holds, as it was told last: "" while it never could be. `changed_at` (monotonic) is when that
    last was something else, and `trouble` why it cannot be told now."""

    digest: str = ""
    changed_at: float = 0.0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    content: Content = Content()
    listing: Listing = field(default_factory=dict)
    contents: Mapping[str, tuple[State, str]] = field(default_factory=dict)
    """By name, with the state that it was read in; without those that have to be read again."""
    recent: bool = False
    moving_since: float | None = None


class Looking:
    """Used by several sources, each an owner of some rules. All but `watch` may be called from any thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._monotonic, self._wall = monotonic, wall
        self._lock = threading.Lock()
        self._wanted: dict[str, frozenset[WatchRule]] = {}
        self._due: dict[str, float] = {}
        self._waited_for: dict[str, frozenset[WatchRule]] = {}
        self._looked: dict[WatchRule, Looked] = {}
        self._rules: dict[WatchRule, Rule] = {}
        self._folders = FolderWatch()
        self._beyond = False
        self._all: frozenset[WatchRule] = frozenset()
        self._new = threading.Event()

    def want(self, owner: str, rules: Iterable[WatchRule]) -> None:
        """From now on the owner watches these and no others."""
        with self._lock:
            self._wanted[owner] = frozenset(rules)
            wanted = frozenset[WatchRule]().union(*self._wanted.values())
            if wanted != self._all:
                self._all = wanted
                self._new.set()

    def wake_at(self, owner: str, at: float | None, waited_for: Iterable[WatchRule] = ()) -> None:
        """Wake the loop once more at this (monotonic) instant, although nothing may have changed. Until then further
        changes in those rules that are `waited_for` are no news to this owner."""
        with self._lock:
            self._waited_for[owner] = frozenset(waited_for)
            self._due.pop(owner, None)
            if at is not None:
                self._due[owner] = at

    def content(self, rule: WatchRule) -> Content | None:
        """None where nobody has looked yet."""
        looked = self._looked.get(rule)
        return looked.content if looked is not None else None

    def look_at(self, rule: WatchRule) -> Content:
        """In the caller's thread, and only where nobody has looked yet."""
        return self.content(rule) or self._look_at(rule).content

    def watching(self) -> bool:
        """Whether a change would be noticed at once. Where nothing is watched, there is nothing to miss."""
        return not self._all or self._folders.alive()

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        """Block until `stop`; wake with FILES when a content has changed, or when one is due to be judged."""
        earliest = latest = 0.0
        try:
            while not stop.is_set():
                self._arm()
                if self._noticed(earliest, latest, stop):
                    stop.wait(QUIET_SECONDS)
                    self._folders.flag.raised.clear()
                self._new.clear()
                began = self._monotonic()
                changed = self.look()
                ended = self._monotonic()
                earliest = ended + SHARE * (ended - began)
                latest = max(earliest, ended + self._pause())
                if self._come_due(ended) or self.is_news(changed):
                    wake(Reason.FILES)
        finally:
            self._folders.disarm()

    def is_news(self, changed: Collection[WatchRule]) -> bool:
        """Whether somebody has to hear of a change in one of these now. Files that never rest would otherwise keep the
        loop busy with a service whose watch is suspended."""
        with self._lock:
            return any(
                rules.intersection(changed) - self._waited_for.get(owner, frozenset())
                for owner, rules in self._wanted.items()
            )

    def look(self) -> frozenset[WatchRule]:
        """At everything. Those of which there is anything new."""
        wanted = self._all
        before = {rule: self.content(rule) for rule in wanted}
        for rule in wanted:
            self._look_at(rule)
        for gone in [rule for rule in list(self._looked) if rule not in wanted]:
            self._looked.pop(gone, None)
            self._rules.pop(gone, None)
        return frozenset(rule for rule in wanted if self.content(rule) != before[rule])

    # --- one look -----------------------------------------------------------------------------------------------------

    def _look_at(self, rule: WatchRule) -> Looked:
        before, now = self._looked.get(rule), self._monotonic()
        try:
            looked = self._told(rule, before or Looked(), now)
        except Untold as untold:
            known = before or Looked()
            looked = replace(known, content=replace(known.content, trouble=str(untold)), moving_since=None)
        except Moving:
            looked = _moved(before or Looked(), now)
        self._looked[rule] = looked
        return looked

    def _told(self, rule: WatchRule, before: Looked, now: float) -> Looked:
        ready = self._rules.setdefault(rule, Rule(rule))
        listing = ready.listing()
        if not listing and before.listing:
            raise Untold("it is empty, and was not: nothing is known of what became of it")
        if listing == before.listing and before.content.digest and not before.recent and before.moving_since is None:
            return replace(before, content=replace(before.content, trouble="")) if before.content.trouble else before
        wall = self._wall()
        told = {name: _known(before, name, entry) or content(entry) for name, entry in listing.items()}
        if ready.listing() != listing:
            raise Moving
        found = digest(told)
        settled = {name: (e.state, told[name]) for name, e in listing.items() if not _recent(e, wall)}
        same = found == before.content.digest and before.moving_since is None
        return Looked(
            content=Content(found, before.content.changed_at if same else now),
            listing=listing,
            contents=settled,
            recent=len(settled) < len(listing),
        )

    # --- when to look -------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        if not self._all:
            self._folders.disarm()
            return
        folders = folders_of({rule.path for rule in self._all})
        self._beyond = len(folders) > MAX_WATCHED
        self._folders.arm(dict(list(folders.items())[:MAX_WATCHED]))

    def _noticed(self, earliest: float, latest: float, stop: threading.Event) -> bool:
        """Wait until it is time to look; whether that is for an event. However many events there are, it is not before
        `earliest`. A rule that is new, and an instant that is due, are reasons to look as well."""
        while not stop.is_set() and (now := self._monotonic()) < latest:
            if now < earliest:
                stop.wait(min(STEP_SECONDS, earliest - now))
            elif self._folders.flag.raised.wait(STEP_SECONDS):
                return True
            elif self._is_due(now) or self._new.is_set():
                return False
        return self._folders.flag.raised.is_set()

    def _is_due(self, now: float) -> bool:
        with self._lock:
            return any(at <= now for at in self._due.values())

    def _pause(self) -> float:
        soon = any(looked.recent or looked.moving_since is not None for looked in list(self._looked.values()))
        return COMPARED_SECONDS if self.watching() and not self._beyond and not soon else POLLED_SECONDS

    def _come_due(self, now: float) -> bool:
        with self._lock:
            come = [owner for owner, at in self._due.items() if at <= now]
            for owner in come:
                del self._due[owner]
        return bool(come)


def _known(before: Looked, name: str, entry: Entry) -> str:
    state, known = before.contents.get(name, ("", ""))
    return known if state == entry.state else ""


def _recent(entry: Entry, wall: float) -> bool:
    return abs(wall - entry.changed_at) < RECENT_SECONDS and not isinstance(entry.state, str)


def _moved(before: Looked, now: float) -> Looked:
    """It changed while it was read: what was known goes on, and it is not quiet."""
    since = before.moving_since if before.moving_since is not None else now
    told = "it keeps changing while it is read" if now - since >= MOVING_TOLD_SECONDS else ""
    return replace(before, content=replace(before.content, changed_at=now, trouble=told), moving_since=since)


def folders_of(paths: Collection[str]) -> dict[str, bool]:
    """Where inotify is wanted for these paths, True with all that is below: as few as will do. The folder of a path
    too, where it may come, go and be replaced."""
    trees = {path for path in paths if os.path.isdir(path)}
    by_parent: dict[str, set[str]] = {}
    for path in trees:
        by_parent.setdefault(os.path.dirname(path), set()).add(path)
    for parent, children in by_parent.items():
        if len(children) >= SIBLINGS and os.path.dirname(parent) != parent:
            trees = (trees - children) | {parent}
    trees = {path for path in trees if not any(above in trees for above in _above(path))}
    flat = {os.path.dirname(path) for path in paths}
    flat = {path for path in flat if path not in trees and not any(above in trees for above in _above(path))}
    return {**dict.fromkeys(sorted(trees), True), **dict.fromkeys(sorted(flat), False)}


def _above(path: str) -> Iterable[str]:
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent
