"""The form of an API key: `zpmd_<id>_<43 of base62>_<6 of base62>`.

The prefix and the checksum (CRC-32 of all before it) let a scanner of texts find one that was left somewhere, and spare
a look-up for what is mistyped; the middle is 32 random bytes. A key is shown once, and known by its SHA-256 afterwards.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

PREFIX = "zpmd"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
FORM = re.compile(rf"({PREFIX}_([0-9a-f]{{8}})_[0-9A-Za-z]{{43}})_([0-9A-Za-z]{{6}})")


def mint() -> tuple[str, str]:
    """A new id, and the whole key that has it."""
    id = secrets.token_hex(4)
    head = f"{PREFIX}_{id}_{_base62(int.from_bytes(secrets.token_bytes(32)), 43)}"
    return id, f"{head}_{checksum(head)}"


def id_of(key: str) -> str:
    """The id in a key; "" for what is none."""
    found = FORM.fullmatch(key)
    return found[2] if found and checksum(found[1]) == found[3] else ""


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def checksum(head: str) -> str:
    return _base62(zlib.crc32(head.encode()), 6)


def _base62(number: int, width: int) -> str:
    digits = ""
    while number:
        number, last = divmod(number, 62)
        digits = ALPHABET[last] + digits
    return digits.rjust(width, ALPHABET[0])
