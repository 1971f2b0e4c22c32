"""Bundles are copied before they are believed: what changes meanwhile, what has no room, what is cut off."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.patches.site import Site
from tests.lab.eventually import eventually, settled
from tests.unit.patching import given
from zpmd.model.patch import Stage
from zpmd.patching import building, copying
from zpmd.patching.shapes import shaped


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An unsigned one, of 20 KiB or so."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "zona_user.tar").write_bytes(given.saved(given.REFERENCE))
    building.build(given.MANIFEST, [folder / "zona_user.tar"], folder / "x.zpatch")
    return (folder / "x.zpatch").read_bytes()


def test_a_bundle_is_copied_for_root_alone_and_the_copy_goes_when_its_row_has_ended(site: Site, bundle: bytes) -> None:
    site.drop("x.zpatch", bundle)
    row = site.row(Stage.COPIED)
    assert (row.id, row.sha256, row.size) == ("hotfix-1", hashlib.sha256(bundle).hexdigest(), len(bundle))
    assert row.manifest is not None
    assert [archive.file for archive in row.manifest.images] == ["images/zona_user.tar"]
    copy = Path(row.copy)
    assert copy.read_bytes() == bundle
    assert oct(copy.stat().st_mode & 0o777) == "0o600"
    assert oct(copy.parent.stat().st_mode & 0o777) == "0o700"
    assert copy.is_relative_to(site.state)
    site.end(row, Stage.APPLIED)
    site.filed(row.number)
    eventually(lambda: not copy.parent.exists())


def test_what_is_written_to_the_file_after_it_was_copied_changes_nothing(site: Site, bundle: bytes) -> None:
    path = site.drop("x.zpatch", bundle)
    row = site.row(Stage.COPIED)
    with path.open("r+b") as file:
        file.write(b"other bytes")
    assert Path(row.copy).read_bytes() == bundle


def test_a_bundle_cut_off_anywhere_is_left_waiting_or_refused(site: Site, bundle: bytes) -> None:
    cuts = [*range(0, len(bundle), 4096), len(bundle) - 1]
    for cut in cuts:
        site.drop(f"{cut}.zpatch", bundle[:cut])
    site.looks(0)
    assert settled(site.rows, 1.0) == ()
    site.looks(700)
    for cut in cuts:
        assert "incomplete" in site.row(Stage.QUARANTINED, name=f"{cut}.zpatch").reason


def test_a_bundle_that_is_closed_in_the_midst_of_a_slow_copy_is_taken_once_and_whole(site: Site, bundle: bytes) -> None:
    path = site.incoming / "x.zpatch"
    for start in range(0, len(bundle), 3000):
        with path.open("ab") as file:
            file.write(bundle[start : start + 3000])
        site.looks(0)
    assert site.row(Stage.COPIED).sha256 == hashlib.sha256(bundle).hexdigest()
    assert len(site.rows()) == 1


def test_a_file_that_changes_while_it_is_copied_is_no_copy(tmp_path: Path) -> None:
    """The writer gets its turn between two chunks of the copy."""
    source = tmp_path / "x.zpatch"
    folder = os.open(tmp_path, os.O_RDONLY)
    for change in ("overwrite", "grow", "shrink"):
        source.write_bytes(bytes(3 * copying.CHUNK))
        shape = shaped(source.stat())

        def meanwhile(change: str = change) -> bool:
            with source.open("r+b") as file:
                if change == "grow":
                    file.seek(0, os.SEEK_END)
                if change == "shrink":
                    file.truncate(2 * copying.CHUNK)
                else:
                    file.write(b"x" * 100)
            return False

        with pytest.raises(copying.Changed):
            copying.copy("x.zpatch", folder, shape, tmp_path / "private" / "copy", meanwhile)
    os.close(folder)


def test_a_file_that_is_written_all_the_time_is_taken_when_that_ends(site: Site, bundle: bytes) -> None:
    path, enough = site.incoming / "x.zpatch", threading.Event()

    def write() -> None:
        with path.open("wb") as file:
            while not enough.is_set():
                file.seek(0)
                file.write(bundle)
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(10):
        site.looks(0)
    settled(lambda: 0, 1.0)
    assert not [row for row in site.rows() if row.stage is not Stage.SEEN]
    enough.set()
    writer.join()
    assert site.row(Stage.COPIED).sha256 == hashlib.sha256(bundle).hexdigest()
    assert len(site.rows()) == 1


@pytest.fixture
def small_disk(idle: Site) -> Iterator[Site]:
    """The private copies lie on a file system of 1 MiB."""
    private = idle.state / "patches"
    private.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(private)], check=True)
    idle.start()
    yield idle
    idle.stop.set()
    idle.thread.join(10)
    subprocess.run(["umount", "--lazy", str(private)], check=True)


def test_without_room_a_bundle_waits_where_it_is_and_is_taken_when_there_is_some(
    small_disk: Site, bundle: bytes
) -> None:
    site = small_disk
    site.drop("x.zpatch", bundle)
    row = eventually(lambda: next((r for r in site.rows() if r.reason), None))
    assert row is not None
    assert row.stage is Stage.SEEN
    assert "no room for a copy" in row.reason
    eventually(lambda: "x.zpatch waits: no room" in site.box.trouble())
    assert any("no room" in entry.text for entry in site.store.journal())
    site.drop("small.patch.yaml")
    site.row(Stage.COPIED, name="small.patch.yaml")
    subprocess.run(["mount", "-o", "remount,size=200m", str(site.state / "patches")], check=True)
    site.looks(120)
    row = site.row(Stage.COPIED, name="x.zpatch")
    assert row.reason == ""
    eventually(lambda: site.box.trouble() == "")
    assert len(site.rows()) == 2


def test_a_copy_that_finds_the_disk_full_leaves_nothing_behind(small_disk: Site) -> None:
    source = small_disk.folder / "x.zpatch"
    source.write_bytes(bytes(2 << 20))
    target = small_disk.state / "patches" / "9" / "copy"
    folder = os.open(small_disk.folder, os.O_RDONLY)
    with pytest.raises(copying.NoRoom, match="No space left"):
        copying.copy("x.zpatch", folder, shaped(source.stat()), target, lambda: False)
    os.close(folder)
    assert not target.exists()


def test_a_file_that_goes_away_before_it_was_copied_ends_its_row(small_disk: Site, bundle: bytes) -> None:
    path = small_disk.drop("x.zpatch", bundle)
    eventually(lambda: [r for r in small_disk.rows() if r.reason])
    path.unlink()
    small_disk.looks(0)
    row = small_disk.row(Stage.QUARANTINED)
    assert "went away" in row.reason
    assert "its file was gone; the result is" in small_disk.filed(row.number).filed
