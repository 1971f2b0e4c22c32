"""Whatever is dropped, the running services are untouched, the reason is in a file and in the journal, and the next
patch is taken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.daemon import Daemon
from tests.integration.patches.drops import dropped, ended, images, put
from tests.integration.patches.hostile import BUNDLES, MANIFESTS, NO_FILES, Hostile
from tests.integration.patches.witness import (
    by_name,
    engine_images,
    filed,
    journal,
    lives,
    readable,
    reason_of,
    shown,
    small_appliance,
)
from tests.lab.eventually import settled
from tests.unit.patching.given import REFERENCE, built, saved


def drop(daemon: Daemon, one: Hostile) -> None:
    """Made elsewhere, and renamed into place: a FIFO, a link or a folder, too."""
    aside = daemon.folder / "aside"
    aside.mkdir(exist_ok=True)
    one.make(aside / one.name)
    os.rename(aside / one.name, daemon.spool / "incoming" / one.name)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("cases", [NO_FILES + MANIFESTS, BUNDLES], ids=["files and manifests", "bundles"])
def test_whatever_is_dropped_is_refused_with_its_reason_and_nothing_is_touched(
    daemon: Daemon, cases: list[Hostile]
) -> None:
    small_appliance(daemon)
    before, known = lives(daemon), engine_images(daemon)
    for one in cases:
        drop(daemon, one)
    rows = filed(daemon, {shown(one.name) for one in cases})
    texts = journal(daemon)
    for one in cases:
        row = rows[shown(one.name)]
        assert (row["stage"], one.says in row["reason"]) == ("quarantined", True), row
        assert row["reason"]
        told = reason_of(row)
        assert (told["outcome"], told["reason"]) == ("quarantined", row["reason"])
        assert any("refused" in text and row["reason"] in text for text in texts), f"the journal lacks {row['reason']}"
    assert not os.listdir(daemon.spool / "incoming")
    assert lives(daemon) == before
    assert engine_images(daemon) == known
    told = [daemon.log, daemon.ctl("events", "-n", "500").out, daemon.ctl("status").out, *texts]
    assert all(readable(text) for text in told)
    assert not any("hunter2" in text for text in told)

    dropped(daemon, "good", tag="1.1", services=["web"])
    assert ended(daemon, "good") == "applied"
    assert images(daemon)["web"] == ["appliance/service:1.1"]


def test_what_is_not_complete_or_is_no_patch_is_left_alone(daemon: Daemon, tmp_path: Path) -> None:
    """A bundle that is cut off at each 4 KiB; what is still being copied; what is somebody else's."""
    small_appliance(daemon)
    mail = daemon.running("mail")
    before = lives(daemon)
    path, _ = built(tmp_path, saved(REFERENCE, config=os.urandom(100_000)))
    whole = path.read_bytes()
    names = {f"cut-{length}.zpatch": whole[:length] for length in range(0, len(whole), 4096)}
    names |= {"empty.patch.yaml": b"", "a.zpatch.part": whole, ".hidden.zpatch": whole, "a.patch.yaml~": b"x"}
    names |= {"README.txt": b"x", "a.zpatch.filepart": whole, "patch.yaml": b"id: x\nservices: [web]\n"}
    for name, content in names.items():
        put(daemon, name, content)
    dropped(daemon, "good", tag="1.1", services=["web"])
    assert ended(daemon, "good") == "applied"
    assert settled(lambda: set(by_name(daemon)), 3, 30) == {"good.patch.yaml"}
    assert set(os.listdir(daemon.spool / "incoming")) == set(names)
    assert lives(daemon)[mail[0]] == before[mail[0]]
