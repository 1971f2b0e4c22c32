"""Where lines go, what they look like, and what never happens because of them."""

from __future__ import annotations

import io
import logging
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest
from loguru import logger

from tests.unit.journal_reader import JournalReader
from zpmd import logs
from zpmd.messages import Message, tell


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logger.remove()
    logger.configure(patcher=lambda _: None)
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def plain() -> io.StringIO:
    stream = io.StringIO()
    logs.configure("info", stream, {})
    return stream


@contextmanager
def under_systemd(journal_socket: Path) -> Iterator[socket.socket]:
    """Standard error is a socket that $JOURNAL_STREAM names, as systemd does it; yields its other end."""
    ours, systemds = socket.socketpair()
    with ours, systemds, ours.makefile("w") as stream:
        found = os.fstat(ours.fileno())
        logs.configure("info", stream, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}, journal_socket)
        systemds.settimeout(5)
        yield systemds


def test_a_plain_line_has_time_level_text_and_what_was_bound(plain: io.StringIO) -> None:
    logger.bind(service="zona_user", cause="died: exit 137", tenant="").info("restart zona_user/1")
    line = plain.getvalue()
    assert line.endswith('INFO    restart zona_user/1 service=zona_user cause="died: exit 137"\n')
    assert line[:4].isdigit()
    assert "\x1b" not in line


def test_a_terminal_gets_colours_unless_it_asks_for_none() -> None:
    coloured, declined = Terminal(), Terminal()
    logs.configure("info", coloured, {"TERM": "xterm"})
    logger.warning("slow")
    logs.configure("info", declined, {"TERM": "xterm", "NO_COLOR": "1"})
    logger.warning("slow")
    assert "\x1b[33mslow\x1b[0m" in coloured.getvalue()
    assert "\x1b" not in declined.getvalue()


def test_below_the_level_nothing_is_written(plain: io.StringIO) -> None:
    logger.debug("detail")
    assert plain.getvalue() == ""
    logs.configure("debug", plain, {})
    logger.debug("detail")
    assert "detail" in plain.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_foreign_text_cannot_forge_a_line_nor_move_the_cursor(stream: io.StringIO) -> None:
    logs.configure("info", stream, {"TERM": "dumb"})
    logger.bind(service="x\ny").info("died\n2026-01-01T00:00:00 INFO all is well\r\x1b[2J\u2028\x9b1m")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    assert "\x1b" not in lines[0]
    assert "\x9b" not in lines[0]
    assert "\\n2026" in lines[0]


@pytest.mark.parametrize("text", ["{", "{0}", "{x.__class__}", "{}", "<red>", "%s"])
def test_foreign_text_is_never_a_format(plain: io.StringIO, text: str) -> None:
    logger.bind(cause=text).info(text)
    assert f" {text} cause=" in plain.getvalue()


def test_a_secret_in_a_frame_of_a_traceback_stays_there(plain: io.StringIO) -> None:
    secret = "hunter2"  # a name of its own, because a traceback quotes the source

    def connect(db_password: str) -> None:
        raise ConnectionError(f"cannot log in with mongodb://admin:{db_password}@mongo")

    try:
        connect(secret)
    except ConnectionError:
        logger.exception("connecting failed")
    assert "ConnectionError: cannot log in with mongodb://admin:***@mongo" in plain.getvalue()
    assert "hunter2" not in plain.getvalue()


def test_secrets_are_masked_wherever_they_are(plain: io.StringIO) -> None:
    logger.bind(db_password="hunter2", cause="url mongodb://a:hunter2@b", uri=ValueError("token=hunter2")).info(
        "password=hunter2"
    )
    assert "hunter2" not in plain.getvalue()
    assert "db_password=***" in plain.getvalue()


def test_libraries_are_heard_from_warnings_upward_and_their_text_is_final() -> None:
    plain = io.StringIO()
    logs.configure("info", plain, {})  # here and not in a fixture: pytest adds a handler of its own in between
    logging.getLogger("uvicorn.access").info("GET / 200")
    logging.getLogger("apscheduler.executors").warning("job {x} missed by %s", "1 s")
    logging.getLogger("watchdog").error("broken %s %s", "once")
    warnings.warn("old", DeprecationWarning, stacklevel=1)
    text = plain.getvalue()
    assert "GET /" not in text
    assert "job {x} missed by 1 s" in text
    assert "broken %s %s" in text
    assert "DeprecationWarning: old" in text


