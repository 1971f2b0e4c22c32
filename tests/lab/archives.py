"""Archives of images as `docker save` writes them, and bundles with them, for tests of what loads them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tests.lab.engine import LabEngine


def archive(
    engine: LabEngine, base: str, references: Sequence[str], variant: str = "", padding: int = 0
) -> tuple[bytes, list[str]]:
    """An archive with an image for each reference, all made from `base` and none the same; their ids. Another `variant`
    is another image of the same name. `padding` is bytes that nobody can pack, in one more layer."""
    saved = b"".join(engine.client().get_image(base))
    buffer, manifest, ids = io.BytesIO(), [], []
    with tarfile.open(fileobj=io.BytesIO(saved)) as old, tarfile.open(fileobj=buffer, mode="w") as new:
        (told,) = json.loads(_content(old, "manifest.json"))
        config = json.loads(_content(old, told["Config"]))
        for layer in told["Layers"]:
            _add(new, layer, _content(old, layer))
        layers = list(told["Layers"])
        if padding:
            layers.append("padding/layer.tar")
            layer = _layer(os.urandom(padding))
            _add(new, layers[-1], layer)
            config["rootfs"]["diff_ids"].append(f"sha256:{hashlib.sha256(layer).hexdigest()}")
            config.pop("history", None)  # it would have to name the layer, too
        for reference in references:
            config["config"]["Labels"] = {"made-for": f"{reference} {variant}"}
            body = json.dumps(config).encode()
            digest = hashlib.sha256(body).hexdigest()
            _add(new, f"{digest}.json", body)
            manifest.append({"Config": f"{digest}.json", "RepoTags": [reference], "Layers": layers})
            ids.append(f"sha256:{digest}")
        _add(new, "manifest.json", json.dumps(manifest).encode())
    return buffer.getvalue(), ids


def of_one_layer(reference: str, layer: bytes) -> bytes:
    """An archive with one image whose file system is this layer (a tar)."""
    diff = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": diff}).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    told = [{"Config": name, "RepoTags": [reference], "Layers": ["layer/layer.tar"]}]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as new:
        _add(new, "layer/layer.tar", layer)
        _add(new, name, config)
        _add(new, "manifest.json", json.dumps(told).encode())
    return buffer.getvalue()


def bundle(path: Path, member: str, content: bytes) -> None:
    """A zip with nothing but one archive, as it is."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as made:
        made.writestr(member, content)


def _layer(content: bytes) -> bytes:
    """Of one file with this content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _add(tar, "padding", content)
    return buffer.getvalue()


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    """Of a member, through the links that the engine writes for layers that are the same."""
    file = tar.extractfile(name)
    assert file is not None, f"{name} is no file"
    return file.read()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
