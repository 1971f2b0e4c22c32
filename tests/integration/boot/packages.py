"""The Debian package of this checkout, and the same as a newer version: built once for as long as nothing changes.

Building takes most of a minute of CPU, and several test runs at once (pytest's workers) want the same: they take turns,
and the second finds what the first has built. What is built belongs to a hash of every file that goes into it.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.lab.hostdisk import CHECKOUT

NEWER = "99.0.0"
INTO_IT = ("zpmd", "systemd", "packaging", "etc", "docs", "scripts")


def built(version: str | None = None) -> Path:
    """The .deb, of the checkout's own version or of a given one. Raises CalledProcessError with what the build said."""
    folder = CHECKOUT / ".lab" / "boot" / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        current = folder / _fingerprint()
        for old in folder.iterdir():
            if old.is_dir() and old != current:
                shutil.rmtree(old)
        place = current / (version or "own")
        if not place.exists():
            words = ["--version", version] if version else []
            subprocess.run(
                [str(CHECKOUT / "scripts" / "package"), *words, "--out", str(current / "new")],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            (current / "new").rename(place)
        (package,) = place.glob("*.deb")
    return package


def _fingerprint() -> str:
    """Of every file that the package is made of, by name and content."""
    digest = hashlib.sha256()
    top = sorted(
        path
        for path in CHECKOUT.iterdir()
        if path.is_file() and path.suffix in (".md", ".cfg", ".toml", ".lock", ".in")
    )
    below = sorted(path for name in INTO_IT for path in (CHECKOUT / name).rglob("*") if path.is_file())
    for path in (*top, *below):
        if "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(CHECKOUT)} {path.stat().st_mode}\n".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
