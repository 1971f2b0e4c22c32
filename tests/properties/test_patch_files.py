"""Patch files: what is written is read again as it was, and no header of a zip or tar takes a reader by surprise."""

from __future__ import annotations

import struct
import tempfile
import unicodedata
from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.fuzz import targets
from tests.unit.patching.given import REFERENCE, built, saved, saved_as_oci
from zpmd.model.patch import Archive, CarriedImage, Change, Manifest
from zpmd.model.service import GROUPS
from zpmd.patching import manifest, words
from zpmd.patching.manifest import CONTROLS, LONGEST_DEADLINE, SHORTEST_DEADLINE
from zpmd.patching.moments import LAST

TARS = (saved(REFERENCE), saved_as_oci())
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
TAGS = st.from_regex(words.TAG, fullmatch=True)
IDS = st.from_regex(words.ID, fullmatch=True)
REFERENCES = st.from_regex(words.REFERENCE, fullmatch=True).filter(words.is_reference)
IMAGES = st.from_regex(words.IMAGE, fullmatch=True).filter(words.is_image)
SERVICES = st.from_regex(words.SERVICE, fullmatch=True)
CHANGES = st.one_of(
    st.builds(Change, service=SERVICES, image=IMAGES),
    st.builds(Change, service=SERVICES, tag=TAGS),
    st.builds(Change, service=SERVICES),
)
CARRIED = st.builds(
    CarriedImage,
    reference=REFERENCES,
    ids=st.sets(HEX.map("sha256:".__add__), min_size=1, max_size=3).map(lambda ids: tuple(sorted(ids))),
)
ARCHIVES = st.builds(
    Archive,
    file=st.from_regex(words.MEMBER, fullmatch=True),
    size=st.integers(1, 2**53),
    sha256=HEX,
    images=st.lists(CARRIED, min_size=1, max_size=2, unique_by=lambda image: image.reference).map(
        lambda images: tuple(sorted(images, key=lambda image: image.reference))
    ),
)
DESCRIPTIONS = st.text(
    st.characters().filter(lambda c: c == "\n" or unicodedata.category(c) not in CONTROLS), max_size=40
)
MANIFESTS = st.builds(
    Manifest,
    id=IDS,
    description=DESCRIPTIONS,
    tag=TAGS,
    services=st.lists(CHANGES, min_size=1, max_size=4, unique_by=lambda change: change.service).map(tuple),
    groups=st.sets(st.sampled_from(GROUPS)).map(lambda found: tuple(group for group in GROUPS if group in found)),
    images=st.lists(ARCHIVES, max_size=2, unique_by=lambda archive: archive.file.casefold()).map(tuple),
    expires=st.none() | st.integers(0, int(LAST) - 1).map(float),
    min_version=st.just("") | st.from_regex(words.VERSION, fullmatch=True),
    requires=st.lists(IDS, max_size=3, unique=True).map(tuple),
    deadline_seconds=st.none() | st.floats(SHORTEST_DEADLINE, LONGEST_DEADLINE).map(lambda seconds: round(seconds, 9)),
    parallelism=st.integers(1, 100),
)


@given(asked=MANIFESTS)
def test_a_manifest_is_read_again_as_it_was_written(asked: Manifest) -> None:
    references = [image.reference for archive in asked.images for image in archive.images]
    assume(asked.id not in asked.requires and len(set(references)) == len(references))
    assert manifest.read(manifest.text(asked), "patch.yaml") == (asked, ())


@given(content=st.sampled_from(TARS), block=st.integers(0, 30), at=st.integers(0, 511), put=st.binary(max_size=16))
def test_a_tar_header_of_any_content_is_read_or_refused(content: bytes, block: int, at: int, put: bytes) -> None:
    """With its checksum put right, so that what it says is looked at."""
    start = block * 512
    header = bytearray(content[start : start + 512])
    header[at : at + len(put)] = put[: 512 - at]
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * ord(" "))
    targets.patch_archives(content[:start] + bytes(header) + content[start + 512 :])


with tempfile.TemporaryDirectory() as folder:
    BUNDLE = built(Path(folder), saved(REFERENCE), signature=b"signed\n")[0].read_bytes()
HEADERS = [at for at in range(len(BUNDLE) - 4) if BUNDLE[at : at + 4] in (b"PK\1\2", b"PK\3\4", b"PK\5\6")]
NUMBERS = st.sampled_from([0, 1, 2, 21, 22, 0x7FFF, 0xFFFE, 0xFFFF]) | st.integers(0, 0xFFFF)


@given(edits=st.lists(st.tuples(st.sampled_from(HEADERS), st.integers(2, 24), NUMBERS), min_size=1, max_size=4))
def test_a_zip_with_any_numbers_in_its_headers_is_read_or_refused(edits: list[tuple[int, int, int]]) -> None:
    content = bytearray(BUNDLE)
    for at, word, number in edits:
        place = min(at + 2 * word, len(content) - 2)
        content[place : place + 2] = struct.pack("<H", number)
    targets.patch_bundles(bytes(content))
