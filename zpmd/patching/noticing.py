"""Hearing of a file in incoming/ as soon as it is complete: watchdog with a mask of our own.

inotify says two things about completeness: a file was renamed into the folder, or one that was open for writing was
closed. watchdog's own masks ask for renames out of the folder too, and hold everything behind one of those back for
0.5 s, in which the other half of the move might come (observers/inotify_move_event_grouper.py): every file that is put
away would make the next one late. And a rename from outside is a creation there, like that of a file that is still to
be written. So the emitter is told what to ask the kernel for, and to tell moves as moves.

What gets lost (an overflow of the queue, names over the bound) is found by the next look at the folder, and takes the
quiet time.
"""

from __future__ import annotations

import os
from collections import deque

from watchdog.events import FileClosedEvent, FileMovedEvent, FileSystemEvent
from watchdog.observers.inotify import InotifyFullEmitter, InotifyObserver
from watchdog.observers.inotify_c import InotifyConstants, Mask

from zpmd.sources.watching import Flag

NAMES_KEPT = 4096
ASKED = Mask(InotifyConstants.IN_MOVED_TO | InotifyConstants.IN_CLOSE_WRITE | InotifyConstants.IN_DELETE_SELF)


class PromptEmitter(InotifyFullEmitter):
    """Tells a rename from outside as a move, and holds nothing back."""

    def get_event_mask_from_filter(self) -> Mask:
        return ASKED


class PromptObserver(InotifyObserver):
    def __init__(self) -> None:
        super().__init__(generate_full_events=True)
        self._emitter_class = PromptEmitter


class Notices(Flag):
    """Names of files that were renamed to, or closed after writing. An event only notes one, and wakes."""

    def __init__(self) -> None:
        super().__init__()
        self._names: deque[str] = deque(maxlen=NAMES_KEPT)

    def on_any_event(self, event: FileSystemEvent) -> None:
        if isinstance(event, FileMovedEvent | FileClosedEvent):
            path = event.dest_path if isinstance(event, FileMovedEvent) else event.src_path
            self._names.append(os.path.basename(os.fsdecode(path)))
        self.raised.set()

    def take(self) -> list[str]:
        """Those since the last time, once each, in their order. Clears the flag first, so that none is slept over."""
        self.raised.clear()
        names: dict[str, None] = {}
        while self._names:
            names[self._names.popleft()] = None
        return list(names)
