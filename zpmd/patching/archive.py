"""What one `docker save` archive holds, found by reading it as a stream, without extracting anything.

Engine 20.10 writes `manifest.json`, configs named by their digest, and a folder for each layer with a link in place of
a layer that is there already; newer ones write the same manifest over an OCI layout, whose `index.json` is what an
engine on containerd's store reads. Here all names that any of them would load are found, and must be names that
somebody gave: an image without a name, or one that only one of the two lists mentions, is refused.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from zpmd.engines.references import familiar
from zpmd.model.patch import CarriedImage
from zpmd.patching import words
from zpmd.patching.gunzip import Unpacked
from zpmd.patching.refusal import BadPatch
from zpmd.patching.tarstream import FILE, LINK, Readable, TarMember, TarStream
from zpmd.sources.nodes import shortened

MANIFEST, INDEX, LAYOUT = "manifest.json", "index.json", "oci-layout"
MAX_JSON = 1024 * 1024
"""Bytes of each of these."""
MAX_CONFIG = 8 * 1024 * 1024
"""Files up to here are hashed whatever they are called: an image's config is among them."""
BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
NAMED_BY_DIGEST = re.compile(r"(?:blobs/sha256/|sha256:)?([0-9a-f]{64})(?:\.json)?")

NAME_ANNOTATIONS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
"""Where containerd looks for an image's name, the first that is there."""
KEYS = ("Config", "RepoTags", "Layers", "manifests", "annotations", "digest", *NAME_ANNOTATIONS)
FOLDED = {key.casefold(): key for key in KEYS}


@dataclass(frozen=True, slots=True)
class Limits:
    """`unpacked`: bytes of an archive once gzip has unpacked it; `ratio`: to its packed size."""

    unpacked: int = 20_000_000_000
    members: int = 50_000
    ratio: int = 100


@dataclass
class Contents:
    """What was seen while the archive went by. `digests` are of files that may be configs, or are blobs."""

    kinds: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)


def images(stream: Readable, limits: Limits) -> tuple[CarriedImage, ...]:
    """The images of an archive by reference, in order. The stream is read to its end. Raises BadPatch."""
    contents = Contents()
    tar = TarStream(Unpacked(stream, limits.unpacked, limits.ratio), limits.members)
    for member in tar:
        _seen(contents, tar, member)
    _check_tree(contents)
    carried = _listed(contents)
    _check_index(contents, carried)
    return tuple(CarriedImage(reference=name, ids=tuple(sorted(ids))) for name, ids in sorted(carried.items()))


def _seen(contents: Contents, tar: TarStream, member: TarMember) -> None:
    name = member.name
    if name in contents.kinds:
        raise BadPatch(f"{shortened(name)!r} is there twice")
    contents.kinds[name] = member.kind
    if member.kind == LINK:
        contents.links[name] = member.target
    if member.kind != FILE:
        return
    if name in (MANIFEST, INDEX, LAYOUT):
        if member.size > MAX_JSON:
            raise BadPatch(f"{name} has {member.size} bytes, and may have {MAX_JSON}")
        contents.texts[name] = tar.content()
    elif member.size <= MAX_CONFIG or BLOB.fullmatch(name):
        digest = hashlib.sha256()
        for piece in tar.pieces():
            digest.update(piece)
        contents.digests[name] = digest.hexdigest()
        if (blob := BLOB.fullmatch(name)) and blob[1] != contents.digests[name]:
            raise BadPatch(f"{name} is damaged: its contents have another digest")


def _check_tree(contents: Contents) -> None:
    """Nothing lies below a file or a link, and every link leads to a file of the archive."""
    for name in contents.kinds:
        parent = posixpath.dirname(name)
        while parent:
            if contents.kinds.get(parent) in (FILE, LINK):
                raise BadPatch(f"{shortened(name)!r} lies below what is no folder")
            parent = posixpath.dirname(parent)
    for name, target in contents.links.items():
        if not _is_file(contents, posixpath.normpath(posixpath.join(posixpath.dirname(name), target))):
            raise BadPatch(f"the link {shortened(name)!r} leads to {shortened(target)!r}, which is no file in here")


