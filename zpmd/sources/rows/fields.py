"""One document and its fields: each is taken as what it should be, or what is wrong with it is noted.

What counts as what, knowing that programs in several languages have written these rows for years:

- Extra fields are ignored. A missing optional text is "". Nothing is trimmed or mended.
- An integer is an integer of any width, a float that is one (JavaScript writes numbers so), or a text of decimal digits
  (forms submit ids and ports so). A boolean is none, nor is anything negative.
- A text is a text, not a number: `tenantcode: 001` has lost its zeros before anybody can see them.
- A code (tenantcode, serviceName) becomes a part of container names, DNS aliases and labels: letters, digits, `_` and
  `-`, beginning and ending with a letter or digit, 48 at most. No dot: it divides names in DNS.
- A choice (status, role) is compared without regard to case.

Of a value no more than 40 characters are repeated in a trouble, and of one that may be a secret none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping

from zpmd.model.secret import Secret
from zpmd.model.tenant import IntegrationKey, RowTrouble
from zpmd.sources.nodes import shortened

CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,46}[A-Za-z0-9])?")
DIGITS = re.compile(r"[0-9]{1,18}")
UNUSABLE = re.compile("[\0\ud800-\udfff]")
"""What neither an environment nor a file can carry as text."""
MAX_INTEGER = 2**63 - 1
EXACT_FLOAT = 2.0**53
MAX_TEXT = 4096
SHOWN = 40
DOCUMENT = "document"
"""The field of a trouble that is about the row as such."""

Claim = tuple[str, object]
"""A field, and the value that no second row of the collection may have in it."""


class Fields:
    """Used for one document, once. `whose` is the tenant whose own database it is from, "" for the core database."""

    def __init__(self, collection: str, document: object, number: int, whose: str) -> None:
        self.collection = collection
        self.document: Mapping[object, object] = document if isinstance(document, Mapping) else {}
        self.row = row_id(self.document.get("_id"), number)
        self.whose = whose
        self.tenantcode = whose
        self.key: IntegrationKey | None = None
        self.claims: list[Claim] = []
        self.wrong: list[tuple[str, str]] = []
        if not isinstance(document, Mapping):
            self.note(DOCUMENT, f"a row must be a document, this is {described(document)}")

    def note(self, field: str, reason: str) -> None:
        self.wrong.append((field, reason))

    def good(self, *fields: str) -> bool:
        """Whether nothing is wrong with these fields, nor with the document as such."""
        return not any(field in (*fields, DOCUMENT) for field, _ in self.wrong)

    def claim(self, field: str, value: object) -> None:
        if self.good(field):
            self.claims.append((field, value))

    def troubles(self) -> tuple[RowTrouble, ...]:
        return tuple(self.trouble(field, reason) for field, reason in self.wrong)

    def trouble(self, field: str, reason: str) -> RowTrouble:
        return RowTrouble(
            collection=self.collection,
            row=self.row,
            field=field,
            reason=reason,
            tenantcode=self.tenantcode,
            key=self.key,
        )

    def present(self, field: str) -> bool:
        return self.document.get(field) is not None

    # values

    def text(self, field: str, limit: int = MAX_TEXT) -> str:
        """An optional text."""
        value = self.document.get(field)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.note(field, f"must be a text, not {described(value)}")
            return ""
        if flaw := flawed(value, limit):
            self.note(field, flaw)
            return ""
        return str(value)

    def secret(self, field: str) -> Secret:
        """An optional text that nobody may see."""
        value = self.document.get(field)
        if value is None:
            return Secret()
        if not isinstance(value, str):
            self.note(field, f"must be a text, not {kind(value)}")
            return Secret()
        if flaw := flawed(value, MAX_TEXT):
            self.note(field, flaw)
            return Secret()
        return Secret(str(value))

    def code(self, field: str) -> str:
        """A text that names can be made of."""
        value = self.document.get(field)
        if value is None:
            self.note(field, "is missing")
        elif not isinstance(value, str):
            self.note(field, f"must be a text, not {described(value)}")
        elif not CODE.fullmatch(value):
            allowed = "48 letters, digits, `_` and `-` at most, a letter or digit at either end"
            self.note(field, f"names cannot be made of {described(value)}: {allowed}")
        else:
            return str(value)
        return ""

    def owner(self) -> str:
        """The `tenantcode` of a row that belongs to a tenant. In a tenant's own database it need not be written."""
        if self.whose and not self.present("tenantcode"):
            return self.whose
        code = self.code("tenantcode")
        if self.whose and code and code != self.whose:
            self.note("tenantcode", f"is {described(code)} in the database of tenant {self.whose}")
            return ""
        self.tenantcode = code or self.whose
        return code

    def integer(self, field: str, low: int = 0, high: int = MAX_INTEGER) -> int:
        value = self.document.get(field)
        if value is None:
            self.note(field, "is missing")
            return 0
        number = integral(value)
        if number is None:
            self.note(field, f"must be an integer, not {described(value)}")
        elif not low <= number <= high:
            self.note(field, f"must be between {low} and {high}, not {described(value)}")
        else:
            return number
        return 0

    def choice(self, field: str, allowed: Collection[str]) -> str:
        value = self.document.get(field)
        chosen = value.lower() if isinstance(value, str) and len(value) < SHOWN else None
        if chosen in allowed:
            return str(chosen)
        said = "is missing" if value is None else f"must be one of {', '.join(allowed)}, not {described(value)}"
        self.note(field, said)
        return ""


def row_id(identity: object, number: int) -> str:
    """What people find the row by: its `_id`, or its place in the list where it has none that can be written."""
    text = ""
    if isinstance(identity, str) or type(identity).__name__ in ("ObjectId", "UUID"):
        text = str(identity)
    elif (number_of := integral(identity)) is not None:
        text = str(number_of)
    printable = "".join(c if c.isprintable() else "?" for c in text[:200])
    return printable or f"#{number}"


def integral(value: object) -> int | None:
    match value:
        case bool():
            return None
        case int():
            return int(value) if abs(value) <= MAX_INTEGER else None
        case float():
            return int(value) if math.isfinite(value) and value.is_integer() and abs(value) <= EXACT_FLOAT else None
        case str():
            return int(value) if DIGITS.fullmatch(value) and value.isascii() else None
        case _:
            return None


def flawed(value: str, limit: int) -> str:
    """What is wrong with a text, without any of it."""
    if len(value) > limit:
        return f"{len(value)} characters are too many: {limit} is the limit"
    return "holds a character that no text may have (NUL, or half a surrogate pair)" if UNUSABLE.search(value) else ""


def described(value: object) -> str:
    """A value in words, its beginning at most."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return f"the number {int(value)}" if abs(value) <= MAX_INTEGER else "a number beyond 64 bits"
        case float():
            return f"the number {float(value)!r}"
        case str():
            return f"the text {shortened(value[: SHOWN + 1], SHOWN)!r}"
        case _:
            return kind(value)


def kind(value: object) -> str:
    """What sort of value it is, and nothing of the value."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case Mapping():
            return "a document"
        case list() | tuple():
            return "a list"
        case _:
            return f"a value of type {shortened(type(value).__name__, SHOWN)}"
