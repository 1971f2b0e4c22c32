"""Where log lines go. Nothing else configures logging.

Under systemd, to the journal with fields, so that `journalctl -u zpmd ZPMD_SERVICE=zona_user` works; on a terminal,
coloured lines; otherwise plain ones. Say what a line is about by binding it, and never by formatting foreign text:

    logger.bind(service="zona_user", action="restart", cause="died").info(text)

Entries with a name (messages.py) carry its MESSAGE_ID, by which `journalctl -x` explains them.

Rules: a log call never raises and never blocks on journald. A line is one line: control characters are escaped, so that
what a container or an engine says cannot forge another. No secret: loguru's `diagnose`, which prints the values of
local variables, is off, and what looks like one is masked in messages, bound values and tracebacks (redaction.py).
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TextIO

from loguru import logger

from zpmd import journald
from zpmd.messages import Message as Named
from zpmd.redaction import MASK, by_looks, names_a_secret, redact

if TYPE_CHECKING:
    from loguru import Message, Record

LIBRARIES: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "docker", "urllib3", "apscheduler", "watchdog")
"""Their own handlers are taken away; from warnings upward they are heard through ours."""

NAMES: Final = frozenset({"service", "tenant", "action", "cause", "group", "patch", "source", "watcher", "actor"})
"""Bound values that are looked up by what they are: names of ours, in which a short password may happen to be."""

ID: Final = "message_id"
"""Bound to an entry that has a name: journald's own field, and no part of a line for people."""

_ERROR: Final = 40
_WARNING: Final = 30
_INFO: Final = 20
_ESCAPES: Final[Mapping[int, str]] = MappingProxyType(
    {
        **{code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))},
        **{ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t", 0x2028: "\\u2028", 0x2029: "\\u2029"},
    }
)
_ESCAPES_BUT_NEWLINES: Final = MappingProxyType({k: v for k, v in _ESCAPES.items() if k not in (ord("\n"), ord("\t"))})

Sink = Callable[["Message"], None]


def configure(
    level: str,
    stream: TextIO | None = None,
    environment: Mapping[str, str] = os.environ,
    journal_socket: Path = journald.SOCKET,
) -> None:
    """From here on, everything that is logged at `level` ("debug", "info", ...) or above goes to the right place.

    `stream` stands for standard error. May be called again, to change the level.
    """
    stream = stream or sys.stderr
    logger.remove()
    logger.configure(patcher=_redact_record, extra={})
    # The template holds the traceback alone: the sinks take everything else from the record.
    logger.add(
        _sink(stream, environment, journal_socket),
        level=level.upper(),
        format=lambda _: "{exception}",
        colorize=False,
        backtrace=False,
        diagnose=False,
        catch=True,
    )
    _hear_the_libraries()


def silence() -> None:
    """From here on nothing is logged: for a command whose answer is what it prints."""
    logger.remove()


def _sink(stream: TextIO | None, environment: Mapping[str, str], journal_socket: Path) -> Sink:
    if stream is None:  # started with standard error closed
        return lambda _: None
    journal_stream = environment.get("JOURNAL_STREAM", "")
    with contextlib.suppress(OSError, ValueError):  # a stream without a file descriptor
        if journal_stream and journald.owns(stream.fileno(), journal_stream):
            return _Journal(journald.JournalSocket(journal_socket), stream)
    if stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb":
        return _Lines(stream, _coloured)
    return _Lines(stream, _plain)


class _Lines:
    """Log lines on a stream. A stream that has gone away swallows them: there is nobody left to tell."""

    def __init__(self, stream: TextIO, render: Callable[[Record, str], str]) -> None:
        self._stream = stream
        self._render = render

    def __call__(self, message: Message) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(self._render(message.record, redact(str(message))))
            self._stream.flush()


class _Journal:
    """Log entries in the journal; lines on standard error while there is no journal.

    While journald is too busy, entries are dropped and counted rather than waited for. Before the next one that gets
    through comes an entry that says how many, as ZPMD_LOST too.
    """

    def __init__(self, journal: journald.JournalSocket, stream: TextIO) -> None:
        self._journal = journal
        self._lines = _Lines(stream, _plain)
        self._lost = 0

    def __call__(self, message: Message) -> None:
        try:
            if self._lost:
                self._journal.send(_lost(self._lost))
                self._lost = 0
            self._journal.send(_fields(message.record, redact(str(message))))
        except BlockingIOError:
            self._lost += 1
        except OSError:
            self._lines(message)