def _is_file(contents: Contents, name: str) -> bool:
    return contents.kinds.get(name) == FILE


def _listed(contents: Contents) -> dict[str, set[str]]:
    """References of `manifest.json` and the ids of their configs."""
    if MANIFEST not in contents.texts:
        raise BadPatch(f"there is no {MANIFEST}: make the archive with `docker save NAME:TAG`")
    carried: dict[str, set[str]] = {}
    for item in _objects(_json(contents, MANIFEST), MANIFEST):
        config, tags, layers = item.get("Config"), item.get("RepoTags"), item.get("Layers")
        if not isinstance(config, str) or not _texts(layers or []):
            raise BadPatch(f"{MANIFEST} is malformed")
        if not tags or not _texts(tags):
            raise BadPatch("an image has no name: save it by NAME:TAG, not by its id")
        image_id = _config_id(contents, config)
        for layer in layers or []:
            if contents.kinds.get(layer.removeprefix("./")) not in (FILE, LINK):
                raise BadPatch(f"layer {shortened(layer)!r} is missing")
        for tag in tags:
            name = _reference(tag)
            if name in carried:
                raise BadPatch(f"{name} is there twice")
            carried[name] = {image_id}
    if not carried:
        raise BadPatch("it holds no image")
    return carried


def _config_id(contents: Contents, config: str) -> str:
    """The id by which an engine will know the image: the digest of its config."""
    found = contents.digests.get(config.removeprefix("./"))
    if found is None:
        raise BadPatch(f"the config {shortened(config)!r} is missing, or too large")
    named = NAMED_BY_DIGEST.fullmatch(config.removeprefix("./"))
    if named and named[1] != found:
        raise BadPatch(f"the config {shortened(config)!r} is damaged: its contents have another digest")
    return f"sha256:{found}"


def _check_index(contents: Contents, carried: dict[str, set[str]]) -> None:
    """Adds the ids that `index.json` has for the references. It must have exactly the same ones."""
    if INDEX not in contents.texts:
        if LAYOUT in contents.kinds or INDEX in contents.kinds:
            raise BadPatch(f"{LAYOUT} is there, and no {INDEX}")
        return
    index = _json(contents, INDEX)
    named: set[str] = set()
    for item in _objects(index.get("manifests") if isinstance(index, dict) else None, INDEX):
        digest, annotations = item.get("digest"), item.get("annotations")
        if not isinstance(digest, str) or not words.DIGEST.fullmatch(digest):
            raise BadPatch(f"{INDEX} is malformed")
        if f"blobs/sha256/{digest.removeprefix('sha256:')}" not in contents.digests:
            raise BadPatch(f"{digest}, which {INDEX} lists, is missing")
        name = _annotated(annotations)
        if name not in carried:
            raise BadPatch(f"{INDEX} has an image {name}, which {MANIFEST} does not have")
        named.add(name)
        carried[name].add(digest)
    if missing := sorted(set(carried) - named):
        raise BadPatch(f"{MANIFEST} has an image {missing[0]}, which {INDEX} does not have")


def _annotated(annotations: object) -> str:
    """The name of an image in `index.json`."""
    if isinstance(annotations, dict):
        for key in NAME_ANNOTATIONS:
            if key in annotations:
                return _reference(annotations[key])
    raise BadPatch(f"{INDEX} has an image without a name: save it by NAME:TAG, not by its id")


def _reference(tag: object) -> str:
    name = familiar(tag) if isinstance(tag, str) else ""
    if not words.is_reference(name):
        raise BadPatch(f"{shortened(str(tag))!r} is not the name of an image")
    return name


def _json(contents: Contents, name: str) -> Any:
    try:
        return json.loads(contents.texts[name], object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError) as error:
        raise BadPatch(f"{name} is not JSON") from error


def _unambiguous(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    """An object that Go reads in the same way: there, keys match whatever their case, and the last one counts."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found or FOLDED.get(key.casefold(), key) != key:
            raise BadPatch(f"the key {shortened(key)!r} is there twice, or in another case")
        found[key] = value
    return found


def _objects(value: object, name: str) -> Iterator[Mapping[str, Any]]:
    """The elements of a list of objects."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadPatch(f"{name} is malformed")
    yield from value


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
