"""What the drop directory says: one line a decision, in the journal of zpmd and in the log.

A flood of files must not push everything else out of the journal. So only so many lines a minute are about single
files, and the others are counted in one.
"""

from __future__ import annotations

import contextlib
from types import MappingProxyType

from zpmd.errors import StoreError
from zpmd.messages import INFO, WARNING, Message, bind, tell
from zpmd.model.events import Entry
from zpmd.model.patch import Patch
from zpmd.ports import Clock, Store
from zpmd.redaction import redact

NAMED = MappingProxyType({"patch-refused": Message.PATCH_REFUSED, "patch-trouble": Message.DROPS_TROUBLE})
"""What has a name in the log."""
LINES = 120
"""In a minute."""
MINUTE_SECONDS = 60.0


def subject(row: Patch) -> str:
    """What the journal calls a patch, as for the actions on it."""
    return f"patch:{row.id or row.number}"


class Telling:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._since = clock.monotonic()
        self._lines = 0
        self._untold = 0

    def of(self, row: Patch, code: str, text: str, warning: bool = False) -> None:
        """Something happened to one file."""
        self.settle()
        self._lines += 1
        if self._lines > LINES:
            self._untold += 1
        else:
            self._line(subject(row), code, f"{row.name}: {text}", warning, row.id or row.name)

    def trouble(self, text: str) -> None:
        """What is wrong with the directory as a whole has changed."""
        if text:
            self._line("patches", "patch-trouble", text, warning=True)
        else:
            self._line("patches", "patch-trouble-over", "patch files are taken again", warning=False)

    def settle(self) -> None:
        """Say how many were not told of, once their minute is over. Call it now and then."""
        now = self._clock.monotonic()
        if now - self._since < MINUTE_SECONDS:
            return
        if self._untold:
            text = f"{self._untold} more lines about single files are left out: `zpmctl patch list` has them"
            self._line("patches", "patch-flood", text, warning=True)
        self._since, self._lines, self._untold = now, 0, 0

    def _line(self, about: str, code: str, text: str, warning: bool, patch: str = "") -> None:
        text = redact(text)
        fields, line, named = {"action": "patch", "cause": code, "patch": patch}, f"{about}: {text}", NAMED.get(code)
        if named is not None:
            tell(named, line, **fields)
        else:
            bind(fields).log(WARNING if warning else INFO, "{}", line)
        entry = Entry(id=0, at=self._clock.now(), kind="note", verb="patch", subject=about, code=code, text=text)
        with contextlib.suppress(StoreError):  # the log has it, and status says that the store takes nothing
            self._store.begin(entry)
