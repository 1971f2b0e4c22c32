"""`${tenant.x}`, `${integration.x}` and `${params.NAME}`: what a template says of an integration that is not known yet.

While files are read a mark stands for each of them: an index into a table, between two characters that nobody else may
use. So a reference is one piece for whatever takes texts apart, and no value is ever looked at for references again.
Passwords and secret parameters are no references: they reach a container as files, or as variables on request. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from zpmd.sources.interpolate import BadTemplate, chosen
from zpmd.sources.nodes import shortened
from zpmd.sources.reading import listing, suggestion

OPENS, CLOSES = "\U0010fffc", "\U0010fffd"
"""The last two characters that Unicode leaves to private use: what else holds them is refused."""
RESERVED = "a character that zpmd keeps for its own use, U+10FFFC or U+10FFFD: remove it"
MARK = re.compile(f"{OPENS}([0-9]+){CLOSES}")

PORT = "integration.port"
KNOWN = (
    "tenant.tenantcode", "tenant.name", "tenant.id", "tenant.db.host", "tenant.db.name", "tenant.db.username",
    PORT, "integration.executable", "integration.executionDir", "integration.serviceName",
    "integration.integration_id", "integration.title", "integration.action",
)  # fmt: skip
PARAM = re.compile(r"params\.[_a-zA-Z][_a-zA-Z0-9]*(?:\.[_a-zA-Z0-9]+)*")
PASSWORD = re.compile(r"(?:tenant|integration)\..*(?:password|secret|uri)", re.IGNORECASE)
PROVIDED = "it is mounted as /run/secrets/{}, or with `credentials: environment` the variable {}"


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference as it is written. `operator` is "" where there is none; its argument may hold marks."""

    name: str
    operator: str = ""
    argument: str = ""


Value = Callable[[Reference], str | None]
"""The value of a reference, None where it has none. Raises BadTemplate where it must not be used."""


@dataclass
class References:
    """All references of the files that are read together. Implements `Later`."""

    table: list[Reference] = field(default_factory=list)
    indices: dict[Reference, int] = field(default_factory=dict)

    def mark(self, name: str, operator: str, argument: str) -> str:
        check(name)
        reference = Reference(name, operator, argument)
        index = self.indices.setdefault(reference, len(self.table))
        if index == len(self.table):
            self.table.append(reference)
        return f"{OPENS}{index}{CLOSES}"

    def foreign(self, text: str) -> str:
        return foreign(text)

    def within(self, text: str) -> Iterator[Reference]:
        """The references of a text, and those of their arguments."""
        for match in MARK.finditer(text):
            reference = self.table[int(match.group(1))]
            yield reference
            yield from self.within(reference.argument)

    def filled(self, text: str, value: Value) -> str:
        """The text with values in the place of marks. Raises BadTemplate."""
        return MARK.sub(lambda match: self.resolved(self.table[int(match.group(1))], value), text)

    def resolved(self, reference: Reference, value: Value) -> str:
        found = value(reference)
        if not reference.operator:
            return found or ""
        return chosen(reference.name, reference.operator, found, lambda: self.filled(reference.argument, value))

    def shown(self, text: str) -> str:
        """The text as it was written, for messages."""
        return MARK.sub(self.written, text) if OPENS in text else text

    def written(self, match: re.Match[str]) -> str:
        index = int(match.group(1)[:9])
        if index >= len(self.table):  # a forged one, which is a problem where it stands
            return ""
        reference = self.table[index]
        return f"${{{reference.name}{reference.operator}{self.shown(reference.argument)}}}"


def check(name: str) -> None:
    """Raises BadTemplate for what is no reference."""
    if name in KNOWN or PARAM.fullmatch(name):
        return
    if PASSWORD.match(name):
        raise BadTemplate(
            f"{shortened(name)} is secret and never put into a text: {PROVIDED.format('db_password', 'DB_PASSWORD')}"
        )
    if name.startswith("params."):
        raise BadTemplate(f"{shortened(name)!r} is no parameter: write ${{params.NAME}}, with letters, digits and `_`")
    family = name.partition(".")[0]
    known = [n for n in KNOWN if n.startswith(f"{family}.")] or ["tenant.…", "integration.…", "params.NAME"]
    raise BadTemplate(f"there is no {shortened(name)!r}" + (suggestion(name, KNOWN) or f": write {listing(known)}"))


def foreign(text: str) -> str:
    """A text that may not be taken for a mark. Raises BadTemplate."""
    if reserved(text):
        raise BadTemplate(f"the value of a variable holds {RESERVED}")
    return text


def reserved(text: str) -> bool:
    """Whether a foreign text holds a character that marks are made of."""
    return OPENS in text or CLOSES in text


def refuse_secrets(name: str, secrets: Collection[str]) -> None:
    """Raises BadTemplate where a reference is one of these."""
    if name in secrets:
        short = name.removeprefix("params.")
        raise BadTemplate(f"{name} is secret and never put into a text: {PROVIDED.format(short, short)}")
