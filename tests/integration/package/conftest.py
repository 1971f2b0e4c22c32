"""What scripts/package makes of this checkout, made once, and the .deb unpacked."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.boot import packages
from tests.lab.borrowed import BorrowedRoot


@dataclass(frozen=True, slots=True)
class Built:
    """`root` holds the files of the package as dpkg would lay them down, `control` its control files."""

    deb: Path
    wheel: Path
    sdist: Path
    root: Path
    control: Path

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """With the package's /opt in the place of this machine's."""
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", 'mount --bind "$0/opt" /opt && exec "$@"', self.root, *command],
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    deb = packages.built()
    out = tmp_path_factory.mktemp("unpacked")
    root, control = out / "root", out / "control"
    subprocess.run(["dpkg-deb", "--extract", deb, root], check=True)
    subprocess.run(["dpkg-deb", "--control", deb, control], check=True)
    (wheel,), (sdist,) = deb.parent.glob("*.whl"), deb.parent.glob("*.tar.gz")
    return Built(deb, wheel, sdist, root, control)


@pytest.fixture(scope="session")
def newer() -> Path:
    """A .deb of the same as a later version, `packages.NEWER`."""
    return packages.built(packages.NEWER)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[BorrowedRoot]:
    """A Debian host without systemd running, in which zpmd was never installed."""
    place = tmp_path / "host"
    place.mkdir()
    borrowed = BorrowedRoot(place)
    try:
        yield borrowed
    finally:
        borrowed.close()