def _lost(entries: int) -> dict[str, str]:
    """The entry about those that journald did not take."""
    named = Named.LOST_ENTRIES
    return {
        "MESSAGE": f"journald was too busy: {entries} entries before this one are lost",
        "MESSAGE_ID": named.id,
        "PRIORITY": str(_priority(logger.level(named.level).no)),
        "SYSLOG_IDENTIFIER": "zpmd",
        "ZPMD_LOST": str(entries),
    }


def _fields(record: Record, traceback: str) -> dict[str, str]:
    extra = dict(record["extra"])
    named = extra.pop(ID, None)
    text = record["message"] if not traceback.strip() else f"{record['message']}\n{traceback.rstrip()}"
    bound = {f"ZPMD_{_field_name(k)}": str(v).translate(_ESCAPES_BUT_NEWLINES) for k, v in extra.items()}
    return {
        **({"MESSAGE_ID": str(named)} if named else {}),
        "MESSAGE": text.translate(_ESCAPES_BUT_NEWLINES),
        "PRIORITY": str(_priority(record["level"].no)),
        "SYSLOG_IDENTIFIER": "zpmd",
        "CODE_FILE": record["file"].path,
        "CODE_LINE": str(record["line"]),
        "CODE_FUNC": record["function"],
        "ZPMD_LOGGER": record["name"] or "",
        "ZPMD_THREAD": record["thread"].name,
        **{name: value for name, value in bound.items() if value},
    }


def _field_name(key: str) -> str:
    """What journald accepts: others are dropped by it without a word."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in key).upper()[:59]


def _priority(level: int) -> int:
    """syslog's numbers: 2 critical, 3 error, 4 warning, 5 notice, 6 info, 7 debug."""
    if level > _ERROR:
        return 2
    if level == _ERROR:
        return 3
    if level >= _WARNING:
        return 4
    return (5 if level > _INFO else 6) if level >= _INFO else 7


def _plain(record: Record, traceback: str) -> str:
    bound = "".join(f" {k}={_quoted(str(v))}" for k, v in record["extra"].items() if k != ID and v not in (None, ""))
    when = record["time"].isoformat(timespec="milliseconds")
    line = f"{when} {record['level'].name:<7} {record['message'].translate(_ESCAPES)}{bound}\n"
    return line + _indented(traceback)


def _coloured(record: Record, traceback: str) -> str:
    colour = {2: "1;31", 3: "31", 4: "33", 5: "32", 6: "0", 7: "2"}[_priority(record["level"].no)]
    when = record["time"].strftime("%H:%M:%S")
    line = f"\x1b[2m{when}\x1b[0m \x1b[{colour}m{record['message'].translate(_ESCAPES)}\x1b[0m\n"
    return line + _indented(traceback)


def _quoted(value: str) -> str:
    escaped = value.translate(_ESCAPES)
    return '"' + escaped.replace('"', '\\"') + '"' if not escaped or set(' "=') & set(escaped) else escaped


def _indented(traceback: str) -> str:
    """A traceback in lines that cannot be taken for log lines."""
    return "".join(f"    | {line.translate(_ESCAPES)}\n" for line in traceback.split("\n") if line.strip())


def _redact_record(record: Record) -> None:
    record["message"] = redact(record["message"])
    for key, value in record["extra"].items():
        if key == ID:
            continue
        if names_a_secret(key):
            record["extra"][key] = MASK
        elif not isinstance(value, int | float | bool | None):
            record["extra"][key] = by_looks(str(value)) if key in NAMES else redact(str(value))


def _hear_the_libraries() -> None:
    logging.basicConfig(handlers=[_FromLibraries()], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)


class _FromLibraries(logging.Handler):
    """The standard library's log records, passed on as text that is final."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # a library's own mistake in its arguments must not cost us the line
            text = str(record.msg)
        level = record.levelname if record.levelname in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL") else "WARNING"

        def from_there(ours: Record) -> None:
            ours["name"], ours["function"], ours["line"] = record.name, record.funcName or "", record.lineno

        logger.patch(from_there).opt(exception=record.exc_info).log(level, text)
