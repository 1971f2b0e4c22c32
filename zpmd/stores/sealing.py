"""Bodies in the database that only this installation can read: definitions have environment variables, rows passwords.

Rules:
1. A sealed body is AES-256-GCM: magic and version, four bytes that tell which key, a nonce, the ciphertext. The table
   and the row's key are authenticated with it, so that a body that was moved to another row is unreadable.
2. A body that cannot be opened (another key, damage, a swap) is unreadable, as a row of garbage is: it is forgotten.
3. Plain text of an older zpmd is read as it stands; resealing.py seals it when the database is opened.

This is against who gets hold of the file, of a copy or of a backup without the key. Who can write the state folder can
have zpmd do anything in any case.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from zpmd.stores.codec import Unreadable
from zpmd.stores.keys import Key

MAGIC = b"zs1"
ID_BYTES = 4
NONCE_BYTES = 12
"""Random ones are safe for some 2**32 bodies of a key: one a second for over a century."""

Place = tuple[str, ...]
"""A table and the key of a row in it."""


class Seal:
    """Thread-safe."""

    def __init__(self, key: Key) -> None:
        self.salt = derived(key.secret, "materials")
        """A salt that follows from the key: the same after the loss of the database."""
        self._current = AESGCM(key.secret)
        self.mark = MAGIC + _key_id(key.secret)
        """What every body begins with that is sealed with the current key."""
        self.marks = (self.mark, *(MAGIC + _key_id(k) for k in key.former))
        """Of every key at hand."""
        self._ciphers = {_key_id(k): AESGCM(k) for k in (*key.former, key.secret)}

    def seal(self, place: Place, text: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return self.mark + nonce + self._current.encrypt(nonce, text.encode(), _associated(place))

    def open(self, place: Place, body: bytes | str) -> str:
        """Raises Unreadable."""
        if isinstance(body, str):
            return body
        start = len(MAGIC) + ID_BYTES
        cipher = self._ciphers.get(body[len(MAGIC) : start])
        if not body.startswith(MAGIC) or cipher is None:
            raise Unreadable(f"a body of {place[0]} is sealed with another key")
        nonce, sealed = body[start : start + NONCE_BYTES], body[start + NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, sealed, _associated(place)).decode()
        except (InvalidTag, ValueError):  # a body that is cut off has no whole nonce
            raise Unreadable(f"a body of {place[0]} is not what was sealed") from None


def derived(secret: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose, from which neither the key nor those of another purpose follow."""
    return hmac.digest(secret, f"zpmd {purpose}".encode(), hashlib.sha256)


def _key_id(secret: bytes) -> bytes:
    return derived(secret, "key id")[:ID_BYTES]


def _associated(place: Place) -> bytes:
    return json.dumps(place).encode()
