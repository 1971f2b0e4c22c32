"""Bundles as a vendor makes them: archives as `docker save` writes them, and `zpmctl patch build`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.integration.daemon import Daemon
from tests.lab.archives import archive

BASE = "appliance/service:1.1"
CHECKOUT = Path(__file__).resolve().parents[3]


def build(
    daemon: Daemon, folder: Path, id: str, services: Mapping[str, str], key: Path | None = None, padding: int = 0
) -> Path:
    """A bundle that brings each service to an image of its own, in an archive of its own. `padding` is bytes that
    nobody can make smaller, in a layer of each."""
    words = []
    for name, reference in services.items():
        content, _ = archive(daemon.engine, BASE, [reference], padding=padding)
        file = folder / f"{id}-{name}.tar"
        file.write_bytes(content)
        words += ["--archive", str(file)]
    manifest = folder / f"{id}.patch.yaml"
    moves = {name: {"image": reference} for name, reference in services.items()}
    manifest.write_text(json.dumps({"id": id, "services": moves}))
    out = folder / f"{id}.zpatch"
    words += ["-o", str(out), *(["--key", str(key)] if key else [])]
    command = [sys.executable, "-m", "zpmd.interfaces.ctl", "patch", "build", str(manifest), *words]
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env={**os.environ, "DOCKER_HOST": "unix:///nowhere"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out
