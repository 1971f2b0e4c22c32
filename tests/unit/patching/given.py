"""What the tests of patch files are given: archives as engines save them, and bundles, right ones and wrong ones."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zpmd.model.patch import Archive, Change, Manifest
from zpmd.patching import building, manifest, words

MANIFEST = Manifest(id="hotfix-1", tag="v2", services=(Change(service="zona_user"),))
REFERENCE = "zona/user:v2"
CONFIG = b'{"architecture":"amd64","os":"linux"}'
LAYER = b"what is in the layer" * 10
TarPart = tuple[str, bytes] | tarfile.TarInfo


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def image_id(content: bytes = CONFIG) -> str:
    return f"sha256:{digest(content)}"


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """A member without contents: a folder, a link, a device."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def tar(*parts: TarPart, form: int = tarfile.USTAR_FORMAT, end: bytes = b"\0" * 1024) -> bytes:
    """A tar archive of these members, which ends with two blocks of zeros as the engine's does."""
    content = b""
    for part in parts:
        info, body = (part, b"") if isinstance(part, tarfile.TarInfo) else (tarfile.TarInfo(part[0]), part[1])
        info.size = len(body) or info.size
        content += info.tobuf(form) + body + b"\0" * (-len(body) % 512)
    return content + end


def told(value: object) -> bytes:
    return json.dumps(value).encode()


def saved(*references: str, config: bytes = CONFIG, more: Iterable[TarPart] = (), **keys: Any) -> bytes:
    """What an engine 20.10 saves: one image under these references; `keys` are others in its manifest.json."""
    name = f"{digest(config)}.json"
    listed = {"Config": name, "RepoTags": list(references), "Layers": ["aa/layer.tar", "bb/layer.tar"]} | keys
    return tar(
        *(member("aa", tarfile.DIRTYPE), ("aa/VERSION", b"1.0"), ("aa/json", b"{}"), ("aa/layer.tar", LAYER)),
        *(member("bb", tarfile.DIRTYPE), member("bb/layer.tar", tarfile.SYMTYPE, "../aa/layer.tar")),
        *((name, config), ("manifest.json", told([listed])), ("repositories", b"{}")),
        *more,
    )


def index_of(named: Mapping[str, str]) -> dict[str, Any]:
    """An index.json with descriptors of `named`: by image name, the digest."""
    return {
        "schemaVersion": 2,
        "manifests": [
            {
                "digest": found,
                "annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": "x"},
            }
            for name, found in named.items()
        ],
    }


def saved_as_oci(reference: str = REFERENCE, index: object = None, config: bytes = CONFIG) -> bytes:
    """What an engine 25 or newer saves: an OCI layout with a manifest.json over the same blobs."""
    image = told({"schemaVersion": 2, "config": {"digest": image_id(config)}})
    index = index if index is not None else index_of({f"docker.io/{reference}": image_id(image)})
    listed = {"Config": f"blobs/sha256/{digest(config)}", "RepoTags": [reference]}
    return tar(
        *((f"blobs/sha256/{digest(blob)}", blob) for blob in (config, image, LAYER)),
        ("index.json", told(index)),
        ("manifest.json", told([listed | {"Layers": [f"blobs/sha256/{digest(LAYER)}"]}])),
        ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
    )


def built(folder: Path, *archives: bytes, signature: bytes | None = None) -> tuple[Path, Manifest]:
    """A bundle that is right, of MANIFEST and these archives; its manifest."""
    paths = []
    for number, content in enumerate(archives or (saved(REFERENCE),)):
        paths.append(folder / f"image-{number}.tar")
        paths[-1].write_bytes(content)
    filled = building.build(
        MANIFEST, paths, folder / "hotfix.zpatch", None if signature is None else lambda _: signature
    )
    return folder / "hotfix.zpatch", filled


def zipped(members: Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip as Python makes it, patch.yaml first; a name may be there twice."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.writestr(words.MANIFEST, manifest.text(MANIFEST))
        for name, content in members:
            archive.writestr(name, content)
    return target.getvalue()


def listing(name: str, content: bytes) -> Archive:
    """What a manifest says of an archive, its images left out."""
    return Archive(file=name, size=len(content), sha256=digest(content))
