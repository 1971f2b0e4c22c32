"""Hosts on which something is in the way of dropped files: they are taken all the same, or it is said why not."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.daemon import Daemon
from tests.integration.patches.drops import dropped, ended, images, ledger
from tests.integration.patches.witness import filed, journal, lives, small_appliance
from tests.lab.eventually import eventually, settled

NO_INOTIFY = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"'
"""The limits of a user namespace are its own, so nobody else is out of watches."""


@pytest.fixture
def disc(daemon: Daemon, tmp_path: Path) -> Iterator[Path]:
    """A folder that becomes a read-only incoming/ when `mount` says so."""
    folder = tmp_path / "disc"
    folder.mkdir()
    yield folder
    daemon.close()
    subprocess.run(["umount", "--lazy", str(daemon.spool / "incoming")], check=False)


def mount(daemon: Daemon, disc: Path) -> None:
    incoming = str(daemon.spool / "incoming")
    subprocess.run(["mount", "--bind", str(disc), incoming], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", incoming], check=True)


def test_patches_on_a_read_only_mount_are_taken_once_and_their_results_are_kept_elsewhere(
    daemon: Daemon, disc: Path
) -> None:
    small_appliance(daemon)
    (disc / "good.patch.yaml").write_text(json.dumps({"id": "good", "tag": "1.1", "services": ["web"]}))
    (disc / "wrong.patch.yaml").write_text("wrong: 1\n")
    mount(daemon, disc)
    assert ended(daemon, "good") == "applied"
    assert images(daemon)["web"] == ["appliance/service:1.1"]
    rows = filed(daemon, ["good.patch.yaml", "wrong.patch.yaml"])
    assert rows["wrong.patch.yaml"]["stage"] == "quarantined"
    assert all("ead-only" in row["filed"] for row in rows.values()), rows
    results = [path.read_text() for path in (daemon.folder / "state" / "patches" / "results").rglob("*.json")]
    assert sorted(json.loads(text)["outcome"] for text in results) == ["applied", "quarantined"]
    eventually(lambda: any("cannot be moved" in text or "ead-only" in text for text in journal(daemon)), 20)

    before, known = lives(daemon), ledger(daemon)
    daemon.kill()
    daemon.start()
    daemon.converged()
    assert settled(lambda: len(ledger(daemon)), 5, 30) == len(known), "a file whose row has ended is never taken again"
    assert lives(daemon) == before
    assert sorted(os.listdir(disc)) == ["good.patch.yaml", "wrong.patch.yaml"]


def test_without_inotify_patches_are_found_by_looking_and_the_journal_says_so(daemon: Daemon) -> None:
    daemon.under = ("unshare", "--user", "--map-root-user", "sh", "-c", NO_INOTIFY, "sh")
    small_appliance(daemon)
    mail = daemon.running("mail")
    eventually(lambda: any("inotify does not work here" in text for text in journal(daemon)), 20)
    dropped(daemon, "good", tag="1.1", services=["web"])
    assert ended(daemon, "good") == "applied"
    assert images(daemon)["web"] == ["appliance/service:1.1"]
    assert daemon.running("mail") == mail
