"""kill -9 at every call to the system between a file in incoming/ and its end: one row, one place, never two."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.patches.site import Site, manifest
from tests.lab.eventually import eventually
from tests.unit.patching import given
from zpmd.model.patch import Patch, Stage
from zpmd.patching import building

DIED = 137
BOUNDARIES = (
    "open",
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.chmod",
    "os.chown",
    "os.rmdir",
    "os.listdir",
    "sqlite3.",
)
"""Audit events of Python at which a child dies, before the call is made."""


def life(folder: Path, dies_at: int, end: Stage) -> int:
    """One life of zpmd, in a process of its own, up to its death at the so-many-th call; how it ended."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        live(folder, dies_at, end)
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def live(folder: Path, dies_at: int, end: Stage) -> None:
    """Watch until everything is put away, in the main thread, which dies; another one plays the loop."""
    site = Site(folder)
    site.box._quiet_seconds = site.box._incoming.quiet_seconds = 0.01
    watching, calls = threading.get_ident(), 0

    def boundary(event: str, _: object) -> None:
        nonlocal calls
        if event.startswith(BOUNDARIES) and threading.get_ident() == watching:
            calls += 1
            if calls == dies_at:
                os._exit(DIED)

    threading.Thread(target=loop, args=(site, end), daemon=True).start()
    sys.addaudithook(boundary)
    site.box.watch(lambda _: None, site.stop)


def loop(site: Site, end: Stage) -> None:
    def settled() -> bool:
        rows = site.store.memory().patches
        for row in rows:
            if row.stage is Stage.COPIED:
                site.end(row, end)
        return bool(rows) and site.box._recalled and all(row.filed for row in rows) and not leftovers(site.folder)

    try:
        eventually(settled, 20, interval_seconds=0.01)
        site.stop.set()
    except AssertionError:
        sys.excepthook(*sys.exc_info())
        os._exit(2)


def leftovers(folder: Path) -> list[Path]:
    return [Path(at, name) for at, _, names in os.walk(folder / "state" / "patches") for name in names]


def bundle(folder: Path) -> bytes:
    (folder / "zona_user.tar").write_bytes(given.saved(given.REFERENCE))
    building.build(given.MANIFEST, [folder / "zona_user.tar"], folder / "x.zpatch")
    return (folder / "x.zpatch").read_bytes()


CASES: dict[str, tuple[str, Callable[[Path], bytes], Stage, str]] = {
    "a manifest that is applied": ("x.patch.yaml", lambda _: manifest().encode(), Stage.APPLIED, "applied"),
    "a bundle that is rolled back": ("x.zpatch", bundle, Stage.ROLLED_BACK, "rolled-back"),
    "a file that is wrong": ("x.patch.yaml", lambda _: b"wrong: 1\n", Stage.QUARANTINED, "quarantine"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_drop_has_one_row_and_one_end_wherever_zpmd_is_killed(tmp_path: Path, case: str) -> None:
    name, make, end, place = CASES[case]
    content = make(tmp_path)
    deaths = 0
    for dies_at in range(1, 1000, STEP[case]):
        folder = tmp_path / str(dies_at)
        incoming = folder / "drop" / "incoming"
        incoming.mkdir(parents=True)
        (incoming / name).write_bytes(content)
        first = life(folder, dies_at, end)
        if first == 0:
            break
        assert first == DIED
        deaths += 1
        assert life(folder, 0, end) == 0
        check(folder, name, content, end, place, dies_at)
    assert deaths > 20
    check(folder, name, content, end, place, dies_at)


STEP = {"a manifest that is applied": 1, "a bundle that is rolled back": 3, "a file that is wrong": 3}
"""The calls of the first are those of the others too, but for few."""


def check(folder: Path, name: str, content: bytes, end: Stage, place: str, dies_at: int) -> None:
    site = Site(folder)
    rows = site.rows()
    site.store.close()
    assert [row.stage for row in rows] == [end], f"killed at call {dies_at}"
    (row,) = rows
    assert row.sha256 == hashlib.sha256(content).hexdigest()
    files = [path for path in (folder / "drop").rglob("*") if path.is_file()]
    assert [path.name for path in files if not path.name.endswith(".json")] == [name], f"killed at call {dies_at}"
    assert {path.relative_to(folder / "drop").parts[0] for path in files} == {place}
    results = [path for path in files if path.name.endswith(".json")]
    assert len(results) == 1, f"killed at call {dies_at}"
    assert_told(row, json.loads(results[0].read_text()))
    assert leftovers(folder) == [], f"killed at call {dies_at}"


def assert_told(row: Patch, result: dict[str, object]) -> None:
    assert (result["outcome"], result["now_at"], result["sha256"]) == (row.stage.value, row.filed, row.sha256)