@pytest.mark.parametrize("stream", [io.TextIOWrapper(io.BytesIO()), None])
def test_a_standard_error_that_is_gone_hurts_nobody(
    stream: TextIO | None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr", None)
    logs.configure("info", stream, {})
    if stream is not None:
        stream.close()
    logger.info("still here")
    assert capfd.readouterr().err == ""


def test_under_systemd_an_entry_has_fields_of_its_own(tmp_path: Path) -> None:
    with JournalReader(tmp_path / "journal") as journal, under_systemd(journal.path):
        logger.bind(service="zona_user", tenant="t1", action="restart", cause="died").warning("restart\n\x1b[2J")
        entry = journal.next()
    assert (
        entry.items()
        >= {
            "MESSAGE": "restart\n\\x1b[2J",
            "PRIORITY": "4",
            "SYSLOG_IDENTIFIER": "zpmd",
            "ZPMD_SERVICE": "zona_user",
            "ZPMD_TENANT": "t1",
            "ZPMD_ACTION": "restart",
            "ZPMD_CAUSE": "died",
            "CODE_FILE": __file__,
            "CODE_FUNC": "test_under_systemd_an_entry_has_fields_of_its_own",
        }.items()
    )


@pytest.mark.parametrize(
    ("level", "priority"),
    [("DEBUG", None), ("INFO", "6"), ("NOTICE", "5"), ("WARNING", "4"), ("ERROR", "3"), ("CRITICAL", "2")],
)
def test_levels_become_syslogs(tmp_path: Path, level: str, priority: str | None) -> None:
    with JournalReader(tmp_path / "journal") as journal, under_systemd(journal.path):
        logger.log(level, "x")
        assert (journal.next()["PRIORITY"] if journal.pending() else None) == priority


def test_an_entry_with_a_name_carries_its_id_and_a_line_for_people_does_not(tmp_path: Path) -> None:
    with JournalReader(tmp_path / "journal") as journal, under_systemd(journal.path):
        tell(Message.CRASH_LOOP, "web is in a crash loop", service="web", tenant="")
        entry = journal.next()
    stream = io.StringIO()
    logs.configure("info", stream, {})
    tell(Message.CRASH_LOOP, "web is in a crash loop", service="web")
    assert (entry["MESSAGE_ID"], entry["PRIORITY"], entry["ZPMD_SERVICE"]) == (Message.CRASH_LOOP.id, "3", "web")
    assert entry["CODE_FILE"] == __file__
    assert {"ZPMD_MESSAGE_ID", "ZPMD_TENANT"}.isdisjoint(entry)
    assert stream.getvalue().endswith(" ERROR   web is in a crash loop service=web\n")


def test_a_traceback_is_part_of_its_entry(tmp_path: Path) -> None:
    with JournalReader(tmp_path / "journal") as journal, under_systemd(journal.path):
        try:
            raise ValueError("token=hunter2")
        except ValueError:
            logger.exception("a pass failed")
        message = journal.next()["MESSAGE"]
    assert message.startswith("a pass failed\nTraceback")
    assert message.endswith("ValueError: token=***")


def test_without_a_journal_the_line_goes_to_standard_error(tmp_path: Path) -> None:
    with under_systemd(tmp_path / "nobody") as stderr:
        logger.bind(service="zona_user").info("restart\nforged")
        assert b"restart\\nforged service=zona_user\n" in stderr.recv(10_000)


def test_a_busy_journald_costs_lines_that_are_counted_and_never_blocks(tmp_path: Path) -> None:
    with JournalReader(tmp_path / "journal") as journal, under_systemd(journal.path):
        sent = 5_000
        for _ in range(sent):
            logger.info("storm")
        taken = 0
        while journal.pending():
            journal.next()
            taken += 1
        assert taken < sent
        logger.info("calm")
        lost = journal.next()
        assert (lost["ZPMD_LOST"], lost["MESSAGE_ID"]) == (str(sent - taken), Message.LOST_ENTRIES.id)
        assert lost["MESSAGE"] == f"journald was too busy: {sent - taken} entries before this one are lost"
        assert journal.next()["MESSAGE"] == "calm"
        logger.info("calm")
        assert "ZPMD_LOST" not in journal.next()


def test_a_redirected_standard_error_is_not_taken_for_the_journals(tmp_path: Path) -> None:
    with JournalReader(tmp_path / "journal") as journal, open(tmp_path / "log", "w") as redirected:
        logs.configure("info", redirected, {"JOURNAL_STREAM": "1:1"}, journal.path)
        logger.info("to the file")
        assert not journal.pending()
    assert "to the file" in (tmp_path / "log").read_text()
