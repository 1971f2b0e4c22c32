"""What the documents of one database say, worked out once for each: after a change only what is new is looked at.

Documents are told apart by their bytes, not by comparing values: to Python 1, 1.0 and true are equal, to a row not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from zpmd.sources.rows import COLLECTIONS, OWN_COLLECTIONS, Part
from zpmd.sources.rows.together import Line, line

# What another program wrote wrongly is the trouble of its row, not of all that came in the same answer.
LENIENT: CodecOptions[dict[str, object]] = CodecOptions(
    document_class=dict,
    unicode_decode_error_handler="surrogateescape",
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)

Raw = Mapping[str, Sequence[RawBSONDocument]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A document's line, and the tenant it says that it belongs to, where it says that."""

    tenantcode: str
    line: Line


class Understood:
    """Of one session. Used by one thread."""

    def __init__(self, tenantcode: str) -> None:
        self._tenantcode = tenantcode
        self._seen: dict[tuple[str, bytes], Seen] = {}

    def take(self, documents: Raw) -> None:
        """These are the documents now."""
        now: dict[tuple[str, bytes], Seen] = {}
        for name, found in documents.items():
            for number, document in enumerate(found, start=1):
                key = (name, raw := bytes(document.raw))
                now[key] = self._seen.get(key) or self._look(name, raw, number)
        self._seen = now

    def part(self, others: Collection[str] = (), of: Collection[str] = COLLECTIONS) -> Part:
        """What they say, without the integrations, ports and parameters that say they belong to these tenants; of these
        collections alone."""
        return Part(
            tuple(
                seen.line
                for (name, _), seen in self._seen.items()
                if name in of and not (others and name in OWN_COLLECTIONS and seen.tenantcode in others)
            )
        )

    def holds(self, collection: str) -> bool:
        return any(name == collection for name, _ in self._seen)

    def _look(self, name: str, raw: bytes, number: int) -> Seen:
        document: object = None
        with contextlib.suppress(BSONError, ValueError, OverflowError):  # what is no document is in trouble by itself
            document = bson.decode(raw, LENIENT)
        code = document.get("tenantcode") if isinstance(document, dict) else None
        return Seen(code if isinstance(code, str) else "", line(name, document, number, self._tenantcode))
