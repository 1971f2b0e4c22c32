"""Bundles made: always the same bytes, nothing half written, and no byte of a signed one that could be another."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.unit.patching.given import CONFIG, MANIFEST, REFERENCE, built, digest, member, saved, saved_as_oci, tar, told
from zpmd.model.patch import Manifest
from zpmd.patching import building, manifest, minisign, words, zipformat
from zpmd.patching.bundle import Bundle
from zpmd.patching.keys import Keyring
from zpmd.patching.minisign import SecretKey
from zpmd.patching.refusal import BadPatch
from zpmd.patching.zipformat import Entry

GIGABYTE = 2**30
CONFIG_NAME = f"{digest(CONFIG)}.json"
LISTED = {"Config": CONFIG_NAME, "RepoTags": [REFERENCE], "Layers": []}


def signed(folder: Path, key: SecretKey) -> Path:
    """A small bundle with a real signature."""
    archive = folder / "zona_user.tar"
    archive.write_bytes(tar((CONFIG_NAME, CONFIG), ("manifest.json", told([LISTED]))))
    out = folder / "hotfix.zpatch"
    trusted, untrusted = minisign.comments("hotfix-1", words.MANIFEST, 1_800_000_000)
    building.build(MANIFEST, [archive], out, lambda text: minisign.sign(key, text, trusted, untrusted))
    return out


def accepted(path: Path, keyring: Keyring) -> Manifest:
    """As a signed bundle is judged. Raises BadPatch."""
    with Bundle(path) as given:
        keyring.check(given.manifest, given.signature)
        given.check_canonical()
        found, problems = manifest.read(given.manifest, words.MANIFEST)
        if found is None:
            raise BadPatch(str(problems[0]))
        given.check(found)
    return found


def test_the_same_members_give_the_same_bytes(tmp_path: Path) -> None:
    """The digest is part of the format: a release that changes it cannot check the bundles of the one before it."""
    first, _ = built(tmp_path, saved(REFERENCE), saved_as_oci("zona/siem:v1"), signature=b"signed\n")
    content = first.read_bytes()
    os.utime(tmp_path / "image-0.tar", (1, 1))
    second, _ = built(tmp_path, saved(REFERENCE), saved_as_oci("zona/siem:v1"), signature=b"signed\n")
    assert second.read_bytes() == content
    assert hashlib.sha256(content).hexdigest() == "f254b698fa882ba61283b184ed7444f65035ddeb3300cc821403e0a4bf53f288"


def test_other_programs_read_what_was_built(tmp_path: Path) -> None:
    path, _ = built(tmp_path, signature=b"signed\n")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["patch.yaml", "patch.yaml.minisig", "images/image-0.tar"]
        assert {item.compress_type for item in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {item.external_attr >> 16 for item in archive.infolist()} == {0o100644}


def test_the_manifest_is_filled_in_from_the_archives(tmp_path: Path) -> None:
    path, asked = built(tmp_path, gzip.compress(saved(REFERENCE, "zona/user:stable")))
    entry = asked.images[0]
    assert (entry.file, entry.size) == ("images/image-0.tar", (tmp_path / "image-0.tar").stat().st_size)
    assert [image.reference for image in entry.images] == ["zona/user:stable", REFERENCE]
    with Bundle(path) as given:
        assert given.manifest == manifest.text(asked)


def test_a_signature_is_put_into_a_bundle_afterwards(tmp_path: Path) -> None:
    path, _ = built(tmp_path)
    building.with_signature(path, b"first\n", path)
    building.with_signature(path, b"second\n", tmp_path / "other.zpatch")
    assert (tmp_path / "other.zpatch").read_bytes() == built(tmp_path, signature=b"second\n")[0].read_bytes()


def test_what_cannot_be_built_leaves_nothing_behind(tmp_path: Path) -> None:
    path, _ = built(tmp_path)
    before, names = path.read_bytes(), set(os.listdir(tmp_path)) | {"a b.tar", "bad.tar"}
    (tmp_path / "bad.tar").write_bytes(tar(member("../evil")))
    (tmp_path / "a b.tar").write_bytes(saved(REFERENCE))
    with pytest.raises(BadPatch, match=r"^bad.tar: '../evil' is not a plain path"):
        building.build(MANIFEST, [tmp_path / "bad.tar"], path)
    with pytest.raises(BadPatch, match=r"^'a b.tar' is not a plain name"):
        building.build(MANIFEST, [tmp_path / "a b.tar"], path)
    with pytest.raises(BadPatch, match="the reference is there twice"):
        building.build(MANIFEST, [tmp_path / "image-0.tar", _copied(tmp_path / "image-0.tar", "c.tar")], path)
    with pytest.raises(OSError, match="No such file"):
        building.build(MANIFEST, [tmp_path / "gone.tar"], path)
    assert path.read_bytes() == before
    assert set(os.listdir(tmp_path)) == names | {"c.tar"}


def test_an_archive_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path, _ = built(tmp_path)
    before = path.read_bytes()
    archive = tmp_path / "image-0.tar"
    _, source = building.describe(archive)
    archive.write_bytes(saved(REFERENCE)[:-1] + b"x")
    with pytest.raises(BadPatch, match="changed while it was read"):
        building.write(path, b"id: a\n", None, [source])
    assert path.read_bytes() == before
    assert [name for name in os.listdir(tmp_path) if name.endswith(".part")] == []


def test_memory_does_not_grow_with_the_archives(tmp_path: Path) -> None:
    archive = tmp_path / "large.tar"
    listed = ("manifest.json", told([LISTED | {"Layers": ["layer.tar"]}]))
    archive.write_bytes(tar((CONFIG_NAME, CONFIG), ("layer.tar", bytes(64 * 1024**2)), listed))
    tracemalloc.start()
    try:
        asked = building.build(MANIFEST, [archive], tmp_path / "large.zpatch")
        with Bundle(tmp_path / "large.zpatch") as given:
            given.check(asked)
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024**2
    finally:
        tracemalloc.stop()


# zip64


def test_numbers_that_do_not_fit_are_written_as_zip64_has_them() -> None:
    small = Entry("images/a", 5, 1, 7)
    assert len(zipformat.local(small)) == 30 + 8
    large = Entry("images/a", 5 * GIGABYTE, 1, 6 * GIGABYTE)
    assert zipformat.local(large)[-20:] == struct.pack("<2H2Q", 1, 16, 5 * GIGABYTE, 5 * GIGABYTE)
    assert zipformat.central(large)[-28:] == struct.pack("<2H3Q", 1, 24, 5 * GIGABYTE, 5 * GIGABYTE, 6 * GIGABYTE)
    far = Entry("images/a", 5, 1, 2**32 - 1)
    assert zipformat.central(far)[-12:] == struct.pack("<2HQ", 1, 8, 2**32 - 1)
    assert len(zipformat.end(3, 2**32 - 2, 100)) == 22
    assert len(zipformat.end(3, 2**32 - 1, 100)) == 22 + 56 + 20


def test_a_bundle_of_gigabytes_is_laid_out_as_others_read_it(tmp_path: Path) -> None:
    """A file with holes: only what stands around the members is written."""
    text = manifest.text(MANIFEST)
    members = [
        (words.MANIFEST, len(text), zlib.crc32(text)),
        ("images/a.tar", 5 * GIGABYTE, 1),
        ("images/b.tar", 10, 2),
    ]
    entries, start = zipformat.laid_out(members)
    path = tmp_path / "large.zpatch"
    with path.open("wb") as target:
        for entry in entries:
            target.seek(entry.offset)
            target.write(zipformat.local(entry))
            if entry.name == words.MANIFEST:
                target.write(text)
        target.seek(start)
        target.write(zipformat.tail(entries, start))
    with Bundle(path) as given:
        given.check_canonical()
        assert [member.size for member in given.members] == [len(text), 5 * GIGABYTE, 10]
    with zipfile.ZipFile(path) as archive:
        assert [item.file_size for item in archive.infolist()] == [len(text), 5 * GIGABYTE, 10]


# every byte counts


def test_every_byte_of_a_signed_bundle_counts(tmp_path: Path, key: SecretKey) -> None:
    path = signed(tmp_path, key)
    keyring = Keyring(folder=tmp_path, required=True, keys=MappingProxyType({key.id: key.public}))
    assert accepted(path, keyring).id == "hotfix-1"
    content = bytearray(path.read_bytes())
    taken = []
    inside = range(
        content.index(CONFIG_NAME.encode(), content.index(b"images/zona") + 20), content.index(b"PK\x01\x02")
    )
    with path.open("r+b", buffering=0) as target:
        for at, byte in enumerate(content):
            # A bit, the case of a letter, all bits; of the archive, for which its digest vouches, one bit.
            for flip in (0x01,) if at in inside else (0x01, 0x20, 0xFF):
                os.pwrite(target.fileno(), bytes([byte ^ flip]), at)
                try:
                    accepted(path, keyring)
                    taken.append((at, flip))
                except BadPatch:
                    continue
            os.pwrite(target.fileno(), bytes([byte]), at)
    assert taken == []
    assert accepted(path, keyring).id == "hotfix-1"


def test_no_byte_can_be_put_in_or_left_out(tmp_path: Path, key: SecretKey) -> None:
    path = signed(tmp_path, key)
    keyring = Keyring(folder=tmp_path, required=True, keys=MappingProxyType({key.id: key.public}))
    content = path.read_bytes()
    places = (*range(0, len(content), 97), *range(len(content) - 250, len(content) + 1))
    for at in places:
        for changed in (content[:at] + b"\0" + content[at:], content[:at] + content[at + 1 :]):
            if changed != content:
                path.write_bytes(changed)
                with pytest.raises(BadPatch):
                    accepted(path, keyring)


def test_a_signed_bundle_in_another_order_is_refused(tmp_path: Path, key: SecretKey) -> None:
    path = signed(tmp_path, key)
    with Bundle(path) as given, zipfile.ZipFile(tmp_path / "other.zpatch", "w") as other:
        for name in reversed(given.names):
            with given.open(name) as stream:
                other.writestr(name, stream.read())
    with Bundle(tmp_path / "other.zpatch") as given, pytest.raises(BadPatch, match="not in order"):
        given.check_canonical()


def _copied(path: Path, name: str) -> Path:
    copy = path.with_name(name)
    copy.write_bytes(path.read_bytes())
    return copy
