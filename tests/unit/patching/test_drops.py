"""What is remembered of files over a restart, and what is told of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from zpmd.model.observed import Dossier
from zpmd.model.patch import Patch, Stage
from zpmd.patching import results
from zpmd.patching.drops import Drop, Drops
from zpmd.patching.shapes import Shape, shape_of, shown
from zpmd.patching.telling import LINES, Telling
from zpmd.stores.embedded import EmbeddedStore

SHAPE = Shape(1, 2, 3, 4, 0o100000, 0)


class Clock:
    def __init__(self) -> None:
        self.at = 1_700_000_000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


def drops(tmp_path: Path) -> Drops:
    made = Drops(tmp_path / "patches")
    made.prepare()
    return made


def test_a_file_is_known_again_after_a_restart_and_a_boot(tmp_path: Path) -> None:
    drops(tmp_path).keep(Drop(7, "x\udcff.zpatch", SHAPE, SHAPE))
    again = drops(tmp_path)
    again.recall(open_numbers=[7], seen=[])
    assert again.get(7) == Drop(7, "x\udcff.zpatch", SHAPE, SHAPE)
    assert again.has("x\udcff.zpatch", SHAPE._replace(device=99, uid=5)), "devices have other numbers after a boot"
    assert not again.has("x\udcff.zpatch", SHAPE._replace(mtime_ns=5))
    assert not again.has("y.zpatch", SHAPE)
    again.forget(7)
    assert not again.has("x\udcff.zpatch", SHAPE)
    assert os.listdir(again.folder) == ["results"]


@pytest.mark.parametrize(
    ("open_numbers", "seen", "record", "copy"),
    [([7], [], True, True), ([], [], True, False), ([7], [7], False, False)],
    ids=["under way", "ended", "never copied to the end"],
)
def test_only_copies_of_rows_under_way_are_kept(
    tmp_path: Path, open_numbers: list[int], seen: list[int], record: bool, copy: bool
) -> None:
    first = drops(tmp_path)
    first.keep(Drop(7, "x.zpatch", SHAPE))
    first.copy_path(7).write_bytes(b"copy")
    again = drops(tmp_path)
    again.recall(open_numbers, seen)
    assert ((again.folder / "7" / "drop.json").exists(), again.copy_path(7).exists()) == (record, copy)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"name": "x"}', b'{"name": 1, "shape": [1], "sidecar": 0}'])
def test_a_record_that_cannot_be_read_is_no_record(tmp_path: Path, content: bytes) -> None:
    first = drops(tmp_path)
    first.keep(Drop(7, "x.zpatch", SHAPE))
    (first.folder / "7" / "drop.json").write_bytes(content)
    again = drops(tmp_path)
    again.recall([], [])
    assert len(again) == 0
    assert not (again.folder / "7").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.zpatch", "x.zpatch"),
        ("ü.zpatch", "ü.zpatch"),
        ("a\nb", "a\\nb"),
        ("\udcff", "\\xff"),
        ("\x1b[31m", "\\x1b[31m"),
    ],
)
def test_names_are_shown_without_what_steers_a_terminal(name: str, text: str) -> None:
    assert shown(name) == text


def test_what_nothing_can_be_named_is_not_there(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    assert shape_of("x" * 300, folder) is None
    os.close(folder)


def test_a_result_masks_secrets_and_keeps_what_is_no_text(tmp_path: Path) -> None:
    row = Patch(
        number=3, name="x.zpatch", id="x", stage=Stage.ROLLED_BACK, culprit="web", reason="token=abcdefabcdef",
        times=((Stage.SEEN, 0.0), (Stage.ROLLED_BACK, 1.5)),
    )  # fmt: skip
    dossier = Dossier(
        service="web", slot=0, container_id="c", at=1.0, log_tail=("\udcff raw", "password: hunter2hunter2")
    )
    content = results.content(row, "/x", [dossier], [])
    told = json.loads(content)
    assert b"hunter2" not in content
    assert b"abcdefabcdef" not in content
    assert told["evidence"][0]["log_tail"][0] == "\udcff raw"
    assert told["stages"] == [
        {"stage": "seen", "at": "1970-01-01T00:00:00.000Z", "seconds": 1.5},
        {"stage": "rolled-back", "at": "1970-01-01T00:00:01.500Z", "seconds": None},
    ]


def test_a_minute_has_so_many_lines_and_the_others_are_counted(tmp_path: Path) -> None:
    clock = Clock()
    store = EmbeddedStore(tmp_path / "zpmd.db", 10_000, clock)
    telling = Telling(store, clock)
    row = Patch(number=3, name="x.zpatch", stage=Stage.SEEN)
    for _ in range(LINES + 7):
        telling.of(row, "patch-seen", "seen")
    assert len(store.journal()) == LINES
    clock.at += 61
    telling.settle()
    telling.settle()
    last = store.journal()[-1]
    assert (last.code, last.text.split()[0]) == ("patch-flood", "7")
    telling.of(row, "patch-seen", "seen")
    assert store.journal()[-1].text == "x.zpatch: seen"
    store.close()
