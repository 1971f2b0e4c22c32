"""The keyring of a site: who may sign, who no more, and what becomes of keys that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zpmd.patching import keys, minisign, secretkey
from zpmd.patching.minisign import SecretKey
from zpmd.patching.refusal import BadPatch

MESSAGE = b"id: hotfix-1042\n"


@pytest.fixture
def other() -> SecretKey:
    return secretkey.parse(secretkey.generate(None)[0]).open()


def signature(key: SecretKey) -> bytes:
    return minisign.sign(key, MESSAGE, "for tests")


def install(folder: Path, name: str, key: SecretKey) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_bytes(minisign.public_text(key.public))
    return file


def refusal(ring: keys.Keyring, given: bytes | None) -> str:
    with pytest.raises(BadPatch) as refused:
        ring.check(MESSAGE, given)
    return str(refused.value)


@pytest.mark.parametrize(
    ("policy", "installed", "required"),
    [
        ("", False, False),
        ("", True, True),
        ("optional", False, False),
        ("optional", True, False),
        ("required", False, True),
        ("required", True, True),
    ],
)
def test_a_signature_is_required_as_soon_as_a_key_is_there_unless_the_policy_says_so(
    tmp_path: Path, key: SecretKey, policy: str, installed: bool, required: bool
) -> None:
    if installed:
        install(tmp_path, "a.pub", key)
    ring = keys.read(tmp_path, policy)
    assert ring.required is required
    if required:
        assert refusal(ring, None).startswith("it is not signed, and this site takes signed patches only; keys in ")
    else:
        assert ring.check(MESSAGE, None) == ""


def test_a_folder_that_cannot_be_listed_requires_signatures(tmp_path: Path) -> None:
    (tmp_path / "keys").symlink_to(tmp_path / "not mounted")
    assert f"(and trouble: {tmp_path / 'keys'}: cannot be read: " in refusal(keys.read(tmp_path / "keys"), None)


def test_a_folder_that_is_not_there_has_no_keys(tmp_path: Path) -> None:
    ring = keys.read(tmp_path / "none")
    assert (ring.required, dict(ring.keys), ring.problems) == (False, {}, ())


@pytest.mark.parametrize("policy", ["", "optional", "required"])
def test_each_of_two_keys_may_sign(tmp_path: Path, key: SecretKey, other: SecretKey, policy: str) -> None:
    install(tmp_path, "2026.pub", key)
    install(tmp_path, "2027.pub", other)
    ring = keys.read(tmp_path, policy)
    assert [ring.check(MESSAGE, signature(k)) for k in (key, other)] == [key.id, other.id]


@pytest.mark.parametrize("policy", ["", "optional", "required"])
def test_an_unknown_key_is_refused_with_its_id_and_those_that_are_known(
    tmp_path: Path, key: SecretKey, other: SecretKey, policy: str
) -> None:
    install(tmp_path, "a.pub", key)
    assert refusal(keys.read(tmp_path, policy), signature(other)) == (
        f"it is signed by the key {other.id}, which is not installed; keys in {tmp_path}: {key.id}"
    )


def test_without_keys_and_requirement_a_signature_counts_as_none(tmp_path: Path, key: SecretKey) -> None:
    ring = keys.read(tmp_path)
    assert ring.check(MESSAGE, signature(key)) == ""
    assert "4 lines" in refusal(ring, b"garbage")


def test_required_without_keys_takes_nothing(tmp_path: Path, key: SecretKey) -> None:
    assert f"keys in {tmp_path}: none" in refusal(keys.read(tmp_path, "required"), signature(key))


@pytest.mark.parametrize("policy", ["", "optional", "required"])
@pytest.mark.parametrize("still_there", [True, False])
@pytest.mark.parametrize("how", ["file", "list", "list in lower case", "list with 0x"])
def test_a_revoked_key_is_refused(tmp_path: Path, key: SecretKey, how: str, still_there: bool, policy: str) -> None:
    if still_there:
        install(tmp_path, "a.pub", key)
    written = {"list": key.id, "list in lower case": f"  {key.id.lower()} # stolen", "list with 0x": f"0x{key.id}"}
    if how == "file":
        install(tmp_path / "revoked", "a.pub", key)
    else:
        (tmp_path / "revoked.txt").write_text(f"# keys that are not believed\n\n{written[how]}\n")
    ring = keys.read(tmp_path, policy)
    assert f"signed by the key {key.id}, which is revoked" in refusal(ring, signature(key))
    assert ring.problems == ()


def test_revoking_one_key_leaves_the_other(tmp_path: Path, key: SecretKey, other: SecretKey) -> None:
    install(tmp_path, "a.pub", key)
    install(tmp_path, "b.pub", other)
    (tmp_path / "revoked.txt").write_text(key.id)
    assert keys.read(tmp_path).check(MESSAGE, signature(other)) == other.id


def test_revoking_the_last_key_does_not_open_the_site(tmp_path: Path, key: SecretKey) -> None:
    installed = install(tmp_path, "a.pub", key)
    (tmp_path / "revoked").mkdir()
    installed.rename(tmp_path / "revoked" / "a.pub")
    assert "it is not signed" in refusal(keys.read(tmp_path), None)


def spoil(file: Path, how: str) -> None:
    match how:
        case "garbage":
            file.write_bytes(b"\xff\xfe\0")
        case "empty":
            file.write_bytes(b"")
        case "dangling":
            file.symlink_to(file.parent / "nowhere")
        case "pipe":
            os.mkfifo(file)
        case "folder":
            file.mkdir()


SPOILED = ["garbage", "empty", "dangling", "pipe", "folder"]


@pytest.mark.parametrize("how", SPOILED)
def test_a_key_that_cannot_be_read_is_told_and_still_requires_signatures(
    tmp_path: Path, key: SecretKey, how: str
) -> None:
    spoil(tmp_path / "bad.pub", how)
    ring = keys.read(tmp_path)
    assert [p.file for p in ring.problems] == [str(tmp_path / "bad.pub")]
    assert f"none (and trouble: {tmp_path / 'bad.pub'}: cannot" in refusal(ring, None)
    install(tmp_path, "good.pub", key)
    ring = keys.read(tmp_path)
    assert (ring.check(MESSAGE, signature(key)), len(ring.problems)) == (key.id, 1)


@pytest.mark.parametrize("where", ["revoked.txt", "revoked/bad.pub", "revoked"])
@pytest.mark.parametrize("how", ["garbage", "dangling", "pipe"])
def test_a_revocation_that_cannot_be_read_refuses_every_signature(
    tmp_path: Path, key: SecretKey, where: str, how: str
) -> None:
    install(tmp_path, "a.pub", key)
    if where == "revoked/bad.pub":
        (tmp_path / "revoked").mkdir()
    spoil(tmp_path / where, how)
    ring = keys.read(tmp_path)
    assert f"cannot tell which keys are revoked, so no signature counts: {tmp_path / where}" in refusal(
        ring, signature(key)
    )
    assert len(ring.problems) == 1


def test_a_line_that_is_no_key_id_is_a_revocation_that_cannot_be_read(tmp_path: Path, key: SecretKey) -> None:
    install(tmp_path, "a.pub", key)
    (tmp_path / "revoked.txt").write_text("# one\nthe one of Bob\n")
    text = refusal(keys.read(tmp_path), signature(key))
    assert f"{tmp_path / 'revoked.txt'}:2:1: 'the one of Bob' is no key id: write its 16 hex digits" in text


def test_two_keys_with_one_id_are_told_and_the_first_counts(tmp_path: Path, key: SecretKey, other: SecretKey) -> None:
    impostor = SecretKey(key.id, other.key)
    install(tmp_path, "a.pub", key)
    install(tmp_path, "b.pub", impostor)
    install(tmp_path, "c.pub", key)
    ring = keys.read(tmp_path)
    assert [str(p) for p in ring.problems] == [f"{tmp_path / 'b.pub'}: another key has the id {key.id} already"]
    assert ring.check(MESSAGE, signature(key)) == key.id
    assert "is wrong" in refusal(ring, signature(impostor))
