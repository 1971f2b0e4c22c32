"""Signatures that `minisign` makes and checks: https://jedisct1.github.io/minisign/#signature-format.

A signature file has four lines, each ended by a line feed:

    untrusted comment: <text>
    base64(algorithm, 2 bytes || key id, 8 || Ed25519 signature of the message's hash, 64)
    trusted comment: <text>
    base64(Ed25519 signature of the 64 bytes above || the trusted comment's text, 64)

Rules:
1. Every byte counts. What is not exactly as minisign writes it is refused, base64 too: its last character has bits that
   decode to nothing, and a signature with other ones there would be another file that is as good.
2. Only "ED": the signature is over BLAKE2b-512 of the message. The legacy "Ed", over the message itself, is refused, as
   minisign refuses it with `-H`: two ways to read the same 64 bytes are one too many.
3. Nobody signs the untrusted comment. So it may say nothing of its own: it is minisign's default text, or
   `zpmd patch <id>` where the trusted comment ends in the same words.
4. Nothing here touches a disk, a clock or a terminal. What is wrong with what was read is `BadPatch`, with a line that
   says what, and what to do; what cannot be signed is `Refused`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from zpmd.errors import Refused
from zpmd.patching.refusal import BadPatch

UNTRUSTED = b"untrusted comment: "
TRUSTED = b"trusted comment: "
DEFAULT_COMMENT = "signature from minisign secret key"
"""The untrusted comment of `minisign -S` without -c."""
OURS = "zpmd patch "
"""What the untrusted comment of `zpmctl patch sign` begins with; the id follows."""

KEY_ALGORITHM = b"Ed"
PREHASHED = b"ED"
LEGACY = b"Ed"
KEY_ID_BYTES = 8
SIGNATURE_BYTES = 64
PUBLIC_BYTES = 32

MAX_COMMENT_BYTES = 1024 - 2
MAX_TRUSTED_BYTES = 8192 - 2
"""Lines that minisign reads, COMMENTMAXBYTES and TRUSTEDCOMMENTMAXBYTES of its minisign.h, less line feed and zero."""
MAX_BYTES = 16_384
"""More than any signature or key file has."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`id` as minisign prints it: 16 upper case hex digits."""

    id: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key that signs. Its repr shows its id alone."""

    id: str
    key: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.id, self.key.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"SecretKey({self.id})"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature file, read and not yet checked. `trusted` is the comment's text, which is bytes in any encoding."""

    key_id: str
    trusted: bytes
    over_message: bytes
    over_comment: bytes


def parse_public_key(data: bytes) -> PublicKey:
    """A `.pub` file: an untrusted comment, which may say anything here, and base64(`Ed` || key id || key).

    Raises BadPatch."""
    _comment, body = lines(data, 2, "public key")
    raw = decoded(body, "public key", 2 + KEY_ID_BYTES + PUBLIC_BYTES)
    if raw[:2] != KEY_ALGORITHM:
        raise BadPatch("cannot read the public key: its algorithm is not minisign's Ed25519")
    return PublicKey(hex_id(raw[2:10]), raw[10:])


def parse_signature(data: bytes) -> Signature:
    """A `.minisig` file. Raises BadPatch."""
    comment, body, trusted, over_comment = lines(data, 4, "signature")
    raw = decoded(body, "signature", 2 + KEY_ID_BYTES + SIGNATURE_BYTES)
    if raw[:2] == LEGACY:
        raise BadPatch(
            "the signature is in minisign's legacy form, over the file and not over its hash: "
            "sign it again with minisign 0.10 or newer without -l (older: with -H), or with `zpmctl patch sign`"
        )
    if raw[:2] != PREHASHED:
        raise BadPatch("cannot read the signature: its algorithm is not minisign's Ed25519 over BLAKE2b-512")
    if not trusted.startswith(TRUSTED):
        raise BadPatch('cannot read the signature: its third line does not begin with "trusted comment: "')
    text = trusted.removeprefix(TRUSTED)
    if not _says_nothing_of_its_own(comment, text):
        raise BadPatch(
            "the untrusted comment of the signature, which nobody signs, is neither minisign's own nor "
            f'"{OURS}<id>" as at the end of the trusted comment: sign it again without -c, or with `zpmctl patch sign`'
        )
    return Signature(
        key_id=hex_id(raw[2:10]),
        trusted=text,
        over_message=raw[10:],
        over_comment=decoded(over_comment, "signature of the trusted comment", SIGNATURE_BYTES),
    )


