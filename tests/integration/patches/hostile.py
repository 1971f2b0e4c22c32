"""What nobody should drop, with the words by which each is refused. Makers write at the path that they are given."""

from __future__ import annotations

import gzip
import json
import os
import socket
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.unit.patching.given import REFERENCE, image_id, listing, member, saved, tar, told
from zpmd.model.patch import CarriedImage, Change, Manifest
from zpmd.patching import manifest, words

SERVICE = "web"
"""A service that is there: nothing below is refused for want of one, unless it says so."""
GOOD = json.dumps({"id": "trojan", "services": [SERVICE], "restart_only": True}).encode()
LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
TEN_MIB = 10 << 20


Maker = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Hostile:
    """A file of this name is refused with a reason that has `says` in it."""

    name: str
    says: str
    make: Maker


def writes(content: bytes) -> Maker:
    return lambda path: path.write_bytes(content)


def asks(**fields: Any) -> Maker:
    """A manifest that restarts a service, and these keys besides."""
    return writes(json.dumps({"id": "trojan", "services": [SERVICE], "restart_only": True} | fields).encode())


# what is no file


def unix_socket(path: Path) -> None:
    before = os.getcwd()
    os.chdir(path.parent)  # such a path may have 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def link_to_a_patch(path: Path) -> None:
    """What it leads to would be taken, was it in the folder itself."""
    target = path.parent / "elsewhere.yaml"
    target.write_bytes(GOOD)
    path.symlink_to(target)


def folder(path: Path) -> None:
    path.mkdir()
    (path / "patch.yaml").write_bytes(GOOD)


NO_FILES = [
    Hostile("fifo.patch.yaml", "it is a FIFO", os.mkfifo),
    Hostile("fifo.zpatch", "it is a FIFO", os.mkfifo),
    Hostile("link.patch.yaml", "it is a symbolic link", link_to_a_patch),
    Hostile("loop.patch.yaml", "it is a symbolic link", lambda path: path.symlink_to("loop.patch.yaml")),
    Hostile("shadow.zpatch", "it is a symbolic link", lambda path: path.symlink_to("/etc/shadow")),
    Hostile("socket.zpatch", "it is a socket", unix_socket),
    Hostile("folder.zpatch", "it is a folder", folder),
    Hostile("zero.patch.yaml", "it is a device", lambda p: os.mknod(p, stat.S_IFCHR | 0o600, os.makedev(1, 5))),
    Hostile("large.zpatch", "is the limit: raise `patches.max_bytes`", lambda p: (p.touch(), os.truncate(p, 1 << 35))),
    Hostile("large.patch.yaml", "is the limit", writes(GOOD + b" " * (2 << 20))),
    Hostile("\x1b[2Jcleared.patch.yaml", "its name is to be printable", writes(GOOD)),
    Hostile("\u202elmay.hctap.patch.yaml", "its name is to be printable", writes(GOOD)),
    Hostile("bytes-\udcff\udcfe.patch.yaml", "its name is to be printable", writes(GOOD)),
]

# manifests

LAUGHS = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b", ".join([b"*%c" % (97 + n)] * 9)) for n in range(12)
)
"""A few hundred bytes that are 9 to the power of 13 words."""

MANIFESTS = [
    Hostile("binary.patch.yaml", "", writes(b"\x7fELF\0\0\xff\xfe")),
    Hostile("laughs.patch.yaml", "", writes(LAUGHS)),
    Hostile("deep.patch.json", "", writes(b"[" * 100_000)),
    Hostile("object.patch.yaml", "", writes(b"!!python/object/apply:os.system ['touch /tmp/owned']\n")),
    Hostile("twice.patch.yaml", "", writes(b"id: a\nid: b\nservices: [web]\nrestart_only: true\n")),
    Hostile("two.patch.yaml", "", writes(GOOD + b"\n---\n" + GOOD)),
    Hostile("unknown-key.patch.yaml", "servicez", asks(servicez=["db"])),
    Hostile("id.patch.yaml", "'../../etc/passwd' will not do", asks(id="../../etc/passwd")),
    Hostile("image.patch.yaml", "", asks(restart_only=False, services={SERVICE: {"image": "--privileged"}})),
    Hostile("screen.patch.yaml", "U+001B is not for people", asks(description="all is well\x1b[2J\x1b]0;owned\x07")),
    Hostile("mirror.patch.yaml", "U+202E is not for people", asks(description="fix\u202egnp.exe")),
    Hostile("archives.patch.yaml", "", asks(images=[{"file": "images/a.tar", "size": 1, "sha256": "0" * 64}])),
    Hostile("nobody.patch.yaml", "there is no service wbe here: did you mean web?", asks(services=["wbe"])),
    Hostile("secret.patch.yaml", "there is no service", asks(services=["none"], description="password=hunter2-x")),
    Hostile("password=hunter2-y.patch.yaml", "there is no service", asks(services=["none"])),
    Hostile("empty-group.patch.yaml", "group app has no service here", asks(groups=["app"])),
]

# bundles

FILLED = Manifest(id="trojan", services=(Change(service=SERVICE, image=REFERENCE),))


