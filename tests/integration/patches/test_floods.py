"""Thousands of files at once: bounded work, bounded memory, and nobody else's patch late."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.patches.site import Site, manifest
from tests.lab.eventually import eventually
from zpmd.model.patch import Stage
from zpmd.patching.dropbox import OPEN_AT_ONCE
from zpmd.patching.telling import LINES

FILES = 3000
MIB = 1024
"""In the units of ru_maxrss."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """In memory: what takes long on a disk is to force 20,000 writes to it one by one."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(tmp_path)], check=True)
    site = Site(tmp_path)
    yield site
    site.close()
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def flood(site: Site, text: str) -> None:
    for number in range(FILES):
        (site.incoming / f"flood-{number:05d}.patch.yaml").write_text(text.format(number=number))


def test_a_flood_of_wrong_files_ends_in_a_bounded_quarantine_and_a_good_one_in_its_midst_is_taken(site: Site) -> None:
    site.start()
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    producer = threading.Thread(target=flood, args=(site, "wrong: {number}\n"))
    producer.start()
    eventually(lambda: len(site.rows()) > 100, 60)
    site.drop("good.patch.yaml")
    row = site.row(Stage.COPIED, name="good.patch.yaml", timeout_seconds=200)
    producer.join()
    eventually(lambda: os.listdir(site.incoming) == ["good.patch.yaml"], 240, interval_seconds=0.5)
    eventually(lambda: len(os.listdir(site.at("quarantine"))) == site.settings.quarantine_count, 30)
    assert next(r for r in site.rows() if r.number == row.number).stage is Stage.COPIED
    lines = sum(entry.text.startswith("flood-") for entry in site.store.journal(limit=100_000))
    assert lines < FILES
    site.looks(61)
    eventually(lambda: any(entry.code == "patch-flood" for entry in site.store.journal()))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began < 50 * MIB
    assert lines <= LINES * 5, "minutes that this took, and one more"


def test_of_a_flood_of_right_files_as_many_are_open_as_may_be_and_the_others_wait(site: Site) -> None:
    site.incoming.mkdir(parents=True)
    for number in range(2 * OPEN_AT_ONCE):
        (site.incoming / f"{number:05d}.patch.yaml").write_text(manifest(f"fix-{number}"))
    site.start()
    eventually(lambda: "have not ended" in site.box.trouble(), 60)
    rows = site.rows()
    assert len(rows) == OPEN_AT_ONCE
    assert [row.name for row in rows] == sorted(row.name for row in rows)
    for row in rows:
        site.end(row, Stage.APPLIED)
    eventually(lambda: len(site.rows()) == 2 * OPEN_AT_ONCE, 60)
    eventually(lambda: len(os.listdir(site.at("applied"))) == 2 * OPEN_AT_ONCE, 60)
