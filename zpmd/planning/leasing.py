"""Which port belongs to which integration: leased once, kept, and given to nobody else for a while after.

The rules:

1. A lease is kept for as long as its integration claims it, whatever else changes: another claim, a range that has been
   moved away from under it (the new range is for new leases: whoever has written down the port of an integration is
   right for ever), a stranger that has sat down on the port while the integration was off.
2. Who claims nothing any more has its lease released, and gets the same port back if it returns. When the cool-down is
   over the lease is forgotten, and the port may go to another.
3. A new lease takes the port that the product's own record has for the integration, if it is in the range and free;
   otherwise the lowest free port of the range, one that is recorded for nobody before one that is.
4. What others hold (`taken`) is looked at for new leases only, and is passed over.

No two leases have the same port, released ones included. Nothing depends on the order of what is given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from zpmd.model.tenant import IntegrationKey, PortLease, RowTrouble


class Claim(NamedTuple):
    """An integration that has a row which does not say deleted, and the range of its template.

    `needs`: it is to run. One that is not keeps the lease it has, and is given none. `row` is for messages.
    """

    key: IntegrationKey
    low: int
    high: int
    needs: bool = True
    row: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leasing:
    """`leases` are all that are known now, released ones included. `changed` are to be stored before anything starts,
    `forgotten` to be dropped from the store. `skipped` are ports that were passed over, each with why."""

    leases: Mapping[IntegrationKey, PortLease] = field(default_factory=lambda: MappingProxyType({}))
    changed: tuple[PortLease, ...] = ()
    forgotten: tuple[IntegrationKey, ...] = ()
    shortages: tuple[RowTrouble, ...] = ()
    skipped: tuple[tuple[int, str], ...] = ()


def lease(
    claims: Collection[Claim],
    leases: Mapping[IntegrationKey, PortLease],
    adopted: Mapping[IntegrationKey, int],
    taken: Mapping[int, str],
    now: float,
    cooldown_seconds: float,
) -> Leasing:
    """`adopted` are the ports that the product's own record has; `taken` says of a port who else holds it."""
    claimed = {claim.key for claim in claims}
    kept = standing(claimed, leases, now, cooldown_seconds)
    book = Book({held.port for held in kept.values()}, taken, set(adopted.values()))
    fresh = sorted(claim for claim in claims if claim.needs and claim.key not in kept)
    given = recorded(fresh, adopted, book)
    shortages: list[RowTrouble] = []
    for claim in fresh:
        if claim.key in given:
            continue
        port = book.lowest(claim.low, claim.high)
        if port is None:
            shortages.append(shortage(claim, book))
        else:
            given[claim.key] = port
    known = kept | {key: PortLease(key=key, port=port, leased_at=now) for key, port in given.items()}
    return Leasing(
        leases=MappingProxyType({key: known[key] for key in sorted(known)}),
        changed=tuple(known[key] for key in sorted(known) if known[key] != leases.get(key)),
        forgotten=tuple(sorted(leases.keys() - known.keys())),
        shortages=tuple(shortages),
        skipped=tuple(sorted(book.skipped.items())),
    )


def standing(
    claimed: Collection[IntegrationKey], leases: Mapping[IntegrationKey, PortLease], now: float, cooldown_seconds: float
) -> dict[IntegrationKey, PortLease]:
    """The leases that go on: of those who claim theirs, and released ones until they have cooled down.

    Should two have the same port, as after a damaged store, the one in use has it, and of two the older.
    """
    kept: dict[IntegrationKey, PortLease] = {}
    ports: set[int] = set()
    for old in sorted(leases.values(), key=lambda one: (one.key not in claimed, one.leased_at, one.key)):
        one = touched(old, old.key in claimed, now)
        cooled = one.released_at is not None and now - one.released_at >= cooldown_seconds
        if not cooled and one.port not in ports:
            kept[one.key] = one
            ports.add(one.port)
    return kept


def touched(old: PortLease, claimed: bool, now: float) -> PortLease:
    """Released from the moment that nobody claims it; a clock that was ahead then does not make it longer."""
    if claimed:
        return replace(old, released_at=None) if old.released_at is not None else old
    if old.released_at is None or old.released_at > now:
        return replace(old, released_at=now)
    return old


def recorded(fresh: Iterable[Claim], adopted: Mapping[IntegrationKey, int], book: Book) -> dict[IntegrationKey, int]:
    """Ports that the product's own record has for these, as far as they are to be had."""
    given: dict[IntegrationKey, int] = {}
    for claim in fresh:
        port = adopted.get(claim.key)
        if port is not None and claim.low <= port <= claim.high and book.free(port):
            book.used.add(port)
            given[claim.key] = port
    return given


class Book:
    """Ports in use while new ones are given. `skipped` grows with what `free` passes over."""

    def __init__(self, used: set[int], taken: Mapping[int, str], reserved: Collection[int]) -> None:
        self.used = used
        self.taken = taken
        self.reserved = reserved
        self.skipped: dict[int, str] = {}
        self._searches: dict[tuple[int, int], Iterator[int]] = {}

    def free(self, port: int) -> bool:
        if port in self.used:
            return False
        if port in self.taken:
            self.skipped[port] = self.taken[port]
        return port not in self.taken

    def lowest(self, low: int, high: int) -> int | None:
        """Take the lowest free port of a range, and go on from there the next time."""
        search = self._searches.setdefault((low, high), self._search(low, high))
        port = next((port for port in search if self.free(port)), None)
        if port is not None:
            self.used.add(port)
        return port

    def _search(self, low: int, high: int) -> Iterator[int]:
        ports = range(low, high + 1)
        yield from (port for port in ports if port not in self.reserved)
        yield from (port for port in ports if port in self.reserved)


def shortage(claim: Claim, book: Book) -> RowTrouble:
    foreign = sum(claim.low <= port <= claim.high for port in book.taken)
    held = f", {foreign} of them held by others" if foreign else ""
    return RowTrouble(
        collection="integrations",
        row=claim.row or str(claim.key),
        field="port",
        reason=f"no port is free in {claim.low}-{claim.high}{held}: widen the range of its template",
        tenantcode=claim.key.tenantcode,
        key=claim.key,
    )
