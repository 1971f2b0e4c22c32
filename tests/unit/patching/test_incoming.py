"""When a file is complete, by what a look at it shows. Time is what the test says it is."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from zpmd.patching.incoming import (
    INCOMPLETE_SECONDS,
    LOOKED_AT,
    MODE_SECONDS,
    SIDECAR_SECONDS,
    Candidate,
    Incoming,
    is_patch,
    is_whole,
)
from zpmd.patching.shapes import Shape, shape_of

QUIET = 2.0


class Looking:
    """An `Incoming` on a folder, and the clock that it goes by."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = os.open(path, os.O_RDONLY)
        self.now = 100.0
        self.taken: set[str] = set()
        self.signed = False
        self.incoming = Incoming(QUIET, lambda: self.now, self.done, lambda: self.signed)

    def done(self, name: str, shape: Shape) -> bool:
        return name in self.taken

    def write(self, name: str, content: bytes = b"id: x\n") -> None:
        (self.path / name).write_bytes(content)

    def ready(self, after: float = 0.0) -> list[str]:
        self.now += after
        return [candidate.name for candidate in self.incoming.scanned(self.folder)]

    def told(self, *names: str) -> list[Candidate]:
        return list(self.incoming.told(self.folder, names))


@pytest.fixture
def looking(tmp_path: Path) -> Iterator[Looking]:
    looking = Looking(tmp_path)
    yield looking
    os.close(looking.folder)


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("a.patch.yaml", True),
        ("a.patch.yml", True),
        ("a.patch.json", True),
        ("a.zpatch", True),
        ("a.b-c.zpatch", True),
        (".a.zpatch", False),
        (".a.zpatch.x8Yz", False),
        ("a.zpatch.part", False),
        ("a.patch.yaml.minisig", False),
        ("a.PATCH.YAML", False),
        ("a.yaml", False),
        ("a.patch", False),
    ],
)
def test_a_patch_is_known_by_its_suffix(name: str, taken: bool) -> None:
    assert is_patch(name) is taken


def test_a_file_is_settled_when_it_has_not_changed_for_the_quiet_time(looking: Looking) -> None:
    looking.write("a.patch.yaml")
    assert looking.ready() == []
    assert looking.ready(QUIET / 2) == []
    looking.write("a.patch.yaml", b"id: longer\n")
    assert looking.ready(QUIET) == []
    assert looking.ready(QUIET / 2) == []
    assert looking.ready(QUIET / 2) == ["a.patch.yaml"]


def test_a_file_that_was_told_of_is_settled_until_it_changes(looking: Looking) -> None:
    looking.write("a.patch.yaml")
    assert [candidate.name for candidate in looking.told("a.patch.yaml")] == ["a.patch.yaml"]
    looking.write("a.patch.yaml", b"id: longer\n")
    assert looking.ready() == []


def test_a_name_that_was_told_of_and_is_gone_is_nothing(looking: Looking) -> None:
    assert looking.told("a.patch.yaml", "b.txt", "a.zpatch.minisig") == []


def test_what_has_a_row_is_left_alone(looking: Looking) -> None:
    looking.write("a.patch.yaml")
    looking.taken = {"a.patch.yaml"}
    assert looking.told("a.patch.yaml") == []
    assert looking.ready(QUIET) == looking.ready(QUIET) == []
    assert looking.incoming.looks == {}


def test_a_file_that_could_not_be_taken_waits_twice_as_long_each_time(looking: Looking) -> None:
    looking.write("a.patch.yaml")
    looking.told("a.patch.yaml")
    waited = []
    for _ in range(8):
        looking.incoming.again("a.patch.yaml")
        began = looking.now
        while not looking.ready(1.0):
            pass
        waited.append(looking.now - began)
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_file_that_changed_while_it_was_read_settles_again(looking: Looking) -> None:
    looking.write("a.patch.yaml")
    assert looking.told("a.patch.yaml")
    looking.incoming.unsettle("a.patch.yaml")
    assert looking.ready() == []
    assert looking.ready(QUIET) == ["a.patch.yaml"]


def zipped(comment: bytes = b"") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("patch.yaml", "id: x\n" * 1000)
        archive.comment = comment
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "whole"),
    [
        ("a.patch.yaml", b"", False),
        ("a.patch.yaml", b"x", True),
        ("a.zpatch", b"", False),
        ("a.zpatch", b"P", False),
        ("a.zpatch", b"no zip", True),
        ("a.zpatch", zipped(), True),
        ("a.zpatch", zipped(b"a comment"), True),
        ("a.zpatch", zipped(b"PK\x05\x06 in a comment " + bytes(60_000)), True),
        ("a.zpatch", zipped()[:-1], False),
        ("a.zpatch", zipped()[:-22], False),
        ("a.zpatch", zipped() + b"more", False),
    ],
)
def test_a_bundle_is_whole_when_it_begins_and_ends_as_a_zip(
    looking: Looking, name: str, content: bytes, whole: bool
) -> None:
    looking.write(name, content)
    shape = shape_of(name, looking.folder)
    assert shape is not None
    assert is_whole(looking.folder, name, shape) is whole


def test_a_bundle_without_an_end_is_wrong_ten_minutes_after_its_last_change(looking: Looking) -> None:
    for length in (100, 200, 300):
        looking.write("a.zpatch", zipped()[:length])
        assert looking.told("a.zpatch") == []
        assert looking.ready(INCOMPLETE_SECONDS - 1) == []
    looking.now += 2
    (candidate,) = looking.incoming.scanned(looking.folder)
    assert candidate.wrong.startswith("it is incomplete, and has not changed for 10 minutes")


def test_a_manifest_waits_for_the_signature_that_it_needs(looking: Looking) -> None:
    looking.signed = True
    looking.write("a.patch.yaml")
    assert looking.told("a.patch.yaml") == []
    assert looking.ready(SIDECAR_SECONDS - 1) == []
    assert looking.ready(1) == ["a.patch.yaml"]


@pytest.mark.parametrize("signed", [False, True])
def test_a_signature_that_is_still_written_is_waited_for(looking: Looking, signed: bool) -> None:
    looking.signed = signed
    looking.write("a.patch.yaml.minisig", b"one\ntwo\n")
    looking.write("a.patch.yaml")
    assert looking.told("a.patch.yaml") == []
    looking.write("a.patch.yaml.minisig", b"one\ntwo\nthree\nfour\n")
    (candidate,) = looking.incoming.scanned(looking.folder)
    assert candidate.sidecar is not None
    assert candidate.sidecar.size == len(b"one\ntwo\nthree\nfour\n")


def test_of_more_files_than_are_followed_the_others_wait(looking: Looking) -> None:
    for number in range(LOOKED_AT + 10):
        looking.write(f"{number:05d}.patch.yaml")
    assert looking.ready() == []
    first = looking.ready(QUIET)
    assert len(first) == LOOKED_AT
    looking.taken = set(first)
    assert looking.ready() == []
    assert len(looking.ready(QUIET)) == 10


def test_one_that_may_not_be_read_is_waited_for_until_its_mode_must_have_been_set(looking: Looking) -> None:
    looking.write("a.patch.yaml")
    assert looking.ready(after=0.0) == []
    assert looking.ready(after=QUIET) == ["a.patch.yaml"]
    assert looking.incoming.patient("a.patch.yaml")
    looking.now += MODE_SECONDS - QUIET
    assert not looking.incoming.patient("a.patch.yaml")
    assert not looking.incoming.patient("never-seen.patch.yaml")
