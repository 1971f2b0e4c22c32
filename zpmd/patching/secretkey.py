"""The files of secret keys that `minisign -G` makes, with a password or without, read and written.

After an untrusted comment, base64 of 158 bytes (https://jedisct1.github.io/minisign/#secret-key-format):

    "Ed" || kdf, 2 bytes || "B2" || salt, 32 || opslimit, 8 || memlimit, 8 || key id, 8 || seed, 32 || public key, 32
         || BLAKE2b-256("Ed" || key id || seed || public key), 32

The kdf is "Sc", or two zero bytes where there is no password. With "Sc" the last 104 bytes are xored with what scrypt
makes of the password. Its parameters follow from the two limits as in libsodium's
crypto_pwhash_scryptsalsa208sha256; for its SENSITIVE limits, which minisign takes, that is 1 GiB of memory.
Without a password minisign 0.11 writes zeros for the checksum, and others write it: both are read.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from zpmd.errors import Refused
from zpmd.patching import minisign
from zpmd.patching.minisign import SecretKey
from zpmd.patching.refusal import BadPatch

SCRYPT = b"Sc"
NO_PASSWORD = b"\0\0"
CHECKSUM = b"B2"
COMMENT = b"minisign encrypted secret key"
"""Of keys without a password too: minisign writes it so."""

SALT_BYTES = 32
SECRET_BYTES = 64
CHECKSUM_BYTES = 32
HEAD_BYTES = 6 + SALT_BYTES + 16
SEALED_BYTES = minisign.KEY_ID_BYTES + SECRET_BYTES + CHECKSUM_BYTES

OPSLIMIT = 33_554_432
MEMLIMIT = 1_073_741_824
"""libsodium's ..._OPSLIMIT_SENSITIVE and ..._MEMLIMIT_SENSITIVE. A file that asks for more is not minisign's."""
MIN_OPSLIMIT = 32_768
MAX_PASSWORD_BYTES = 1023
"""PASSWORDMAXBYTES of minisign.h, less the zero."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret key file, read and not opened."""

    kdf: bytes
    salt: bytes
    opslimit: int
    memlimit: int
    body: bytes

    @property
    def has_password(self) -> bool:
        return self.kdf == SCRYPT

    def open(self, password: str = "") -> SecretKey:  # nosec B107 # the absence of one
        """Takes a second and 1 GiB where there is a password. Raises Refused."""
        if not self.has_password:
            return _key(self.body, unsealed=True)
        return _key(_xor(self.body, _stream(password, self.salt, self.opslimit, self.memlimit)), unsealed=False)


def parse(data: bytes) -> Sealed:
    """Raises Refused."""
    if _is_public(data):
        raise Refused("it is a public key, which signs nothing: name the secret one (.key)")
    try:
        _comment, line = minisign.lines(data, 2, "secret key")
        raw = minisign.decoded(line, "secret key", HEAD_BYTES + SEALED_BYTES)
    except BadPatch as error:
        raise Refused(str(error)) from None
    if raw[:2] != minisign.KEY_ALGORITHM or raw[2:4] not in (SCRYPT, NO_PASSWORD) or raw[4:6] != CHECKSUM:
        raise Refused("cannot read the secret key: it is not of a kind that minisign makes")
    limits = raw[HEAD_BYTES - 16 : HEAD_BYTES]
    return Sealed(
        kdf=raw[2:4],
        salt=raw[6 : 6 + SALT_BYTES],
        opslimit=int.from_bytes(limits[:8], "little"),
        memlimit=int.from_bytes(limits[8:], "little"),
        body=raw[HEAD_BYTES:],
    )


def _is_public(data: bytes) -> bool:
    try:
        minisign.parse_public_key(data)
    except BadPatch:
        return False
    return True


def generate(password: str | None, opslimit: int = OPSLIMIT, memlimit: int = MEMLIMIT) -> tuple[bytes, bytes]:
    """The texts of a new secret key file, sealed with the password unless that is None, and of its public key file.

    Raises Refused for a password that minisign could not take."""
    secret = Ed25519PrivateKey.generate()
    key = SecretKey(minisign.hex_id(secrets.token_bytes(minisign.KEY_ID_BYTES)), secret)
    body = minisign.raw_id(key.id) + secret.private_bytes_raw() + key.public.raw
    body += _checksum(body)
    if password is None:
        head = NO_PASSWORD + CHECKSUM + bytes(SALT_BYTES + 16)
    else:
        salt = secrets.token_bytes(SALT_BYTES)
        body = _xor(body, _stream(password, salt, opslimit, memlimit))
        head = SCRYPT + CHECKSUM + salt + opslimit.to_bytes(8, "little") + memlimit.to_bytes(8, "little")
    line = minisign.encoded(minisign.KEY_ALGORITHM + head + body)
    return minisign.UNTRUSTED + COMMENT + b"\n" + line + b"\n", minisign.public_text(key.public)


def scrypt_parameters(opslimit: int, memlimit: int) -> tuple[int, int, int]:
    """N, r and p: `pickparams` of libsodium's pwhash_scryptsalsa208sha256.c."""
    opslimit, r = max(opslimit, MIN_OPSLIMIT), 8
    if opslimit < memlimit // 32:
        return _power_of_two(opslimit // (r * 4)), r, 1
    n = _power_of_two(memlimit // (r * 128))
    return n, r, min(opslimit // 4 // n, 0x3FFFFFFF) // r


def _power_of_two(most: int) -> int:
    """The smallest above half of `most`, and 2 at least."""
    n = 2
    while n <= most // 2:
        n *= 2
    return n


def _stream(password: str, salt: bytes, opslimit: int, memlimit: int) -> bytes:
    secret = password.encode(errors="surrogateescape")
    if not secret or len(secret) > MAX_PASSWORD_BYTES or b"\0" in secret:
        raise Refused(f"cannot use the password: it has to have 1 to {MAX_PASSWORD_BYTES} bytes, and none of them zero")
    n, r, p = scrypt_parameters(opslimit, memlimit)
    if opslimit > OPSLIMIT or memlimit > MEMLIMIT or p < 1:
        raise Refused("cannot read the secret key: it asks for more work or memory than minisign's keys do")
    try:
        return Scrypt(salt=salt, length=SEALED_BYTES, n=n, r=r, p=p).derive(secret)
    except MemoryError:
        raise Refused(f"cannot open the secret key: that takes {(n * r * 128) >> 20} MiB of memory") from None


def _key(body: bytes, unsealed: bool) -> SecretKey:
    key_id, secret, checksum = body[:8], body[8 : 8 + SECRET_BYTES], body[-CHECKSUM_BYTES:]
    right = hmac.compare_digest(checksum, _checksum(key_id + secret))
    if not right and not (unsealed and checksum == bytes(CHECKSUM_BYTES)):
        raise Refused("the secret key is damaged" if unsealed else "the password is not that of the secret key")
    private = Ed25519PrivateKey.from_private_bytes(secret[:32])
    if private.public_key().public_bytes_raw() != secret[32:]:
        raise Refused("the secret key is damaged: its two halves do not belong together")
    return SecretKey(minisign.hex_id(key_id), private)


def _checksum(key: bytes) -> bytes:
    return hashlib.blake2b(minisign.KEY_ALGORITHM + key, digest_size=CHECKSUM_BYTES).digest()


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
