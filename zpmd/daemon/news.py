"""What somebody noticed that is worth a line of the journal, and of the log."""

from __future__ import annotations

from dataclasses import dataclass

from zpmd.messages import Message

LINES = 20
"""Of one reading. A database that is wrong everywhere is one event, not a thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """`service` is the one that it is about, "" where it is about none, and `source` likewise. `bad`: something is to
    be done about it. `message` is the name of the line, where it has one."""

    text: str
    subject: str
    service: str = ""
    source: str = ""
    bad: bool = True
    message: Message | None = None
