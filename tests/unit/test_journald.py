"""The native protocol, against a datagram socket that reads it as journald does."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.journal_reader import JournalReader, decode
from zpmd.journald import JournalSocket, encode, owns


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[JournalReader]:
    with JournalReader(tmp_path / "socket") as reader:
        yield reader


def test_an_entry_arrives_with_its_fields(reader: JournalReader) -> None:
    JournalSocket(reader.path).send({"MESSAGE": "zona_user is up", "ZPMD_SERVICE": "zona_user"})
    assert reader.next() == {"MESSAGE": "zona_user is up", "ZPMD_SERVICE": "zona_user"}


def test_a_newline_in_a_value_adds_no_field(reader: JournalReader) -> None:
    JournalSocket(reader.path).send({"MESSAGE": "died\nPRIORITY=0\nMESSAGE=all is well"})
    assert reader.next() == {"MESSAGE": "died\nPRIORITY=0\nMESSAGE=all is well"}


def test_an_entry_too_large_for_a_datagram_arrives_in_a_sealed_file(reader: JournalReader) -> None:
    message = "x" * 2_000_000
    JournalSocket(reader.path).send({"MESSAGE": message, "PRIORITY": "6"})
    assert reader.next() == {"MESSAGE": message, "PRIORITY": "6"}
    assert reader.files == 1


def test_a_journald_that_reads_nothing_refuses_at_once_instead_of_blocking(reader: JournalReader) -> None:
    journal = JournalSocket(reader.path)

    def storm() -> None:
        for _ in range(10_000):
            journal.send({"MESSAGE": "x" * 1000})

    with pytest.raises(BlockingIOError):
        storm()


def test_no_journald_is_an_error_and_a_new_one_is_found_again(tmp_path: Path) -> None:
    journal = JournalSocket(tmp_path / "socket")
    with pytest.raises(FileNotFoundError):
        journal.send({"MESSAGE": "lost"})
    with JournalReader(tmp_path / "socket") as reader:
        journal.send({"MESSAGE": "found"})
        assert reader.next() == {"MESSAGE": "found"}
    with pytest.raises(ConnectionRefusedError):
        journal.send({"MESSAGE": "lost"})


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True), st.text()))
def test_any_text_survives_the_encoding(fields: dict[str, str]) -> None:
    assert decode(encode(fields)) == {k: v.encode(errors="backslashreplace").decode() for k, v in fields.items()}


def test_only_the_socket_that_systemd_gave_is_the_journals() -> None:
    ours, other = socket.socketpair()
    with ours, other, open(os.devnull, "w") as redirected:
        found = os.fstat(ours.fileno())
        assert stat.S_ISSOCK(found.st_mode)
        variable = f"{found.st_dev}:{found.st_ino}"
        assert owns(ours.fileno(), variable)
        assert not owns(other.fileno(), variable)
        assert not owns(redirected.fileno(), variable)
        assert not owns(ours.fileno(), "")
    assert not owns(ours.fileno(), variable)
