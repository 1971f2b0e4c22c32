"""Signatures: the real minisign and ours take each other's, and every byte counts."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.lab.minisign import Minisign
from zpmd.errors import Refused
from zpmd.patching import minisign, secretkey
from zpmd.patching.minisign import SecretKey
from zpmd.patching.refusal import BadPatch

MESSAGE = b"id: hotfix-1042\nservices: [zona_user]\ntag: v2\n"
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def signed(key: SecretKey) -> bytes:
    return minisign.sign(key, MESSAGE, *minisign.comments("hotfix-1042", "patch.yaml", 1_800_000_000.5))


def check(key: SecretKey, message: bytes, signature: bytes) -> None:
    minisign.verify(key.public, message, minisign.parse_signature(signature))


@pytest.mark.parametrize("message", [b"", MESSAGE, b"\r\n\0" * 100_000], ids=["empty", "manifest", "large"])
def test_what_minisign_signs_is_taken(program: Minisign, message: bytes) -> None:
    secret, public = program.key("vendor")
    given_signature = minisign.parse_signature(program.sign(secret, message))
    minisign.verify(minisign.parse_public_key(public.read_bytes()), message, given_signature)
    assert given_signature.trusted.endswith(b"\tfile:patch.yaml\thashed")


@pytest.mark.parametrize("file", ["patch.yaml", "Änderung für Köln.patch.yaml"])
def test_what_we_sign_minisign_takes(program: Minisign, file: str) -> None:
    secret, public = program.key("vendor")
    trusted, untrusted = minisign.comments("hotfix-1042", file, 1_800_000_000.5)
    signature = minisign.sign(secretkey.parse(secret.read_bytes()).open(), MESSAGE, trusted, untrusted)
    shown = program.trusted_comment(public, MESSAGE, signature)
    assert shown == f"timestamp:1800000000\tfile:{file}\thashed\tzpmd patch hotfix-1042"
    with pytest.raises(subprocess.CalledProcessError):
        program.trusted_comment(public, MESSAGE + b" ", signature)


def test_comments_are_taken_where_the_signature_covers_what_they_say(program: Minisign) -> None:
    secret, public = program.key("vendor")
    key = minisign.parse_public_key(public.read_bytes())
    for options in (["-t", "for the site in Köln"], ["-c", "zpmd patch h1", "-t", "approved\tzpmd patch h1"]):
        minisign.verify(key, MESSAGE, minisign.parse_signature(program.sign(secret, MESSAGE, *options)))
    for options in (["-c", "hello"], ["-c", "zpmd patch h1"], ["-c", "zpmd patch h1", "-t", "zpmd patch h2"]):
        with pytest.raises(BadPatch, match="which nobody signs"):
            minisign.parse_signature(program.sign(secret, MESSAGE, *options))


def test_the_legacy_form_is_refused_with_what_to_do(program: Minisign) -> None:
    secret, _public = program.key("vendor")
    with pytest.raises(BadPatch, match=r"legacy form.* sign it again with minisign 0\.10 or newer without -l"):
        minisign.parse_signature(program.sign(secret, MESSAGE, "-l"))


def test_every_flipped_bit_of_a_signature_is_refused(key: SecretKey) -> None:
    good = signed(key)
    check(key, MESSAGE, good)
    for place in range(len(good)):
        for bit in range(8):
            touched = bytearray(good)
            touched[place] ^= 1 << bit
            with pytest.raises(BadPatch):
                check(key, MESSAGE, bytes(touched))


def test_every_flipped_bit_of_the_message_is_refused(key: SecretKey) -> None:
    good = signed(key)
    for place in range(len(MESSAGE)):
        touched = bytearray(MESSAGE)
        touched[place] ^= 1
        with pytest.raises(BadPatch, match="what was signed is something else"):
            check(key, bytes(touched), good)


def test_no_other_character_stands_for_the_same_base64(key: SecretKey) -> None:
    """The last character before the padding has bits that decode to nothing: each of the 64 but one is refused."""
    good = signed(key)
    first, body, rest = good.split(b"\n", 2)
    same = base64.b64decode(body)
    alike = [body[:-2] + bytes([c]) + b"=" for c in ALPHABET]
    alike = [other for other in alike if base64.b64decode(other) == same and other != body]
    assert len(alike) == 3
    for other in (*alike, body + b"=", body.rstrip(b"="), b" " + body, body + b" ", body[:20] + b"\t" + body[20:]):
        with pytest.raises(BadPatch, match="base64"):
            minisign.parse_signature(b"\n".join((first, other, rest)))


def test_every_truncation_is_refused(key: SecretKey) -> None:
    good = signed(key)
    for length in range(len(good)):
        with pytest.raises(BadPatch):
            minisign.parse_signature(good[:length])


@pytest.mark.parametrize(
    "touch",
    [
        lambda good: good + b"\n",
        lambda good: good + b"more\n",
        lambda good: b"\n" + good,
        lambda good: b"\xef\xbb\xbf" + good,
        lambda good: good.replace(b"\n", b"\r\n"),
        lambda good: good.replace(b"\n", b"\r"),
        lambda good: good.replace(b"untrusted comment: ", b"untrusted comment:"),
        lambda good: good.replace(b"\ntrusted comment: ", b"\nTrusted comment: "),
        lambda good: good.replace(b"\ntrusted comment: ", b"\ntrusted comment: \n"),
        lambda good: b"\n".join(reversed(good.split(b"\n"))),
        lambda good: good * 100,
    ],
)
def test_the_lines_are_exactly_those_that_minisign_writes(key: SecretKey, touch: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BadPatch):
        minisign.parse_signature(touch(signed(key)))


def test_a_signature_of_another_key_is_refused(key: SecretKey) -> None:
    other = secretkey.parse(secretkey.generate(None)[0]).open()
    with pytest.raises(BadPatch, match=f"signed by the key {other.id}, not by {key.id}"):
        check(key, MESSAGE, signed(other))
    with pytest.raises(BadPatch, match="what was signed is something else"):
        check(key, MESSAGE, signed(SecretKey(key.id, other.key)))


def test_a_trusted_comment_of_another_signature_is_refused(key: SecretKey) -> None:
    """Each signature is right by itself; together they are not."""
    ours = signed(key).split(b"\n")
    other = minisign.sign(key, b"another", *minisign.comments("hotfix-1042", "other.yaml", 1)).split(b"\n")
    with pytest.raises(BadPatch, match="its trusted comment was changed"):
        check(key, MESSAGE, b"\n".join((*ours[:2], *other[2:])))


@pytest.mark.parametrize(
    ("trusted", "untrusted", "why"),
    [
        ("a\nb", minisign.DEFAULT_COMMENT, "one line"),
        ("a\x1b[2J", minisign.DEFAULT_COMMENT, "printable"),
        ("\udcff", minisign.DEFAULT_COMMENT, "printable"),
        ("x" * 9000, minisign.DEFAULT_COMMENT, "longer than"),
        ("fine", "hello", "untrusted comment"),
        ("fine", "zpmd patch \udcff", "printable"),
    ],
)
def test_nothing_is_signed_that_nobody_would_take(key: SecretKey, trusted: str, untrusted: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        minisign.sign(key, MESSAGE, trusted, untrusted)


def test_a_public_key_is_read_as_minisign_wrote_it(program: Minisign) -> None:
    _secret, public = program.key("vendor")
    text = public.read_bytes()
    key = minisign.parse_public_key(text)
    assert text.split(b"\n")[0].endswith(f" {key.id.lstrip('0')}".encode())
    assert minisign.public_text(key) == text
    minisign.parse_public_key(b"untrusted comment: Zona release key, 2027\n" + text.split(b"\n", 1)[1])
    comment, line, _ = text.split(b"\n")
    for wrong in (b"", text[:-1], line, line + b"\n", text + text, comment + b"\nRWR" + line[3:-1] + b"!\n"):
        with pytest.raises(BadPatch):
            minisign.parse_public_key(wrong)


@given(st.binary(max_size=400))
@example(b"untrusted comment: zpmd patch \xff\n" + base64.b64encode(b"ED" + bytes(72)) + b"\ntrusted comment: \n\n")
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for parse in (minisign.parse_signature, minisign.parse_public_key):
        with pytest.raises(BadPatch):
            parse(data)


@given(
    st.sampled_from([b"ED", b"Ed", b"XX"]),
    st.binary(min_size=72, max_size=72),
    st.binary(max_size=40),
    st.binary(min_size=64, max_size=64),
)
def test_any_well_formed_signature_is_refused(
    key: SecretKey, algorithm: bytes, body: bytes, comment: bytes, over_comment: bytes
) -> None:
    own = (b"zpmd patch " + comment).replace(b"\n", b"")
    parts = (
        minisign.UNTRUSTED + own,
        base64.b64encode(algorithm + minisign.raw_id(key.id) + body[8:]),
        minisign.TRUSTED + own,
        base64.b64encode(over_comment),
    )
    with pytest.raises(BadPatch):
        check(key, MESSAGE, b"".join(part + b"\n" for part in parts))


def test_a_secret_key_does_not_show_itself(key: SecretKey) -> None:
    assert repr(key) == f"SecretKey({key.id})"
