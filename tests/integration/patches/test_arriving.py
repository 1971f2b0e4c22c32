"""A file that comes slowly is taken when it is complete; of 40,000 that come at once the one good patch is applied."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.daemon import Daemon
from tests.integration.patches.bundles import build
from tests.integration.patches.drops import dropped, ended, images, ledger
from tests.integration.patches.witness import by_name, lives, small_appliance
from tests.lab.eventually import eventually

SIZE = 30 << 20
PIECES = 30
PIECE_SECONDS = 0.3
"""30 MB in 10 s: three times as fast as a link of 1 MB/s, so that the test is as much shorter."""
PAUSE_SECONDS = 2.0
"""Four times the quiet time of these tests."""

OTHERS, BROKEN = 38_000, 1_999
KEPT = 50
RESYNC_SECONDS = 2
STALE_SECONDS = 20.0
"""A pass comes at least every 2 s; the machine may be busy with other tests besides."""
GROWN_KIB = 100 * 1024


def slowly(content: bytes, path: Path) -> None:
    """In its place from the start, with a pause in the midst of it, and closed before the next one."""
    step = len(content) // PIECES + 1
    with path.open("ab", buffering=0) as file:
        for at in range(0, len(content), step):
            file.write(content[at : at + step])
            time.sleep(PAUSE_SECONDS if at // step == PIECES // 2 else PIECE_SECONDS)
    time.sleep(PAUSE_SECONDS)


def test_a_bundle_that_arrives_slowly_is_left_alone_until_it_is_complete(daemon: Daemon, tmp_path: Path) -> None:
    small_appliance(daemon)
    mail = daemon.running("mail")
    content = build(daemon, tmp_path, "slow", {"web": "vendor/slow:2.0"}, padding=SIZE).read_bytes()
    assert len(content) > SIZE
    incoming = daemon.spool / "incoming"
    (incoming / "slow.zpatch.part").write_bytes(content)
    half = len(content) // 2
    slowly(content[:half], incoming / "slow.zpatch")
    dropped(daemon, "meanwhile", services=["web"], restart_only=True)
    slowly(content[half:-1], incoming / "slow.zpatch")
    assert set(by_name(daemon)) == {"meanwhile.patch.yaml"}, "nobody else waits for it, and it is not taken yet"
    with (incoming / "slow.zpatch").open("ab") as file:
        file.write(content[-1:])
    assert ended(daemon, "slow") == "applied"
    assert ended(daemon, "meanwhile") == "applied"
    assert images(daemon)["web"] == ["vendor/slow:2.0"]
    assert daemon.running("mail") == mail
    assert os.listdir(incoming) == ["slow.zpatch.part"]
    assert not list((daemon.spool / "quarantine").iterdir())


@pytest.fixture
def in_memory(daemon: Daemon) -> Iterator[Daemon]:
    """All of its folders: what takes long on a disk is to force every row and file to it one by one."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(daemon.folder)], check=True)
    daemon.services_dir.mkdir()
    yield daemon
    daemon.close()
    subprocess.run(["umount", "--lazy", str(daemon.folder)], check=True)


def flood(incoming: Path) -> None:
    """Files of every kind that people's tools leave, and broken patches; the good one in the midst of them."""
    ends = (".txt", ".zpatch.part", ".yaml", ".patch.yaml.swp", ".zip")
    for number in range(OTHERS):
        (incoming / f"{number:05d}{ends[number % len(ends)]}").write_bytes(b"junk")
        if number < BROKEN:
            (incoming / f"{number:05d}.patch.yaml").write_text(f"wrong: {number}\n")


def peak_kib(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


def test_of_40_000_files_at_once_the_good_one_is_applied_and_the_loop_goes_on(in_memory: Daemon) -> None:
    daemon = in_memory
    patches = {"dir": str(daemon.spool), "keys_dir": str(daemon.folder / "patch-keys"), "quiet_seconds": 0.5}
    daemon.settings = {"patches": patches | {"quarantine_count": KEPT}, "resync_seconds": RESYNC_SECONDS}
    small_appliance(daemon)
    assert daemon.process is not None
    before, peak = lives(daemon), peak_kib(daemon.process.pid)
    mail = daemon.running("mail")
    incoming = daemon.spool / "incoming"
    producer = threading.Thread(target=flood, args=[incoming])
    producer.start()
    eventually(lambda: len(os.listdir(incoming)) > BROKEN, 60)
    dropped(daemon, "good", tag="1.1", services=["web"])
    numbers, oldest = set(), 0.0

    def taken() -> bool:
        nonlocal oldest
        status = daemon.status()
        numbers.add(status["number"])
        oldest = max(oldest, status["now"] - status["at"])
        return not producer.is_alive() and not any(name.endswith(".patch.yaml") for name in os.listdir(incoming))

    eventually(taken, 240, "a flood that is dealt with", 0.5)
    producer.join()
    assert len(numbers) > 5
    assert oldest < STALE_SECONDS, "the loop stood still"
    assert ended(daemon, "good") == "applied"
    assert images(daemon)["web"] == ["appliance/service:1.1"]
    assert lives(daemon)[mail[0]] == before[mail[0]]
    assert len(os.listdir(incoming)) == OTHERS, "what is no patch is left alone"
    eventually(lambda: len(os.listdir(daemon.spool / "quarantine")) == KEPT, 30, "a quarantine within its bounds")
    rows = ledger(daemon)
    assert max(row["number"] for row in rows) == BROKEN + 1, "each was taken once"
    assert {row["stage"] for row in rows if row["name"] != "good.patch.yaml"} == {"quarantined"}
    assert peak_kib(daemon.process.pid) - peak < GROWN_KIB
