"""The replica set of the product's database: what is wanted of it, what was seen of each member, and single steps.

A host is always `host:port`, in lower case, so that two spellings of one member are equal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

DEFAULT_PORT = 27017
MOST_VOTERS = 7
"""MongoDB's limit."""


_HOST = re.compile(r"([a-z0-9_][a-z0-9._-]{0,252}|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_BARE_IPV6 = re.compile(r"[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*")


def spelled(host: str) -> str:
    """The one spelling of a member's host; "" where the text is none: a URI, for one, may have a password in it."""
    text = host.strip().lower()
    found = _HOST.fullmatch(f"[{text}]" if _BARE_IPV6.fullmatch(text) else text)
    return f"{found[1]}:{found[2] or DEFAULT_PORT}" if found and int(found[2] or 1) in range(1, 65536) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedMember:
    """`priority` None: nobody has an opinion, so it stays as it is (1 for a member that is added)."""

    host: str
    priority: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The replica set that is to be. Without members, `unknown` says why nobody knows them."""

    name: str
    members: tuple[WantedMember, ...] = ()
    unknown: str = ""


class Standing(StrEnum):
    """What one mongod says of itself. NEVER: it was never initiated. REMOVED: it was in a set, and no longer is."""

    SILENT = "silent"
    REFUSES = "refuses"
    ALONE = "alone"
    NEVER = "never"
    REMOVED = "removed"
    IN_SET = "in-set"


class MemberState(StrEnum):
    """How a member is, as another sees it. SYNCING: it answers, and does not have the data yet."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    ARBITER = "arbiter"
    SYNCING = "syncing"
    DOWN = "down"

    @property
    def healthy(self) -> bool:
        return self not in (MemberState.SYNCING, MemberState.DOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMember:
    """A member as the replica set's own config has it. `bound`: what keeps its priority at 0 ("hidden", ...), or ""."""

    number: int
    host: str
    priority: float = 1.0
    votes: int = 1
    bound: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConfig:
    """`id` tells sets of the same name apart; "" where it is not known."""

    name: str
    id: str = ""
    version: int = 1
    term: int = 0
    members: tuple[ConfigMember, ...] = ()

    def member(self, host: str) -> ConfigMember | None:
        return next((m for m in self.members if m.host == host), None)

    @property
    def voters(self) -> tuple[ConfigMember, ...]:
        return tuple(m for m in self.members if m.votes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one mongod answered. `why` is one line without secrets, for SILENT and REFUSES.

    `states` are those of all members as this one sees them, by host; `me` is its own name among them.
    """

    host: str
    standing: Standing
    why: str = ""
    me: str = ""
    config: SetConfig | None = None
    states: Mapping[str, MemberState] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def primary(self) -> bool:
        return self.standing is Standing.IN_SET and self.states.get(self.me) is MemberState.PRIMARY


@dataclass(frozen=True, slots=True, kw_only=True)
class Initiate:
    """On `at`, with all members at once."""

    at: str
    members: tuple[WantedMember, ...]

    def __str__(self) -> str:
        return f"initiate on {self.at} with {', '.join(m.host for m in self.members)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddMember:
    """Without a vote and with priority 0, so that it counts for nothing until it has the data."""

    host: str

    def __str__(self) -> str:
        return f"add {self.host}, without a vote until it has the data"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantVote:
    host: str
    priority: float

    def __str__(self) -> str:
        return f"give {self.host} its vote, and priority {self.priority:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPriority:
    host: str
    priority: float
    why: str = ""

    def __str__(self) -> str:
        return f"set the priority of {self.host} to {self.priority:g}{f' {self.why}' if self.why else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMember:
    host: str

    def __str__(self) -> str:
        return f"remove {self.host}"


Change = AddMember | GrantVote | SetPriority | RemoveMember
"""A step that changes the config of a set that has a primary, where it is carried out."""

Step = Initiate | Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """At most one step, and why nothing else is done. `primary` is where a Change goes. `standing` sums up a set that
    has been initiated; `seen` is the version and term of the config that a Change was decided on."""

    name: str
    step: Step | None = None
    waiting: tuple[str, ...] = ()
    standing: str = ""
    primary: str = ""
    seen: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        return f"{self.name}: {'; '.join(filter(None, (self.standing, *self.waiting))) or 'in order'}"
