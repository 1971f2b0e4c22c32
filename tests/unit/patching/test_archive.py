"""What is in a `docker save` archive; and archives that are not to be loaded."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib

import pytest

from tests.unit.patching.given import (
    CONFIG,
    LAYER,
    REFERENCE,
    digest,
    image_id,
    index_of,
    member,
    saved,
    saved_as_oci,
    tar,
    told,
)
from zpmd.model.patch import CarriedImage
from zpmd.patching import archive
from zpmd.patching.archive import Limits
from zpmd.patching.refusal import BadPatch

NAME = f"{digest(CONFIG)}.json"
OTHER = "sha256:" + "0" * 64


def read(content: bytes, limits: Limits | None = None) -> tuple[CarriedImage, ...]:
    return archive.images(io.BytesIO(content), limits or Limits())


def refusal(content: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(BadPatch) as refused:
        read(content, limits)
    return str(refused.value)


def listed(**keys: object) -> bytes:
    return told([{"Config": NAME, "RepoTags": [REFERENCE], "Layers": []} | keys])


def test_an_archive_of_engine_20_10_is_the_config_under_its_names() -> None:
    assert read(saved("zona/user:v2", "docker.io/library/zona:v3")) == (
        CarriedImage(reference="zona/user:v2", ids=(image_id(),)),
        CarriedImage(reference="zona:v3", ids=(image_id(),)),
    )


def test_an_archive_with_an_oci_layout_has_the_digest_of_the_manifest_besides() -> None:
    image = told({"schemaVersion": 2, "config": {"digest": image_id()}})
    ids = tuple(sorted((image_id(), image_id(image))))
    assert read(saved_as_oci()) == (CarriedImage(reference=REFERENCE, ids=ids),)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_of_any_length_are_read_in_every_form_of_tar(form: int) -> None:
    deep = f"{'a' * 90}/{'b' * 60}/layer.tar"
    content = tar((deep, b"x"), (NAME, CONFIG), ("manifest.json", listed(Layers=[deep])), form=form)
    assert [image.reference for image in read(content)] == [REFERENCE]


def test_an_archive_packed_by_hand_with_a_dot_before_each_name_is_read() -> None:
    content = tar(member("./", tarfile.DIRTYPE), (f"./{NAME}", CONFIG), ("./manifest.json", listed()))
    assert [image.reference for image in read(content)] == [REFERENCE]


def test_an_archive_packed_with_gzip_is_read() -> None:
    assert read(gzip.compress(saved(REFERENCE))) == read(saved(REFERENCE))


TREES = [
    ("../evil", "is not a plain path"),
    ("/etc/passwd", "is not a plain path"),
    ("a/../../evil", "is not a plain path"),
    ("a\\b", "is not a plain path"),
    ("a//b", "is not a plain path"),
    ("a/./b", "is not a plain path"),
    ("a\nb", "is not a plain path"),
    ("/".join("abcdefghijklmnopqrst"), "is too long"),
    ("manifest.json", "is there twice"),
    ("./manifest.json", "is there twice"),
    ("manifest.json/x", "lies below what is no folder"),
    ("bb/layer.tar/x", "lies below what is no folder"),
]


@pytest.mark.parametrize(("name", "reason"), TREES, ids=[repr(tree[0])[:20] for tree in TREES])
def test_a_name_that_leads_elsewhere_is_refused(name: str, reason: str) -> None:
    assert reason in refusal(saved(REFERENCE, more=[(name, b"x")]))


KINDS = [
    (tarfile.LNKTYPE, "a hard link"),
    (tarfile.CHRTYPE, "a device"),
    (tarfile.BLKTYPE, "a device"),
    (tarfile.FIFOTYPE, "a FIFO"),
    (tarfile.GNUTYPE_SPARSE, "a sparse file"),
    (tarfile.CONTTYPE, "of a kind that is not known"),
    (b"V", "a volume's label"),
]


@pytest.mark.parametrize(("kind", "reason"), KINDS, ids=[kind[1] for kind in KINDS])
def test_what_is_no_file_folder_or_link_is_refused(kind: bytes, reason: str) -> None:
    assert f"'odd' is {reason}" in refusal(saved(REFERENCE, more=[member("odd", kind, "manifest.json")]))


@pytest.mark.parametrize("target", ["/etc/passwd", "../../etc/passwd", "nothing", "aa", "../bb/layer.tar", ""])
def test_a_link_leads_to_a_file_of_the_archive_or_is_refused(target: str) -> None:
    link = member("cc", tarfile.SYMTYPE, target)
    assert "the link 'cc' leads to" in refusal(saved(REFERENCE, more=[link]))


def test_a_folder_with_contents_is_refused() -> None:
    folder = member("odd", tarfile.DIRTYPE)
    folder.size = 5
    assert "'odd/' is no file, and has contents" in refusal(saved(REFERENCE, more=[folder]))


def test_a_file_called_like_a_folder_is_refused() -> None:
    assert "is called like a folder" in refusal(saved(REFERENCE, more=[member("odd/")]))


MANIFESTS = [
    (b"", "manifest.json is not JSON"),
    (b"[" * 100_000, "manifest.json is not JSON"),
    (b"{}", "manifest.json is malformed"),
    (b"[1]", "manifest.json is malformed"),
    (b"[]", "it holds no image"),
    (listed(Config=None), "manifest.json is malformed"),
    (listed(Layers="aa"), "manifest.json is malformed"),
    (listed(RepoTags=None), "an image has no name"),
    (listed(RepoTags=[]), "an image has no name"),
    (listed(RepoTags=[1]), "an image has no name"),
    (listed(RepoTags=["Zona"]), "'Zona' is not the name of an image"),
    (listed(RepoTags=["a:1", "library/a:1"]), "a:1 is there twice"),
    (listed(RepoTags=[f"a@{OTHER}"]), "is not the name of an image"),
    (listed(Config="other.json"), "the config 'other.json' is missing"),
    (listed(Layers=["gone/layer.tar"]), "layer 'gone/layer.tar' is missing"),
    (listed(repotags=["hidden:1"]), "the key 'repotags' is there twice, or in another case"),
    (listed(**{"RepoTagſ": ["hidden:1"]}), "the key 'RepoTagſ' is there twice, or in another case"),
    (b'[{"Config": "a", "Config": "b"}]', "the key 'Config' is there twice"),
    (b"x" * (archive.MAX_JSON + 1), "manifest.json has 1048577 bytes, and may have 1048576"),
]


@pytest.mark.parametrize(("content", "reason"), MANIFESTS, ids=range(len(MANIFESTS)))
def test_a_manifest_that_an_engine_might_read_otherwise_is_refused(content: bytes, reason: str) -> None:
    assert reason in refusal(tar((NAME, CONFIG), ("manifest.json", content)))


def test_an_archive_without_a_manifest_is_refused() -> None:
    assert "there is no manifest.json" in refusal(tar((NAME, CONFIG), ("repositories", b"{}")))


def test_a_config_that_is_not_what_it_is_called_is_refused() -> None:
    content = tar((NAME, CONFIG + b" "), ("manifest.json", listed()))
    assert "its contents have another digest" in refusal(content)


def test_a_config_that_is_called_otherwise_is_known_by_its_contents() -> None:
    content = tar(("config.json", CONFIG), ("manifest.json", listed(Config="config.json")))
    assert read(content) == (CarriedImage(reference=REFERENCE, ids=(image_id(),)),)


INDICES = [
    ({}, "index.json is malformed"),
    ({"manifests": [{}]}, "index.json is malformed"),
    ({"manifests": [{"digest": image_id()}]}, "index.json has an image without a name"),
    (index_of({REFERENCE: OTHER}), f"{OTHER}, which index.json lists, is missing"),
    (
        index_of({REFERENCE: image_id(), "hidden:1": image_id()}),
        "index.json has an image hidden:1, which manifest.json",
    ),
    (index_of({}), f"manifest.json has an image {REFERENCE}, which index.json does not have"),
    ({"Manifests": []}, "the key 'Manifests' is there twice, or in another case"),
]


@pytest.mark.parametrize(("index", "reason"), INDICES, ids=range(len(INDICES)))
def test_an_index_that_says_something_else_than_the_manifest_is_refused(index: object, reason: str) -> None:
    assert reason in refusal(saved_as_oci(index=index))


def test_a_layout_without_an_index_is_refused() -> None:
    assert "oci-layout is there, and no index.json" in refusal(saved(REFERENCE, more=[("oci-layout", b"{}")]))


def test_a_blob_that_is_not_what_it_is_called_is_refused() -> None:
    blob = (f"blobs/sha256/{digest(LAYER)}", b"something else")
    assert "its contents have another digest" in refusal(saved(REFERENCE, more=[blob]))


def test_every_truncation_is_refused() -> None:
    content = saved(REFERENCE)
    for length in range(0, len(content) - 512, 64):
        assert refusal(content[:length])
    packed = gzip.compress(content)
    for length in range(0, len(packed), 16):
        assert refusal(packed[:length])


def test_nothing_may_follow_the_end() -> None:
    content = saved(REFERENCE)
    assert read(content + b"\0" * 10_000) == read(content)
    assert "bytes follow the end of the archive" in refusal(content + tar(("hidden", b"x")))
    assert "a block of zeros stands between members" in refusal(content[:-512] + tar(("hidden", b"x")))
    assert "bytes follow what gzip packed" in refusal(gzip.compress(content) + gzip.compress(b"x"))


def test_a_header_that_was_changed_is_refused() -> None:
    content = bytearray(saved(REFERENCE))
    content[0] ^= 1
    assert "a header's checksum differs" in refusal(bytes(content))


def test_what_is_no_tar_is_refused() -> None:
    assert "it is no tar archive" in refusal(b"\x89PNG" * 1000)
    assert "it does not unpack" in refusal(b"\x1f\x8b" + b"x" * 1000)


PAX = [
    (b"GNU.sparse.name=x", "an extended header has 'GNU.sparse.name', which is not known"),
    (b"path=", "an extended header has an empty path"),
    (b"path=a\0b", "an extended header has an empty path, or one with a zero byte"),
    (b"path=\xff", "a name is not UTF-8"),
    (b"size=many", "an extended header has a size that is no number"),
    (b"nothing", "an extended header has 'nothing', which is not known"),
]


def extended(content: bytes, kind: bytes = tarfile.XHDTYPE) -> tarfile.TarInfo:
    info = member("././@PaxHeader", kind)
    info.size = len(content)
    return info


@pytest.mark.parametrize(("record", "reason"), PAX, ids=[str(case[0]) for case in PAX])
def test_an_extended_header_that_says_odd_things_is_refused(record: bytes, reason: str) -> None:
    line = b"%d %s\n" % (len(record) + (4 if len(record) > 5 else 3), record)
    content = extended(line).tobuf() + line.ljust(512, b"\0") + saved(REFERENCE)
    assert reason in refusal(content)


@pytest.mark.parametrize("line", [b"x", b"999 path=a\n", b"5 a=b\n", b"0 a=b\n", b"9 path=abc"])
def test_an_extended_header_that_does_not_add_up_is_refused(line: bytes) -> None:
    content = extended(line).tobuf() + line.ljust(512, b"\0") + saved(REFERENCE)
    assert "malformed" in refusal(content)


def test_a_global_header_may_hold_a_comment_alone() -> None:
    line = b"16 comment=abcd\n"
    assert read(extended(line, tarfile.XGLTYPE).tobuf() + line.ljust(512, b"\0") + saved(REFERENCE))
    line = b"15 path=hidden\n"
    assert "a global header" in refusal(
        extended(line, tarfile.XGLTYPE).tobuf() + line.ljust(512, b"\0") + saved(REFERENCE)
    )


def test_a_name_of_gigabytes_is_refused_before_it_is_read() -> None:
    info = member("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    info.size = 8 * 2**30
    assert "an extended header has 8589934592 bytes, and may have 65536" in refusal(info.tobuf(tarfile.GNU_FORMAT))


def test_a_member_that_says_it_is_endless_is_cut_off() -> None:
    info = member("big")
    info.size = 2**60
    assert "the archive is cut off" in refusal(info.tobuf(tarfile.GNU_FORMAT) + b"x" * 1024)


def test_too_many_members_are_refused() -> None:
    assert "more than 3 members" in refusal(saved(REFERENCE), Limits(members=3))


def test_what_unpacks_to_too_much_is_refused() -> None:
    assert "more than 2000 bytes: that is the limit" in refusal(saved(REFERENCE), Limits(unpacked=2000))
    assert "more than 2000 bytes: that is the limit" in refusal(gzip.compress(saved(REFERENCE)), Limits(unpacked=2000))


def test_a_bomb_is_refused_by_its_ratio() -> None:
    """49 KB that unpack to 50 MB."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    info = member("zeros")
    info.size = 50_000_000
    bomb = packer.compress(info.tobuf()) + packer.compress(bytes(50_000_000)) + packer.flush()
    assert len(bomb) < 50_000
    assert "it unpacks to more than 100 times its size" in refusal(bomb)
