"""Bundles: what is read of right ones, and every wrong one that anybody thought of refused."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.patching.given import MANIFEST, REFERENCE, built, listing, saved, zipped
from zpmd.model.patch import CarriedImage, Manifest
from zpmd.patching import manifest, zipstructure
from zpmd.patching.bundle import Bundle, Limits, open_member
from zpmd.patching.refusal import BadPatch

CENTRAL_EXTERNAL, CENTRAL_FLAGS, CENTRAL_METHOD = 38, 8, 10
LOCAL_FLAGS = 6


def opened(folder: Path, content: bytes, limits: Limits | None = None) -> Bundle:
    path = folder / "copy.zpatch"
    path.write_bytes(content)
    return Bundle(path, limits)


def refusal(folder: Path, content: bytes, limits: Limits | None = None) -> str:
    """Why a bundle cannot be opened."""
    with pytest.raises(BadPatch) as refused, opened(folder, content, limits):
        pass
    return str(refused.value)


def unchecked(bundle: Path, asked: Manifest, limits: Limits | None = None) -> str:
    """Why a bundle that opens is not what its manifest says."""
    with Bundle(bundle, limits) as given, pytest.raises(BadPatch) as refused:
        given.check(asked)
    return str(refused.value)


def info(name: str, mode: int = 0, **fields: object) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
    made.external_attr = mode << 16
    for key, value in fields.items():
        setattr(made, key, value)
    return made


# what is read


def test_a_bundle_is_its_manifest_its_signature_and_its_archives(tmp_path: Path) -> None:
    path, asked = built(tmp_path, saved(REFERENCE), signature=b"signed\n")
    with Bundle(path) as given:
        assert manifest.read(given.manifest, "patch.yaml") == (asked, ())
        assert (given.signature, given.archives) == (b"signed\n", ("images/image-0.tar",))
        read = 0

        def progress(size: int) -> None:
            nonlocal read
            read += size

        given.check(asked, progress)
        given.check_canonical()
    assert read == len(saved(REFERENCE))


def test_a_member_is_a_stream_that_outlives_the_bundle(tmp_path: Path) -> None:
    path, _ = built(tmp_path)
    with open_member(path, "images/image-0.tar") as stream:
        path.unlink()
        assert stream.read() == saved(REFERENCE)
    with pytest.raises(OSError, match="No such file"):
        open_member(path, "images/image-0.tar")


def test_what_reading_needs_is_given_back(tmp_path: Path) -> None:
    path, asked = built(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    with Bundle(path) as given:
        given.check(asked)
    assert refusal(tmp_path, b"no zip")
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("options", [("-0", "-X"), ("-0",), ("-9",), ("-fz",)], ids=" ".join)
def test_what_the_zip_program_makes_is_read_and_is_not_canonical(tmp_path: Path, options: tuple[str, ...]) -> None:
    built(tmp_path)
    subprocess.run(["unzip", "-q", "hotfix.zpatch", "-d", "out"], cwd=tmp_path, check=True)
    names = ("patch.yaml", "images/image-0.tar")
    subprocess.run(["zip", "-q", "-D", *options, "../again.zpatch", *names], cwd=tmp_path / "out", check=True)
    asked = manifest.read((tmp_path / "out/patch.yaml").read_bytes(), "p")[0]
    assert asked is not None
    with Bundle(tmp_path / "again.zpatch") as given:
        given.check(asked)
        with pytest.raises(BadPatch, match="make it with `zpmctl patch build`"):
            given.check_canonical()


# names and kinds

NAMES = [
    "../evil",
    "images/../../evil",
    "/etc/passwd",
    "images/../patch.yaml",
    "images\\evil",
    "C:\\evil",
    "images/a/b",
    "images/.hidden",
    "images/..",
    "images//a",
    "images/",
    "images",
    "./patch.yaml",
    "PATCH.YAML",
    "Patch.yaml.minisig",
    "patch.yml",
    "images/ü",
    "images/a b",
    "images/a\x1b[2J",
    "images/" + "a" * 201,
    "x",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_no_bundle_has_is_refused(tmp_path: Path, name: str) -> None:
    reason = refusal(tmp_path, zipped([(name, b"x")]))
    assert "may not be in a bundle" in reason or "is a folder" in reason or "malformed" in reason
    assert reason.isprintable()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("patch.yaml",), ("images/a.tar", "images/a.tar"), ("images/a.tar", "images/A.tar")])
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert "is there twice" in refusal(tmp_path, zipped([(name, b"x") for name in names]))


MODES = [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK]


@pytest.mark.parametrize("mode", MODES, ids=stat.filemode)
def test_what_is_no_regular_file_is_refused(tmp_path: Path, mode: int) -> None:
    content = zipped([(info("images/a.tar", mode | 0o777), b"/etc/passwd")])
    assert refusal(tmp_path, content) == "images/a.tar is not a regular file"


@pytest.mark.parametrize("bit", [0x10, 0x08])
def test_what_dos_calls_a_folder_is_refused(tmp_path: Path, bit: int) -> None:
    assert "is not a regular file" in refusal(tmp_path, zipped([(info("images/a.tar", external_attr=bit), b"x")]))


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (0x1, "is encrypted"),
        (0x40, "is encrypted"),
        (0x2000, "is encrypted"),
        (0x8, "as a stream"),
        (0x20, "in another way"),
    ],
)
def test_an_encrypted_or_streamed_member_is_refused(tmp_path: Path, flags: int, reason: str) -> None:
    content = bytearray(zipped([("images/a.tar", b"x")]))
    at = content.rindex(b"PK\x01\x02")
    content[at + CENTRAL_FLAGS : at + CENTRAL_FLAGS + 2] = struct.pack("<H", flags)
    assert reason in refusal(tmp_path, bytes(content))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_compression_is_refused(tmp_path: Path, method: int) -> None:
    assert f"is packed with method {method}: store it (zip -0)" in refusal(tmp_path, zipped([], method))


def test_a_comment_is_refused(tmp_path: Path) -> None:
    path, _ = built(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"hello"
    assert "a comment" in refusal(tmp_path, path.read_bytes())
    assert "has a comment" in refusal(tmp_path, zipped([(info("images/a.tar", comment=b"hello"), b"x")]))


@pytest.mark.parametrize("extra", [struct.pack("<2H5s", 0x7075, 5, b"\x01abcd"), b"abc", struct.pack("<2H", 0x5455, 9)])
def test_an_extra_field_that_could_be_another_name_is_refused(tmp_path: Path, extra: bytes) -> None:
    assert "extra field" in refusal(tmp_path, zipped([(info("images/a.tar", extra=extra), b"x")]))


# sizes


def test_a_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    """49 KB that unpack to 50 MB."""
    content = zipped([("images/a.tar", bytes(50_000_000))], zipfile.ZIP_DEFLATED)
    assert len(content) < 50_000
    assert refusal(tmp_path, content) == "images/a.tar unpacks to more than 100 times its size"


def test_a_bomb_that_lies_about_its_size_gives_no_more_than_it_says(tmp_path: Path) -> None:
    content = zipped([("images/a.tar", bytes(1_000_000))], zipfile.ZIP_DEFLATED)
    small = content.replace(struct.pack("<L", 1_000_000), struct.pack("<L", 1000))
    with (
        opened(tmp_path, small) as given,
        given.open("images/a.tar") as stream,
        pytest.raises(BadPatch, match="longer"),
    ):
        stream.read()


def test_too_much_is_refused(tmp_path: Path) -> None:
    content = zipped([(f"images/{n}.tar", b"x" * 100) for n in range(5)])
    cases = [
        (zipstructure.Limits(unpacked=500), "bytes are too many: 500 is the limit"),
        (zipstructure.Limits(members=5), "6 members are too many: 5 is the limit"),
        (zipstructure.Limits(manifest=10), "patch.yaml has"),
    ]
    for limits, reason in cases:
        assert reason in refusal(tmp_path, content, Limits(zip=limits))
    assert "patch.yaml.minisig has 20000" in refusal(tmp_path, zipped([("patch.yaml.minisig", b"x" * 20_000)]))


def test_a_bundle_without_a_manifest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        assert archive.namelist() == []
    assert refusal(tmp_path, path.read_bytes()) == "the zip is empty: it needs patch.yaml"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images/a.tar", b"x")
    assert refusal(tmp_path, path.read_bytes()) == "patch.yaml is missing"


# layout


def test_bytes_before_after_and_between_are_refused(tmp_path: Path) -> None:
    path, _ = built(tmp_path)
    content = path.read_bytes()
    second, directory = content.rindex(b"PK\x03\x04"), content.index(b"PK\x01\x02")
    for extended in (b"#!/bin/sh\n" + content, content + b"\0", content[:second] + b"\0" + content[second:]):
        assert refusal(tmp_path, extended)
    between = content[:directory] + b"\0" * 4 + content[directory:]
    moved = between[:-6] + struct.pack("<LH", directory + 4, 0)
    assert refusal(tmp_path, moved) == "there are bytes between the last member and the directory"


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """As in a bomb whose members all lie over one another."""
    content = zipped([("images/a.tar", b"x" * 1000), ("images/b.tar", b"x" * 1000)])
    last = content.rindex(b"PK\x01\x02")
    first = content.rindex(b"PK\x01\x02", 0, last)
    shared = content[: last + 42] + content[first + 42 : first + 46] + content[last + 46 :]
    assert "overlaps what is before it" in refusal(tmp_path, shared)


def test_a_local_header_that_says_something_else_is_refused(tmp_path: Path) -> None:
    content = zipped([("images/a.tar", b"x")])
    at = content.rindex(b"PK\x03\x04")
    for place in (*range(at, at + 4), at + 6, at + 8, *range(at + 14, at + 26), at + 30):
        changed = bytearray(content)
        changed[place] ^= 1
        assert refusal(tmp_path, bytes(changed)), place - at


@pytest.mark.parametrize("signature", [None, b"signed\n"], ids=["unsigned", "signed"])
def test_a_bundle_that_is_cut_off_anywhere_is_refused(tmp_path: Path, signature: bytes | None) -> None:
    path, _ = built(tmp_path, saved(REFERENCE, config=os.urandom(40_000)), signature=signature)
    content = path.read_bytes()
    for length in (*range(0, len(content), 4096), *range(len(content) - 300, len(content))):
        assert refusal(tmp_path, content[:length])


def test_zip64_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    built(tmp_path)
    subprocess.run(["zip", "-q", "-fz", "-0", "-D", "big.zpatch", "image-0.tar"], cwd=tmp_path, check=True)
    content = (tmp_path / "big.zpatch").read_bytes().replace(b"image-0.tar", b"images/a.tr")
    at = content.index(b"PK\x06\x06")
    assert refusal(tmp_path, content) == "patch.yaml is missing"
    for place in (*range(at, at + 12), *range(at + 16, at + 56), *range(at + 56, at + 76)):
        changed = bytearray(content)
        changed[place] ^= 1
        assert "patch.yaml" not in refusal(tmp_path, bytes(changed)), place - at


# what the manifest says


def test_an_archive_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    path, asked = built(tmp_path)
    assert unchecked(path, replace(asked, images=())) == "images/image-0.tar is not listed in patch.yaml"


def test_an_archive_that_is_missing_is_refused(tmp_path: Path) -> None:
    path, asked = built(tmp_path)
    gone = replace(asked.images[0], file="images/gone.tar")
    assert unchecked(path, replace(asked, images=(*asked.images, gone))) == "images/gone.tar is missing"


OTHER = "sha256:" + "0" * 64
CHANGES: list[tuple[Callable[[CarriedImage], dict[str, object]], str]] = [
    (lambda _: {"size": 1}, "bytes, and patch.yaml says 1"),
    (lambda _: {"sha256": "0" * 64}, "has another SHA-256 than patch.yaml says"),
    (
        lambda image: {"images": (image, CarriedImage(reference="x:1", ids=(OTHER,)))},
        "does not hold x:1, which patch.yaml",
    ),
    (lambda image: {"images": (replace(image, ids=(OTHER,)),)}, "images with other ids than patch.yaml says"),
    (lambda _: {"images": ()}, f"holds {REFERENCE}, which patch.yaml does not list"),
]


@pytest.mark.parametrize(("change", "reason"), CHANGES, ids=[reason for _, reason in CHANGES])
def test_an_archive_that_is_not_what_was_listed_is_refused(
    tmp_path: Path, change: Callable[[CarriedImage], dict[str, object]], reason: str
) -> None:
    path, asked = built(tmp_path)
    entry = asked.images[0]
    changed = replace(entry, **change(entry.images[0]))  # type: ignore[arg-type]
    assert reason in unchecked(path, replace(asked, images=(changed,)))


def test_an_archive_with_a_second_name_that_nobody_listed_is_refused(tmp_path: Path) -> None:
    _, asked = built(tmp_path)
    hidden = saved(REFERENCE, "zona/siem:v1")
    path = tmp_path / "other.zpatch"
    path.write_bytes(zipped([("images/image-0.tar", hidden)]))
    entry = replace(listing("images/image-0.tar", hidden), images=asked.images[0].images)
    reason = unchecked(path, replace(MANIFEST, images=(entry,)))
    assert reason == "images/image-0.tar holds zona/siem:v1, which patch.yaml does not list"


def test_what_is_wrong_inside_an_archive_is_told_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "other.zpatch"
    path.write_bytes(zipped([("images/a.tar", b"x" * 1024)]))
    listed = replace(MANIFEST, images=(listing("images/a.tar", b"x" * 1024),))
    assert unchecked(path, listed).startswith("images/a.tar: it is no tar archive")


def test_a_damaged_member_is_noticed_by_who_reads_it(tmp_path: Path) -> None:
    path, asked = built(tmp_path)
    content = bytearray(path.read_bytes())
    content[content.index(b"manifest.json") + 600] ^= 1
    path.write_bytes(content)
    assert unchecked(path, asked)
    with open_member(path, "images/image-0.tar") as stream, pytest.raises(BadPatch, match="its CRC differs"):
        stream.read()
