"""Secret key files: the real minisign's and ours are each other's."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab.minisign import Minisign
from zpmd.errors import Refused
from zpmd.patching import minisign, secretkey

PASSWORD = "pass wörd 0"
CHEAP = (32_768, 16 << 20)
"""libsodium's smallest limits: a password is tried in a moment."""


def test_a_key_of_minisign_without_a_password_is_read(program: Minisign) -> None:
    secret, public = program.key("vendor")
    sealed = secretkey.parse(secret.read_bytes())
    assert not sealed.has_password
    assert minisign.public_text(sealed.open().public) == public.read_bytes()


def test_a_key_of_minisign_with_a_password_is_read(program: Minisign) -> None:
    secret, public = program.key("vendor", PASSWORD)
    sealed = secretkey.parse(secret.read_bytes())
    assert sealed.has_password
    assert minisign.public_text(sealed.open(PASSWORD).public) == public.read_bytes()


@pytest.mark.parametrize("password", [None, PASSWORD])
def test_minisign_signs_with_our_keys(program: Minisign, password: str | None) -> None:
    secret, public = secretkey.generate(password)
    file = program.folder / "ours.key"
    file.write_bytes(secret)
    signature = minisign.parse_signature(program.sign(file, b"message", password=password or ""))
    minisign.verify(minisign.parse_public_key(public), b"message", signature)


def test_a_key_with_cheaper_limits_is_read_as_libsodium_reads_it(program: Minisign) -> None:
    secret, public = secretkey.generate(PASSWORD, *CHEAP)
    assert minisign.public_text(secretkey.parse(secret).open(PASSWORD).public) == public
    file = program.folder / "cheap.key"
    file.write_bytes(secret)
    minisign.parse_signature(program.sign(file, b"message", password=PASSWORD))


@pytest.mark.parametrize(
    ("opslimit", "memlimit", "parameters"),
    [
        (33_554_432, 1 << 30, (1 << 20, 8, 1)),  # libsodium's SENSITIVE
        (524_288, 16 << 20, (1 << 14, 8, 1)),  # its INTERACTIVE
        (32_768, 16 << 20, (1 << 10, 8, 1)),  # its MIN
        (0, 16 << 20, (1 << 10, 8, 1)),
        (33_554_432, 16 << 20, (1 << 14, 8, 64)),
    ],
)
def test_the_limits_become_parameters_as_in_libsodium(
    opslimit: int, memlimit: int, parameters: tuple[int, int, int]
) -> None:
    assert secretkey.scrypt_parameters(opslimit, memlimit) == parameters


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("pass word 0", "the password is not that of the secret key"),
        ("", "it has to have 1 to 1023 bytes"),
        ("x" * 1024, "it has to have 1 to 1023 bytes"),
        ("a\0b", "none of them zero"),
    ],
)
def test_another_password_opens_nothing(password: str, why: str) -> None:
    sealed = secretkey.parse(secretkey.generate(PASSWORD, *CHEAP)[0])
    with pytest.raises(Refused, match=why):
        sealed.open(password)


def test_a_damaged_key_is_refused() -> None:
    comment, line, _ = secretkey.generate(None)[0].split(b"\n")
    raw = base64.b64decode(line)
    for place in (0, 2, 4, *range(secretkey.HEAD_BYTES, len(raw), 7)):
        touched = bytearray(raw)
        touched[place] ^= 1
        with pytest.raises(Refused):
            secretkey.parse(comment + b"\n" + base64.b64encode(touched) + b"\n").open()


def test_a_key_without_a_checksum_still_has_to_fit_together() -> None:
    """Minisign 0.11 writes no checksum without a password; the public half is one, too."""
    comment, line, _ = secretkey.generate(None)[0].split(b"\n")
    raw = base64.b64decode(line)[:-32] + bytes(32)
    secretkey.parse(comment + b"\n" + base64.b64encode(raw) + b"\n").open()
    swapped = raw[:-40] + bytes(8) + raw[-32:]
    with pytest.raises(Refused, match="do not belong together"):
        secretkey.parse(comment + b"\n" + base64.b64encode(swapped) + b"\n").open()


def test_a_key_that_asks_for_more_than_minisign_does_is_refused() -> None:
    comment, line, _ = secretkey.generate(PASSWORD, *CHEAP)[0].split(b"\n")
    raw = bytearray(base64.b64decode(line))
    raw[secretkey.HEAD_BYTES - 1] = 255
    with pytest.raises(Refused, match="more work or memory"):
        secretkey.parse(comment + b"\n" + base64.b64encode(raw) + b"\n").open(PASSWORD)


@given(st.binary(max_size=400))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        secretkey.parse(data)


@settings(max_examples=30)
@given(st.integers(0, 1 << 16), st.integers(0, 1 << 24), st.binary(min_size=104, max_size=104))
def test_any_limits_and_any_body_are_refused(opslimit: int, memlimit: int, body: bytes) -> None:
    head = b"EdScB2" + bytes(32) + opslimit.to_bytes(8, "little") + memlimit.to_bytes(8, "little")
    sealed = secretkey.parse(b"untrusted comment: x\n" + base64.b64encode(head + body) + b"\n")
    with pytest.raises(Refused):
        sealed.open(PASSWORD)
