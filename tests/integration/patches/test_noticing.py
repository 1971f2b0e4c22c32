"""Seen when complete: at once where a rename or a close says so, else after a quiet time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

from tests.integration.patches.site import QUIET_SECONDS, Site, manifest
from tests.lab.eventually import eventually, settled
from zpmd.model.patch import Stage
from zpmd.patching.copying import check_room


def test_a_rename_into_the_folder_is_a_row_with_what_the_manifest_says(site: Site) -> None:
    site.drop("fix.patch.yaml")
    row = site.row(Stage.COPIED)
    assert (row.id, row.name, row.owner, row.size) == ("hotfix-1", "fix.patch.yaml", "root", len(manifest()))
    assert row.manifest is not None
    assert [change.service for change in row.manifest.services] == ["zona_user"]
    assert [stage for stage, _ in row.times] == [Stage.SEEN, Stage.COPIED]
    assert site.woken


@pytest.mark.parametrize("how", ["a rename from outside", "a rename inside", "a close"])
def test_what_a_rename_or_close_tells_needs_no_quiet_time(idle: Site, how: str) -> None:
    site = idle
    site.box._incoming.quiet_seconds = 3600
    site.start()
    if how == "a rename from outside":
        site.drop("fix.patch.yaml")
    elif how == "a rename inside":
        part = site.incoming / "fix.patch.yaml.part"
        part.write_text(manifest())
        os.rename(part, site.incoming / "fix.patch.yaml")
    else:
        (site.incoming / "fix.patch.yaml").write_text(manifest())
    site.row(Stage.COPIED)


def test_a_file_put_away_makes_no_other_late(site: Site) -> None:
    """watchdog holds everything behind a rename out of a folder back, unless it is not told of it."""
    late = []
    for number in range(5):
        site.drop(f"{number}.patch.yaml", manifest(f"fix-{number}"))
        row = site.row(Stage.COPIED, name=f"{number}.patch.yaml")
        site.end(row, Stage.APPLIED)
        site.filed(row.number)
        woken, began = len(site.woken), time.monotonic()
        site.drop(f"next-{number}.patch.yaml", manifest(f"next-{number}"))
        eventually(lambda woken=woken: len(site.woken) > woken, interval_seconds=0.01)  # type: ignore[misc]
        late.append(time.monotonic() - began)
        site.row(Stage.COPIED, name=f"next-{number}.patch.yaml")
    assert min(late) < InotifyMoveEventGrouper.delay


def test_a_file_that_was_there_before_the_start_is_taken_after_the_quiet_time(idle: Site) -> None:
    idle.incoming.mkdir(parents=True)
    (idle.incoming / "fix.patch.yaml").write_text(manifest())
    idle.start()
    idle.row(Stage.COPIED)


def test_files_that_came_together_have_their_rows_before_the_first_is_read(idle: Site) -> None:
    site = idle
    site.incoming.mkdir(parents=True)
    for number in range(10):
        site.drop(f"{number}.patch.yaml", manifest(f"fix-{number}"))
    site.start()
    eventually(lambda: [row.stage for row in site.rows()] == [Stage.COPIED] * 10)
    seen, copied = ([row.since(stage) for row in site.rows()] for stage in (Stage.SEEN, Stage.COPIED))
    assert max(at for at in seen if at) <= min(at for at in copied if at)


def test_a_slow_copy_is_left_alone_until_it_is_closed(site: Site) -> None:
    text = manifest() + "description: " + "x" * 100 + "\n"
    with (site.incoming / "slow.patch.yaml").open("w") as file:
        for start in range(0, len(text), 10):
            file.write(text[start : start + 10])
            file.flush()
            site.clock.ahead += QUIET_SECONDS / 3
            site.box.nudge()
    row = site.row(Stage.COPIED)
    assert row.manifest is not None
    assert row.manifest.description == "x" * 100
    assert len(site.rows()) == 1


@pytest.mark.parametrize(
    "name", ["a.patch.yaml.part", ".a.patch.yaml", ".a.zpatch.Xy12", "a.yaml", "a.zip", "a.zpatch.part"]
)
def test_other_names_are_somebody_elses_business(site: Site, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = site.drop(name)
    site.looks(3600)
    site.drop("fix.patch.yaml")
    site.row(Stage.COPIED)
    assert len(site.rows()) == 1
    assert path.exists()
    assert not [entry for entry in site.store.journal() if name in entry.text]


def test_a_hard_link_is_a_file_like_any_other(site: Site) -> None:
    outside = site.folder / "original"
    outside.write_text(manifest())
    os.link(outside, site.incoming / "fix.patch.yaml")
    row = site.row(Stage.COPIED)
    site.end(row, Stage.APPLIED)
    site.filed(row.number)
    assert outside.read_text() == manifest()


def test_the_folders_are_made_for_the_group(site: Site) -> None:
    modes = {name: oct((site.settings.dir / name).stat().st_mode & 0o777) for name in os.listdir(site.settings.dir)}
    assert modes == {"incoming": "0o770", "applied": "0o750", "rolled-back": "0o750", "quarantine": "0o750"}
    private = (site.state / "patches").stat().st_mode & 0o777
    assert private == 0o700


def test_a_folder_that_is_deleted_is_made_again_and_watched(site: Site) -> None:
    for number in range(2):
        os.rename(site.settings.dir, site.folder / f"gone-{number}")
        shutil.rmtree(site.folder / f"gone-{number}")
        eventually(lambda: site.incoming.is_dir() and site.box.watching())
        eventually(lambda: not site.box.trouble())
    site.drop("fix.patch.yaml")
    site.row(Stage.COPIED)


def test_another_folder_in_its_place_is_watched_too(site: Site) -> None:
    other = site.settings.dir / "other"
    other.mkdir(mode=0o770)
    os.rename(site.incoming, site.settings.dir / "old")
    os.rename(other, site.incoming)
    site.drop("fix.patch.yaml")
    site.row(Stage.COPIED)
    eventually(site.box.watching)


def test_a_symbolic_link_in_its_place_is_not_followed_and_is_told(site: Site) -> None:
    elsewhere = site.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "fix.patch.yaml").write_text(manifest())

    def replaced() -> bool:
        """Unless it was made again between the two lines."""
        shutil.rmtree(site.incoming)
        try:
            site.incoming.symlink_to(elsewhere)
        except FileExistsError:
            return False
        return True

    eventually(replaced)
    eventually(lambda: "symbolic link, which is not followed" in site.box.trouble())
    assert not site.box.watching()
    site.looks()
    assert settled(site.rows, 1.0) == ()
    site.incoming.unlink()
    eventually(lambda: site.box.watching() and not site.box.trouble())
    assert any("symbolic link" in entry.text for entry in site.store.journal())


def test_watching_that_dies_is_begun_again(site: Site) -> None:
    observer = site.box._inotify.observer
    assert observer is not None
    for emitter in observer.emitters:
        emitter.stop()
    eventually(lambda: site.box._inotify.observer not in (observer, None) and site.box.watching())
    site.drop("fix.patch.yaml")
    site.row(Stage.COPIED)


LIMITED = """
    import ctypes, os, sys, time
    from pathlib import Path
    from tests.integration.patches.site import Site, manifest
    from tests.lab.eventually import eventually
    from zpmd.model.patch import Stage
    libc = ctypes.CDLL(None)
    Path("/proc/sys/user/max_inotify_instances").write_text("0")
    assert libc.inotify_init() == -1, "the limit does not hold"
    site = Site(Path(sys.argv[1]))
    site.start(notices=False)
    eventually(lambda: "inotify does not work here" in site.box.trouble())
    assert not site.box.watching()
    site.drop("fix.patch.yaml")
    row = site.row(Stage.COPIED)
    Path("/proc/sys/user/max_inotify_instances").write_text("100")
    site.box._inotify.again_at = 0.0
    eventually(site.box.watching)
    eventually(lambda: not site.box.trouble())
    site.close()
    print("taken", row.id)
"""


def test_without_inotify_files_are_found_by_looking_and_trouble_says_so(tmp_path: Path) -> None:
    """A user namespace has limits of its own, so that nobody else is out of watches."""
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", textwrap.dedent(LIMITED), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["taken hotfix-1"]), done.stderr


def test_room_is_asked_for_before_a_copy_begins(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="MiB are free"):
        check_room(tmp_path, 1 << 60)


def test_nothing_is_said_while_nothing_changes(site: Site) -> None:
    site.drop("fix.patch.yaml")
    site.row(Stage.COPIED)
    lines = settled(lambda: len(site.store.journal()), 1.0)
    for _ in range(5):
        site.looks(60)
    assert settled(lambda: len(site.store.journal()), 1.0) == lines
    assert json.dumps([e.code for e in site.store.journal()]) == '["patch-seen", "patch-copied"]'
