"""Loading an archive of a bundle into the engine, as a stream: it is as large as all the images in it.

Rules:
1. The zip is read piece by piece while it is sent, and its checksum proved at the end: bytes that went bad since the
   copy was made break the request off before the engine has seen the whole of it.
2. An error in the answer's stream is an error, though the status said 200. It lies with the archive, and lasts, unless
   it speaks of the disk or of the engine's own troubles.
3. The engine's word for it is no proof: afterwards every image has to be there, and be what the archive holds. Which id
   that is depends on the engine: of the image's config with its own store, of its manifest with containerd's.
"""

from __future__ import annotations

import contextlib
import itertools
import zipfile
import zlib
from collections.abc import Callable, Generator
from urllib.parse import quote

import requests

from zpmd.engines.dockerd import reading
from zpmd.engines.dockerd.faults import Answered, Told, one_line
from zpmd.engines.dockerd.pulls import MEGABYTE, items
from zpmd.engines.dockerd.wire import Wire
from zpmd.model.action import LoadImages
from zpmd.model.events import Result
from zpmd.model.patch import CarriedImage

IDLE_SECONDS = 300.0
"""An engine that neither takes nor says anything for so long has died on us; unpacking a layer is told as it goes."""
PIECE_BYTES = 1024 * 1024

_UNREADABLE = (OSError, zipfile.BadZipFile, EOFError, KeyError, RuntimeError, zlib.error)
"""What reading a member of a zip raises: RuntimeError where it is encrypted, or packed as Python cannot read it."""
_NO_SPACE = ("no space left", "disk quota exceeded")
_PASSING = (*_NO_SPACE, "timeout", "timed out", "connection refused", "try again", "too many open files", "unavailable",
            "cannot allocate memory", "input/output error", "context canceled", "is closing")  # fmt: skip
_CONTAINERD = ["driver-type", "io.containerd.snapshotter.v1"]
"""In the DriverStatus of an engine whose images are containerd's, so that their ids are of manifests."""


def load(wire: Wire, action: LoadImages, progress: Callable[[str], None]) -> None:
    """Returns when every image is there. Raises Told, Answered and what the wire raises."""
    try:
        with contextlib.closing(_pieces(action, progress)) as pieces:
            first = next(pieces, b"")  # a copy that cannot be read is told before anything is sent
            body = itertools.chain((first,), pieces)
            with wire.upload("/images/load", {"quiet": "0"}, body, IDLE_SECONDS) as response:
                _follow(response, action, progress)
    except Answered as error:
        if any(mark in error.message.lower() for mark in _NO_SPACE):
            raise _refused(action, error.message) from error
        raise
    by_manifest = _names_by_manifest(wire)
    for image in action.images:
        _prove(wire, action, image, by_manifest)


def _pieces(action: LoadImages, progress: Callable[[str], None]) -> Generator[bytes]:
    """The archive, and progress while it is taken. Raises Told where the copy cannot be read."""
    try:
        with zipfile.ZipFile(action.bundle) as bundle, bundle.open(action.member) as member:
            total, sent = bundle.getinfo(action.member).file_size, 0
            while piece := member.read(PIECE_BYTES):
                yield piece
                sent += len(piece)
                progress(f"loading {sent // MEGABYTE}/{total // MEGABYTE} MB")
    except _UNREADABLE as error:
        text = f"cannot load {action.member}: its copy {action.bundle} cannot be read: {error}"
        raise Told(Result.PERMANENT, text) from error


def _follow(response: requests.Response, action: LoadImages, progress: Callable[[str], None]) -> None:
    layers: set[str] = set()
    for item in items(response):
        if "error" in item or "errorDetail" in item:
            raise _refused(action, str(item.get("error") or (item["errorDetail"] or {}).get("message")))
        layer = str(item.get("id") or "")
        if layer and layer not in layers:
            layers.add(layer)
            progress(f"unpacking layer {len(layers)}")


def _refused(action: LoadImages, message: str) -> Told:
    passing = any(mark in message.lower() for mark in _PASSING)
    text = one_line(f"cannot load {action.member}: {message}")
    return Told(Result.TRANSIENT if passing else Result.PERMANENT, text)


def _names_by_manifest(wire: Wire) -> bool:
    info = reading.mapping(wire.get("/info"), "info")
    return _CONTAINERD in (info.get("DriverStatus") or ())


def _prove(wire: Wire, action: LoadImages, image: CarriedImage, by_manifest: bool) -> None:
    try:
        found = wire.get(f"/images/{quote(image.reference, safe='/:@')}/json")
    except Answered as error:
        if error.status != 404:
            raise
        text = f"cannot load {action.member}: {image.reference} is not in it, though the engine took it"
        raise Told(Result.PERMANENT, text) from error
    told = reading.text(reading.mapping(found, "image"), "Id")
    # where the id of the config alone is known, it says nothing about that of a manifest
    comparable = image.ids and not (by_manifest and len(image.ids) == 1)
    if comparable and told not in image.ids:
        raise Told(Result.PERMANENT, f"{image.reference} is {told} on the engine: it is not what the archive holds")
