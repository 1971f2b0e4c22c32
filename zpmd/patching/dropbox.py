"""The drop directory: what is put into incoming/ becomes a row of the ledger, and what has ended is put away.

It never decides about services. It writes rows up to COPIED or QUARANTINED (taking.py); from there they are the loop's
until they have ended, and then their files are put away (filing.py).

One thread does all of it, in rounds: hear what was renamed or closed, look at the folder, take what is complete, put
away what has ended. A round does a bounded piece of work and then listens again, so that 40,000 files at once cost no
more memory than a few, what has ended is put away in their midst, and the end of zpmd is not late. Nothing that goes
wrong with a file or a folder ends the thread: it is said in `trouble`, and tried again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path

from loguru import logger

from zpmd.errors import StoreError
from zpmd.model.events import Reason
from zpmd.model.patch import Patch, Stage
from zpmd.patching import copying, quarantine
from zpmd.patching.drops import Drops
from zpmd.patching.filing import Filing, is_stuck, why
from zpmd.patching.folders import INCOMING, QUARANTINE, Folders
from zpmd.patching.incoming import Candidate, Incoming
from zpmd.patching.keys import Keyring
from zpmd.patching.noticing import NAMES_KEPT, Notices, PromptObserver
from zpmd.patching.shapes import shape_of, shown
from zpmd.patching.taking import Taking
from zpmd.patching.telling import Telling
from zpmd.ports import Clock, Store, Wake
from zpmd.settings import Patches
from zpmd.sources.watching import FolderWatch

AT_ONCE = 50
"""Files that one round takes."""
OPEN_AT_ONCE = 200
"""Rows that were taken and have not ended: with so many the other files wait in incoming/."""
KEPT_AT_ONCE = 2000
"""Files that rows have, and that could not be moved away."""
RESCAN_SECONDS = 2.0
STOP_LOOK_SECONDS = 0.1
STUCK_SECONDS = 60.0
"""Until a file that could not be moved is tried again."""
LEDGER_READ = 5000


class DropBox:
    """`watch` is its thread. Everything but `nudge`, `watching` and `trouble` is that thread's own."""

    def __init__(
        self,
        patches: Patches,
        state_dir: Path,
        group: str,
        store: Store,
        clock: Clock,
        keyring: Callable[[], Keyring],
    ) -> None:
        """`group` may put files into incoming/. `keyring` reads the keys as they are now."""
        self._store = store
        self._clock = clock
        self._bounds = quarantine.Bounds(patches.quarantine_count, patches.quarantine_bytes)
        self._quiet_seconds = patches.quiet_seconds
        self._folders = Folders(patches.dir, group)
        self._drops = Drops(state_dir / "patches")
        self._telling = Telling(store, clock)
        self._taking = Taking(patches, self._drops, store, clock, keyring)
        self._filing = Filing(self._folders, self._drops.results, store)
        self._incoming = Incoming(patches.quiet_seconds, clock.monotonic, self._drops.has, lambda: keyring().required)
        self._notices = Notices()
        self._inotify = FolderWatch(self._notices, PromptObserver)
        self._heard: deque[str] = deque(maxlen=NAMES_KEPT)
        self._unfiled: dict[int, Patch] = {}
        """Rows that were refused here and whose files are not put away: the store may have forgotten them before."""
        self._recalled = False
        self._stuck_at = 0.0
        self._troubles: dict[str, str] = {}
        self._trouble = ""
        self._wake: Wake = lambda _: None
        self._stop = threading.Event()

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        """Block until `stop`. Wakes with PATCHES when a row or `trouble` has changed. Never raises."""
        self._wake, self._stop = wake, stop
        try:
            while not stop.is_set():
                if not self._round():
                    self._listen()
        finally:
            self._inotify.disarm()

    def watching(self) -> bool:
        """Whether a file would be noticed at once."""
        return self._inotify.alive()

    def trouble(self) -> str:
        """What is wrong with the directory, or keeps files waiting in it, in words; "" where nothing is."""
        return self._trouble

    def nudge(self) -> None:
        """A row has ended. From any thread; never blocks."""
        self._notices.raised.set()

    def _listen(self) -> None:
        """Until something is heard, or it is time for a look."""
        seconds = min(RESCAN_SECONDS, self._quiet_seconds) if self._incoming.looks else RESCAN_SECONDS
        for _ in range(max(1, round(seconds / STOP_LOOK_SECONDS))):
            if self._stop.is_set() or self._notices.raised.wait(STOP_LOOK_SECONDS):
                return

    def _round(self) -> bool:
        """One round; whether there is more to do at once."""
        more = False
        try:
            self._say("folders", self._folders.ensure())
            self._recall()
            more = self._take_some()
            self._file_ended()
            self._say("store", "")
        except StoreError as error:
            self._say("store", f"the ledger cannot be written, so no file is taken: {error}")
        except OSError as error:
            self._say("files", why(error))
        except Exception as error:  # whatever it was, the next round begins anew
            text = f"failed: {type(error).__name__}"
            if self._troubles.get("files") != text:
                logger.opt(exception=True).error("the drop directory failed")
            self._say("files", text)
        else:
            self._say("files", "")
        self._telling.settle()
        self._tell_trouble()
        return more

    def _recall(self) -> None:
        """Once: what an earlier life left."""
        if self._recalled:
            return
        self._drops.prepare()
        rows = self._store.memory().patches
        self._taking.recall(rows)
        seen = {row.number for row in rows if row.stage is Stage.SEEN}
        self._drops.recall({row.number for row in rows if not row.ended}, seen)
        known = {row.number: row for row in self._store.ledger(limit=LEDGER_READ)}
        for drop in self._drops.all():
            row = known.get(drop.number)
            if row is not None and row.ended and not row.filed:
                self._unfiled[row.number] = row
        self._recalled = True

    # taking

    def _take_some(self) -> bool:
        """Take a bounded number of files; whether there may be more."""
        try:
            with self._folders.open(INCOMING) as folder:
                self._inotify.arm({str(self._folders.path(INCOMING)): False})
                self._say("inotify", "" if self._inotify.alive() else NO_INOTIFY.format(RESCAN_SECONDS))
                return self._take_from(folder)
        except OSError as error:
            # a watch on nothing would count as one that is well
            self._inotify.disarm()
            told = "folders" in self._troubles
            self._say("incoming", "" if told else f"{self._folders.path(INCOMING)} cannot be read: {error.strerror}")
            return False

    def _take_from(self, folder: int) -> bool:
        begun = self._begin_some(folder)
        for candidate, row in begun:
            self._take(candidate, row, folder)
            if self._stop.is_set():
                return False
        self._end_of_lost(folder)
        self._say("incoming", "")
        return len(begun) == AT_ONCE

    def _begin_some(self, folder: int) -> list[tuple[Candidate, Patch]]:
        """Rows of a bounded number of files that are ready. Files that were dropped together have their rows before the
        first of them is read, so that the loop can put them in order: one that was renamed while the first row was
        written counts as well."""
        room = min(AT_ONCE, self._room_for_rows())
        begun: dict[str, tuple[Candidate, Patch]] = {}
        for ready in (self._ready, self._told):
            # what is told may be found as well; and of two names that look the same the second comes later
            fresh = (candidate for candidate in ready(folder) if shown(candidate.name) not in begun)
            for candidate in islice(fresh, room - len(begun)):
                begun[shown(candidate.name)] = candidate, self._begin(candidate)
        return list(begun.values())

    def _ready(self, folder: int) -> Iterator[Candidate]:
        return chain(self._told(folder), self._incoming.scanned(folder))

    def _told(self, folder: int) -> Iterator[Candidate]:
        self._heard.extend(self._notices.take())
        return self._incoming.told(folder, (self._heard.popleft() for _ in range(len(self._heard))))

    def _room_for_rows(self) -> int:
        # rows that are SEEN are the files that are to be taken; whoever follows those bounds their number
        rows = self._store.memory().patches
        open_rows = sum(not row.ended and row.stage is not Stage.SEEN for row in rows)
        full = ""
        if open_rows >= OPEN_AT_ONCE:
            full = f"{open_rows} patches have not ended: other files wait until some have"
        elif len(self._drops) >= KEPT_AT_ONCE:
            full = f"{len(self._drops)} files could not be moved away: no more are taken until some can"
        self._say("full", full)
        return 0 if full else OPEN_AT_ONCE - open_rows

    def _begin(self, candidate: Candidate) -> Patch:
        try:
            row, fresh = self._taking.begin(candidate)
        except StoreError:
            self._incoming.again(candidate.name)
            raise
        if fresh:
            self._wake(Reason.PATCHES)
            self._telling.of(row, "patch-seen", f"seen, {row.size} bytes from {row.owner}")
        return row

    def _take(self, candidate: Candidate, row: Patch, folder: int) -> None:
        try:
            row = self._taking.take(candidate, row, folder, self._stop.is_set)
        except copying.Stopped:
            return
        except copying.Changed:
            self._incoming.unsettle(candidate.name)
            return
        except copying.Unreadable as error:
            if self._incoming.patient(candidate.name):
                self._waits(candidate, row, str(error))
                return
            row = self._taking.refuse(candidate, row, str(error))
        except (copying.NoRoom, OSError) as error:
            self._waits(candidate, row, str(error))
            return
        self._say(f"file {candidate.name}", "")
        self._incoming.forget(candidate.name)
        self._wake(Reason.PATCHES)
        if row.stage is Stage.QUARANTINED:
            self._telling.of(row, "patch-refused", f"refused: {row.reason}", warning=True)
            self._unfiled[row.number] = row
        else:
            self._telling.of(row, "patch-copied", f"read: {row.id}, SHA-256 {row.sha256}, {signed(row)}")

    def _waits(self, candidate: Candidate, row: Patch, cause: str) -> None:
        self._incoming.again(candidate.name)
        reason = f"it waits: {cause}"
        self._say(f"file {candidate.name}", f"{row.name} waits: {cause}")
        if self._taking.waits(row, reason):
            self._telling.of(row, "patch-waits", reason, warning=True)
            self._wake(Reason.PATCHES)

    def _end_of_lost(self, folder: int) -> None:
        """Rows whose file went before it was copied."""
        for row in list(self._taking.seen.values()):
            if shape_of(row.name, folder) is None:
                self._say(f"file {row.name}", "")
                row = self._taking.refuse(None, row, "its file went away before it was copied")
                self._telling.of(row, "patch-refused", row.reason, warning=True)
                self._unfiled[row.number] = row
                self._wake(Reason.PATCHES)

    # putting away

    def _file_ended(self) -> None:
        known = {row.number: row for row in self._store.memory().patches}
        rows = {**self._unfiled, **known}
        due = [row for row in rows.values() if row.ended and (not row.filed or self._filing.outdated(row))]
        for row in due:
            self._put(row)
        now = self._clock.monotonic()
        if now - self._stuck_at >= STUCK_SECONDS:
            self._stuck_at = now
            self._file_stuck(rows)
        stuck = sum(1 for drop in self._drops.all() if drop.number not in rows or rows[drop.number].ended)
        files = "1 file" if stuck == 1 else f"{stuck} files"
        self._say("stuck", f"{files} cannot be moved out of {INCOMING}/" if stuck else "")
        if any(row.stage is Stage.QUARANTINED for row in due):
            with self._folders.open(QUARANTINE) as folder:
                quarantine.prune(folder, self._bounds)

    def _put(self, row: Patch) -> None:
        drop = self._drops.get(row.number)
        filed = self._filing.put(row, drop)
        if filed.text != row.filed:
            self._store.file_patch(row.number, filed.text)
            self._telling.of(row, "patch-filed", f"its file: {filed.text}", warning=not filed.moved)
            self._wake(Reason.PATCHES)
        self._unfiled.pop(row.number, None)
        if filed.moved:
            self._drops.forget(row.number)
        else:
            self._drops.drop_copy(row.number)

    def _file_stuck(self, rows: dict[int, Patch]) -> None:
        """Files that could not be moved; those whose rows are forgotten stay known for as long as they are there."""
        for drop in self._drops.all():
            row = rows.get(drop.number)
            if row is None:
                with self._folders.open(INCOMING) as folder:
                    if not drop.shape.same(shape_of(drop.name, folder)):
                        self._drops.forget(drop.number)
            elif row.ended and is_stuck(row):
                self._put(row)
            elif row.ended and row.filed:  # zpmd died between the two
                self._drops.forget(drop.number)

    # saying

    def _say(self, about: str, text: str) -> None:
        if text:
            self._troubles[about] = text
        else:
            self._troubles.pop(about, None)

    def _tell_trouble(self) -> None:
        text = "; ".join(self._troubles.values())
        if text != self._trouble:
            self._trouble = text
            self._telling.trouble(text)
            self._wake(Reason.PATCHES)


NO_INOTIFY = "inotify does not work here (`zpmctl doctor` knows the limits), so files are looked for every {:g} s"


def signed(row: Patch) -> str:
    return f"signed by {row.signer}" if row.signer else "not signed"
