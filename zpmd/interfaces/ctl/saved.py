"""Images of the engine next door as an archive, by the `docker` program: zpmctl itself knows no engine."""

from __future__ import annotations

import shutil
import subprocess  # nosec B404 # one call, below
from collections.abc import Sequence
from pathlib import Path

from zpmd.interfaces.ctl.client import Exit, Failure

ARCHIVE = "images.tar"
"""One for all of them: layers that they share are in it once."""


def save(images: Sequence[str], folder: Path) -> Path:
    """The archive of these images, in this folder. Raises Failure."""
    docker = shutil.which("docker")
    if docker is None:
        raise Failure(
            Exit.FAILED,
            "cannot save images: there is no docker program here; where there is one, "
            f"`docker save -o {ARCHIVE} {' '.join(images)}`, and give --archive {ARCHIVE} instead",
        )
    archive = folder / ARCHIVE
    done = subprocess.run(  # nosec B603 # a list of arguments, and no shell
        [docker, "save", "--output", str(archive), *images],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it exited with {done.returncode}"]
        raise Failure(Exit.FAILED, f"cannot save {', '.join(images)}: docker says: {said[-1]}")
    return archive