def zipped(members: Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_STORED) -> Maker:
    """A zip with a manifest that is right, and these members."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", method) as made:
            made.writestr(words.MANIFEST, manifest.text(FILLED))
            for name, content in members:
                made.writestr(name, content)

    return make


def carrying(*archives: bytes, listed: bool = True) -> Maker:
    """A bundle whose manifest lists these archives as they are, and says that each has the one image."""
    named = [(f"images/{number}.tar", content) for number, content in enumerate(archives)]
    images = (CarriedImage(reference=REFERENCE, ids=(image_id(),)),)
    entries = tuple(replace(listing(name, content), images=images) for name, content in named) if listed else ()
    text = manifest.text(replace(FILLED, images=entries))

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as made:
            for name, content in [(words.MANIFEST, text), *named]:
                made.writestr(name, content)

    return make


def changed(make: Maker, change: Callable[[bytes], bytes]) -> Maker:
    def make_changed(path: Path) -> None:
        make(path)
        path.write_bytes(change(path.read_bytes()))

    return make_changed


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
    made.external_attr = mode << 16
    return made


def shared(content: bytes) -> bytes:
    """The last member lies where the one before it lies."""
    last = content.rindex(CENTRAL)
    before = content.rindex(CENTRAL, 0, last)
    return content[: last + 42] + content[before + 42 : before + 46] + content[last + 46 :]


def encrypted(content: bytes) -> bytes:
    at = content.rindex(CENTRAL) + 8
    return content[:at] + struct.pack("<H", 1) + content[at + 2 :]


def inner(name: str, kind: bytes, target: str = "") -> bytes:
    return saved(REFERENCE, more=[member(name, kind, target)])


ONE = [("images/a.tar", b"x" * 1000)]
BOMB = zipped([("images/a.tar", bytes(5 * TEN_MIB))], zipfile.ZIP_DEFLATED)
LIAR = changed(
    zipped([("images/a.tar", bytes(1_000_000))], zipfile.ZIP_DEFLATED),
    lambda content: content.replace(struct.pack("<L", 1_000_000), struct.pack("<L", 1000)),
)

BUNDLES = [
    Hostile("script.zpatch", "it is no zip", writes(b"#!/bin/sh\nrm -rf /\n")),
    Hostile("before.zpatch", "", changed(carrying(saved(REFERENCE)), lambda content: b"MZ" + content)),
    Hostile("slip.zpatch", "may not be in a bundle", zipped([("../../../etc/cron.d/owned", b"x")])),
    Hostile("slip-inside.zpatch", "may not be in a bundle", zipped([("images/../../owned", b"x")])),
    Hostile("absolute.zpatch", "may not be in a bundle", zipped([("/etc/cron.d/owned", b"x")])),
    Hostile("screen.zpatch", "may not be in a bundle", zipped([("images/\x1b[2J", b"x")])),
    Hostile("link.zpatch", "is not a regular file", zipped([(entry("images/a.tar", stat.S_IFLNK), b"/etc/shadow")])),
    Hostile("device.zpatch", "is not a regular file", zipped([(entry("images/a.tar", stat.S_IFBLK), b"")])),
    Hostile("twice.zpatch", "is there twice", zipped(ONE * 2)),
    Hostile("manifest-twice.zpatch", "is there twice", zipped([(words.MANIFEST, GOOD)])),
    Hostile("case.zpatch", "is there twice", zipped([*ONE, ("images/A.tar", b"x")])),
    Hostile("shared.zpatch", "overlaps", changed(zipped([*ONE, ("images/b.tar", b"x" * 1000)]), shared)),
    Hostile("encrypted.zpatch", "is encrypted", changed(zipped(ONE), encrypted)),
    Hostile("bomb.zpatch", "unpacks to more than 100 times its size", BOMB),
    Hostile("liar.zpatch", "", LIAR),
    Hostile("many.zpatch", "members are too many", zipped((f"images/{n}.tar", b"") for n in range(2000))),
    Hostile("unlisted.zpatch", "is not listed", carrying(saved(REFERENCE), listed=False)),
    Hostile("tar-slip.zpatch", "is not a plain path", carrying(saved(REFERENCE, more=[("../../owned", b"x")]))),
    Hostile("tar-hard-link.zpatch", "a hard link", carrying(inner("a", tarfile.LNKTYPE, "/etc/shadow"))),
    Hostile("tar-device.zpatch", "a device", carrying(inner("sda", tarfile.BLKTYPE))),
    Hostile("tar-fifo.zpatch", "", carrying(inner("fifo", tarfile.FIFOTYPE))),
    Hostile("tar-link.zpatch", "", carrying(inner("a", tarfile.SYMTYPE, "../../../etc/shadow"))),
    Hostile("tar-twice.zpatch", "is there twice", carrying(saved(REFERENCE, more=[("manifest.json", told([]))]))),
    Hostile("tar-bomb.zpatch", "", carrying(gzip.compress(tar(("a", bytes(20 * TEN_MIB)))))),
    Hostile("stowaway.zpatch", "which patch.yaml does not list", carrying(saved(REFERENCE, "appliance/service:1.0"))),
]
