"""Bundles as a vendor makes them: archives as `docker save` writes them, and `zpmctl patch build`."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
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
        content, _ = archive(daemon.engine, BASE, [reference])
        file = folder / f"{id}-{name}.tar"
        file.write_bytes(padded(content, padding) if padding else content)
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


def padded(content: bytes, size: int) -> bytes:
    """The archive with one more layer, in which a file of so many bytes is."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        _add(tar, "padding", os.urandom(size))
    name = "padding/layer.tar"
    result = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(content)) as old, tarfile.open(fileobj=result, mode="w") as new:
        (told,) = json.loads(_content(old, "manifest.json"))
        config = json.loads(_content(old, told["Config"]))
        config["rootfs"]["diff_ids"].append(f"sha256:{hashlib.sha256(layer.getvalue()).hexdigest()}")
        config.pop("history", None)
        body = json.dumps(config).encode()
        for one in told["Layers"]:
            _add(new, one, _content(old, one))
        _add(new, name, layer.getvalue())
        told |= {"Config": f"{hashlib.sha256(body).hexdigest()}.json", "Layers": [*told["Layers"], name]}
        _add(new, told["Config"], body)
        _add(new, "manifest.json", json.dumps([told]).encode())
    return result.getvalue()


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None, name
    return file.read()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
