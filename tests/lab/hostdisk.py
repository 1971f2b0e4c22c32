"""What a host has on its disk: the root file system that all share, what was written over it, and its engine's data.

`upper` has what this host wrote, `docker` what its engine did (an engine on an overlay would need another one on top).
Neither is in the layers below, which nobody changes, so that a host costs no copy of its 530 MB. A host that is off may
become the layers of others.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PARTS = ("root", "upper", "work", "docker")


class ComponentMissing(AssertionError):
    """The root file system is not there."""


@dataclass(frozen=True)
class Disk:
    """`layers` are the folders below `upper`, the topmost first."""

    folder: Path
    layers: tuple[Path, ...]

    @property
    def upper(self) -> Path:
        return self.folder / "upper"

    def place(self, target: str) -> Path:
        """Where to write an absolute path while the host is off; folders on the way are as the layers have them."""
        place = self.upper
        for part in Path(target).relative_to("/").parts[:-1]:
            place /= part
            if not place.exists():
                place.mkdir()
                below = [layer / place.relative_to(self.upper) for layer in self.layers]
                for folder in [folder for folder in below if folder.is_dir()][:1]:
                    _owned_like(folder, place)
        return place / Path(target).name

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def fresh() -> Disk:
    """The disk of a host that was never switched on, with the sample images."""
    root = root_file_system()
    return _made((root,), root.parent / "docker")


def bare(root: Path, folder: Path) -> Disk:
    """Such a disk in `folder`, without images: these are yet to be made."""
    return _made((root,), None, folder)


def over(other: Disk) -> Disk:
    """A disk with all that is on another one, whose host is off and stays so."""
    return _made((other.upper, *other.layers), other.folder / "docker")


def _made(layers: tuple[Path, ...], engine_data: Path | None, folder: Path | None = None) -> Disk:
    folder = folder or Path(tempfile.mkdtemp(prefix="zpmd-host-"))
    if engine_data is not None:
        subprocess.run(["cp", "-a", "--reflink=auto", str(engine_data), str(folder / "docker")], check=True)
    for part in PARTS:
        (folder / part).mkdir(exist_ok=True)
    _owned_like(layers[0], folder / "upper")  # it is the host's `/`
    return Disk(folder, layers)


def _owned_like(model: Path, folder: Path) -> None:
    """Not shutil.copystat: an attribute of the overlay's own would come with it, and hide what is below."""
    folder.chmod(model.stat().st_mode & 0o7777)
    os.chown(folder, model.stat().st_uid, model.stat().st_gid)


def root_file_system() -> Path:
    """Where the root file system is that hosts are made of."""
    lab = Path(os.environ.get("ZPMD_LAB", CHECKOUT / ".lab"))
    root = lab / "host" / "root"
    if not (lab / "host" / "made").exists():
        raise ComponentMissing(f"there is no root file system in {root}; run: scripts/host --install-only")
    return root.resolve()
