"""Noticing that files have changed: inotify where it works, comparing states in any case.

The rules, each learnt from a way in which watching fails in silence:

1. An event only sets a flag. An exception in a handler would end the observer's thread for good.
2. An event is no news by itself: our own reading makes some. News is that the state of a file differs.
3. A watch dies with its folder. So folders are compared with those that are watched, by device and inode, on every
   tick, and a new observer is made when they differ or one of its threads has died.
4. Where the kernel refuses watches (limits, network file systems), comparing on every tick is all there is.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

CHANGES: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]

Identity = tuple[int, int]

Folders = Callable[[], Mapping[str, bool]]
"""Says which folders to watch, those with True with all that is below."""

TICK_SECONDS = 2.0
"""How often states are compared, whatever inotify says."""
STOP_LOOKS = 20
"""How often in a tick the end of the daemon is looked for."""
QUIET_SECONDS = 0.2
"""An editor's save is several events: they are one change when none came for this long."""
MAX_DEBOUNCE_ROUNDS = 10

REFUSED_SECONDS = 30.0
"""How long to compare only, before asking a kernel that refused for watches again."""


class Flag(FileSystemEventHandler):
    """Says that something happened, to whoever waits for it."""

    def __init__(self) -> None:
        self.raised = threading.Event()

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002 (watchdog's signature)
        self.raised.set()


class FolderWatch:
    """Watches of a changing set of folders. Used by one thread; `alive` may be asked from any.

    `flag` is told every event, and `make` makes the observer: for who wants to know more than that something happened.
    """

    def __init__(self, flag: Flag | None = None, make: Callable[[], BaseObserver] = Observer) -> None:
        self.flag = flag or Flag()
        self.make = make
        self.observer: BaseObserver | None = None
        self.watched: dict[str, Identity] = {}
        self.again_at = 0.0

    def alive(self) -> bool:
        """Whether a change in one of the folders would be noticed at once."""
        # Only an observer whose watches are all in place is ever kept in `observer`.
        observer = self.observer
        return observer is not None and observer.is_alive() and all(e.is_alive() for e in observer.emitters)

    def follow(
        self, folders: Callable[[], Mapping[str, bool]], look: Callable[[], None], stop: threading.Event
    ) -> None:
        """Block until `stop`; `look` whenever something may have changed, and on every tick. `folders` as in `arm`."""
        try:
            while not stop.is_set():
                self.arm(folders())
                if self._noticed(stop):
                    self._until_quiet(stop)
                look()
        finally:
            self.disarm()

    def _noticed(self, stop: threading.Event) -> bool:
        """Wait for an event, for one tick at most; whether one came."""
        for _ in range(STOP_LOOKS):
            if stop.is_set() or self.flag.raised.wait(TICK_SECONDS / STOP_LOOKS):
                break
        return self.flag.raised.is_set()

    def _until_quiet(self, stop: threading.Event) -> None:
        for _ in range(MAX_DEBOUNCE_ROUNDS):
            self.flag.raised.clear()
            if stop.wait(QUIET_SECONDS) or not self.flag.raised.is_set():
                return

    def arm(self, folders: Mapping[str, bool]) -> None:
        """Watch these folders, those with True with all below them. Cheap when nothing has changed."""
        wanted = identities(folders)
        if (wanted == self.watched and self.alive()) or time.monotonic() < self.again_at:
            return
        self.disarm()
        observer: BaseObserver | None = None
        try:
            # Making one asks for an inotify instance, of which a user may have 128: that is refused first.
            observer = self.make()
            observer.start()
            for folder in wanted:
                observer.schedule(self.flag, folder, recursive=folders[folder], event_filter=CHANGES)
        except OSError:
            if observer is not None:
                end(observer)
            self.again_at = time.monotonic() + REFUSED_SECONDS
            return
        self.observer, self.watched = observer, wanted
        # What changed while no watch was up is found by whoever compares states after this.
        self.flag.raised.set()

    def disarm(self) -> None:
        observer, self.observer, self.watched = self.observer, None, {}
        if observer is not None:
            end(observer)


def end(observer: BaseObserver) -> None:
    if observer.is_alive():
        observer.stop()
        observer.join(timeout=5)


def identities(folders: Collection[str]) -> dict[str, Identity]:
    """Those folders that exist, with what tells them from others of the same name."""
    found: dict[str, Identity] = {}
    for folder in folders:
        try:
            state = os.stat(folder)
        except OSError:
            continue
        found[folder] = (state.st_dev, state.st_ino)
    return found
