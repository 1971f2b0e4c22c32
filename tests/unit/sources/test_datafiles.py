"""Rows in files: positions, values as they stand there, and nothing taken for absent that is merely unknown."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from zpmd.engines.virtual_time import VirtualClock
from zpmd.model.tenant import Rows
from zpmd.sources.datafiles import DataFiles

TENANTS = "tenants:\n  - {id: 1, name: Acme, tenantcode: acme, status: active}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data.d"
    folder.mkdir()
    return folder


@pytest.fixture
def files(folder: Path) -> DataFiles:
    return DataFiles(folder, VirtualClock())


def why(files: DataFiles) -> str:
    files.load_once()
    away = files.away()
    assert away is not None
    return away.why


def test_lists_of_all_files_count_together_and_rows_are_called_by_their_places(files: DataFiles, folder: Path) -> None:
    (folder / "a.yaml").write_text(TENANTS)
    (folder / "b.yml").write_text(
        "tenants:\n- id: 2\n  tenantcode: bank\n  status: active\n- {_id: x, id: 3, tenantcode: coop, status: gone}\n"
    )
    assert files.load_once()
    reading = files.reading()
    assert reading is not None
    assert [(t.tenantcode, t.row) for t in reading.rows.tenants] == [("acme", "a.yaml:2"), ("bank", "b.yml:2")]
    assert [t.row for t in reading.troubles] == ["x"]


def test_rows_of_one_line_are_told_apart_and_a_double_names_the_other(files: DataFiles, folder: Path) -> None:
    tenant = "{id: 1, tenantcode: acme, status: active}"
    (folder / "a.yaml").write_text(f"tenants: [{tenant}, {tenant}]\nservers: [{{name: a, role: active}}]\n")
    files.load_once()
    reading = files.reading()
    assert reading is not None
    assert [s.row for s in reading.rows.servers] == ["a.yaml:2"]
    assert [(t.row, t.reason) for t in reading.troubles] == [
        ("a.yaml:1:11", "row a.yaml:1:54 has the same one"),
        ("a.yaml:1:54", "row a.yaml:1:11 has the same one"),
    ]


def test_values_of_parameters_are_as_they_stand_there(files: DataFiles, folder: Path) -> None:
    (folder / "a.yaml").write_text(
        "app_params:\n- {name: A, value: 1.10}\n- params: {B: 010, C: TRUE, D: 0x1F, E: '', F: 22:22}\n"
    )
    files.load_once()
    reading = files.reading()
    assert reading is not None
    values = dict(pair for param in reading.rows.params for pair in param.values)
    assert values == {"A": "1.10", "B": "010", "C": "TRUE", "D": "0x1F", "E": "", "F": "22:22"}


@pytest.mark.parametrize("number", ["1", "0x1", "0o1", "1.0", "'1'", "!!int 1"])
def test_numbers_are_those_of_yaml(files: DataFiles, folder: Path, number: str) -> None:
    (folder / "a.yaml").write_text(TENANTS.replace("id: 1", f"id: {number}"))
    files.load_once()
    reading = files.reading()
    assert reading is not None
    assert [t.id for t in reading.rows.tenants] == [1]


@pytest.mark.parametrize("number", ["9" * 5000, "!!int x", "1e999", "true", "~", "[1]"])
def test_what_is_no_number_is_a_trouble_of_that_row(files: DataFiles, folder: Path, number: str) -> None:
    (folder / "a.yaml").write_text(TENANTS + f"  - {{id: {number}, tenantcode: bank, status: active}}\n")
    files.load_once()
    reading = files.reading()
    assert reading is not None
    assert (len(reading.rows.tenants), [(t.row, t.field) for t in reading.troubles]) == (1, [("a.yaml:3", "id")])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a.yaml:1:1: the file is empty: remove it, or write its rows"),
        ("tenants: [", "a.yaml:2:1: this is not YAML"),
        ("- 1", "a.yaml: there must be lists of rows, each by its collection"),
        ("tenant: []", "a.yaml:1:1: 'tenant' is not known: write one of tenants,"),
        ("tenants: {acme: active}", "a.yaml:1:1: tenants must be a list of rows"),
        ("tenants: []\ntenants: []", "a.yaml:2:1: duplicate key 'tenants'"),
        ("tenants: [{db_password: *hunter2}]", "a text that begins with `*` or `!` needs quotes"),
        ("tenants: [{db_password: !hunter2 x}]", "a text that begins with `*` or `!` needs quotes"),
        ("tenants: [{db_password: 'hunter2}]", "this is not YAML"),
        ("tenants: [{db_password: @hunter2}]", "this is not YAML"),
        ("tenants: [{db_password: %hunter2}]", "this is not YAML"),
    ],
)
def test_a_file_that_cannot_be_understood_changes_nothing(files: DataFiles, folder: Path, text: str, said: str) -> None:
    (folder / "b.yaml").write_text(TENANTS)
    files.load_once()
    before = files.reading()
    (folder / "a.yaml").write_text(text + "\n" if text else "")
    assert said in why(files)
    assert "hunter2" not in why(files)
    assert files.reading() is before


def test_why_is_one_line_whatever_the_file_is_called(files: DataFiles, folder: Path) -> None:
    (folder / "a\nb.yaml").write_text("tenants: 1")
    assert why(files) == f"{folder}/a\\nb.yaml:1:1: tenants must be a list of rows"


def test_away_since_the_first_time(files: DataFiles, folder: Path) -> None:
    clock = files.clock
    assert isinstance(clock, VirtualClock)
    (folder / "a.yaml").write_text("tenant: []")
    files.load_once()
    first = files.away()
    clock.advance_to(clock.now() + 60)
    (folder / "a.yaml").write_text("tenants: 5")
    assert files.load_once()
    second = files.away()
    assert first is not None
    assert second is not None
    assert (second.since, second.why != first.why) == (first.since, True)


def test_no_folder_is_no_rows_where_there_never_were_any(tmp_path: Path) -> None:
    files = DataFiles(tmp_path / "none", VirtualClock())
    assert files.load_once()
    reading = files.reading()
    assert reading is not None
    assert (reading.rows, files.away()) == (Rows(), None)


def test_no_folder_is_unknown_where_there_have_been_rows(files: DataFiles, folder: Path) -> None:
    (folder / "a.yaml").write_text(TENANTS)
    files.load_once()
    before = files.reading()
    (folder / "a.yaml").unlink()
    assert why(files).startswith(f"{folder} has no data file any more")
    shutil.rmtree(folder)
    assert why(files).startswith(f"{folder} has no data file any more")
    assert files.reading() is before
    folder.mkdir()
    (folder / "a.yaml").write_text("tenants: []\n")
    assert files.load_once()
    after = files.reading()
    assert after is not None
    assert (after.rows, files.away()) == (Rows(), None)


def test_nor_does_a_restart_forget_that_there_have_been_rows(tmp_path: Path) -> None:
    files = DataFiles(tmp_path / "none", VirtualClock(), had_rows=True)
    assert "has no data file any more" in why(files)
    assert files.reading() is None


def test_looking_again_at_the_same_files_is_free_and_changes_nothing(files: DataFiles, folder: Path) -> None:
    (folder / "a.yaml").write_text(TENANTS)
    assert files.load_once()
    before = files.reading()
    assert not files.load_once()
    (folder / "a.yaml").write_text(TENANTS)
    assert not files.load_once()
    assert files.reading() is before