def verify(key: PublicKey, message: bytes, signature: Signature) -> None:
    """Raises BadPatch where this key did not sign this message with this trusted comment."""
    if signature.key_id != key.id:
        raise BadPatch(f"it is signed by the key {signature.key_id}, not by {key.id}")
    public = Ed25519PublicKey.from_public_bytes(key.raw)
    try:
        public.verify(signature.over_message, prehash(message))
    except InvalidSignature:
        raise BadPatch(f"the signature of the key {key.id} is wrong: what was signed is something else") from None
    try:
        public.verify(signature.over_comment, signature.over_message + signature.trusted)
    except InvalidSignature:
        raise BadPatch(f"the signature of the key {key.id} is wrong: its trusted comment was changed") from None


def sign(key: SecretKey, message: bytes, trusted: str, untrusted: str = DEFAULT_COMMENT) -> bytes:
    """The text of a signature file. Raises Refused for comments that `parse_signature` or minisign would not take."""
    if not (trusted.replace("\t", "").isprintable() and untrusted.isprintable()):
        raise Refused("cannot sign: a comment is to be one line of printable characters")
    text = trusted.encode()
    if len(TRUSTED) + len(text) > MAX_TRUSTED_BYTES:
        raise Refused(f"cannot sign: the trusted comment is longer than {MAX_TRUSTED_BYTES - len(TRUSTED)} bytes")
    if not _says_nothing_of_its_own(untrusted.encode(), text):
        raise Refused(
            f'cannot sign: the untrusted comment is neither "{DEFAULT_COMMENT}" nor the end of the trusted one'
        )
    over_message = key.key.sign(prehash(message))
    body = PREHASHED + raw_id(key.id) + over_message
    over_comment = key.key.sign(over_message + text)
    parts = (UNTRUSTED + untrusted.encode(), encoded(body), TRUSTED + text, encoded(over_comment))
    return b"".join(part + b"\n" for part in parts)


def comments(patch: str, file: str, at: float) -> tuple[str, str]:
    """The trusted and the untrusted comment for the patch with this id, signed at `at` (Unix seconds).

    The trusted one begins as minisign's own does: when, and the name of the file that was signed."""
    ours = OURS + patch
    return f"timestamp:{int(at)}\tfile:{file}\thashed\t{ours}", ours


def public_text(key: PublicKey) -> bytes:
    """A `.pub` file as minisign writes it."""
    body = encoded(KEY_ALGORITHM + raw_id(key.id) + key.raw)
    return UNTRUSTED + f"minisign public key {key.id.lstrip('0') or '0'}".encode() + b"\n" + body + b"\n"


def prehash(message: bytes) -> bytes:
    return hashlib.blake2b(message, digest_size=64).digest()


def hex_id(raw: bytes) -> str:
    """A key id is a little-endian number, shown in hex."""
    return f"{int.from_bytes(raw, 'little'):016X}"


def raw_id(key_id: str) -> bytes:
    return int(key_id, 16).to_bytes(KEY_ID_BYTES, "little")


def lines(data: bytes, count: int, what: str) -> list[bytes]:
    """The lines of a file of minisign's, without their ends; of the first, the text of the untrusted comment."""
    found = data.split(b"\n") if len(data) <= MAX_BYTES else []
    if len(found) != count + 1 or found[-1] or b"\r" in data:
        raise BadPatch(f"cannot read the {what}: it is not {count} lines as minisign writes them")
    if not found[0].startswith(UNTRUSTED) or len(found[0]) > MAX_COMMENT_BYTES:
        raise BadPatch(f'cannot read the {what}: it does not begin with a line "untrusted comment: ..."')
    return [found[0].removeprefix(UNTRUSTED), *found[1:-1]]


def decoded(line: bytes, what: str, size: int) -> bytes:
    """Exactly `size` bytes from the one base64 text that stands for them."""
    try:
        raw = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raise BadPatch(f"cannot read the {what}: it is not base64") from None
    if base64.b64encode(raw) != line or len(raw) != size:
        raise BadPatch(f"cannot read the {what}: it is not the base64 of {size} bytes")
    return raw


def encoded(raw: bytes) -> bytes:
    return base64.b64encode(raw)


def _says_nothing_of_its_own(untrusted: bytes, trusted: bytes) -> bool:
    """Rule 3."""
    ours = untrusted.startswith(OURS.encode()) and trusted.split(b"\t")[-1] == untrusted
    return ours or untrusted == DEFAULT_COMMENT.encode()
