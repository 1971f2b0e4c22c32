"""From documents to all rows: each database by itself, then what they say together.

Two rows that claim the same identity are both in trouble, and every further one with them: which of them is meant is
not for a supervisor to guess. Who ran on one of them before goes on with its last good version (planning/rows.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from zpmd.model.container import Pairs
from zpmd.model.tenant import Integration, Param, PortRow, Rows, RowTrouble, Server, Tenant, TenantBackup, TenantDB
from zpmd.sources.rows.fields import Claim, Fields
from zpmd.sources.rows.kinds import COLLECTIONS, OWN_COLLECTIONS, Row

Documents = Mapping[str, Sequence[object]]
"""The documents of each collection."""

Kind = TypeVar("Kind", bound=Row)

SAID = {
    "tenantcode": "{other} has the same one",
    "id": "{other} has the same one",
    "integration_id": "{other} is the same integration of the tenant",
    "serviceName": "the service of {other} would have the same name",
    "port": "{other} has the same one",
    "name": "{other} gives the same name to the same integrations, or is the same server",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one document: a row, or None. `doubt` becomes a trouble if one of the claims is doubled."""

    collection: str
    value: Row | None
    claims: tuple[Claim, ...]
    troubles: tuple[RowTrouble, ...]
    doubt: RowTrouble


@dataclass(frozen=True, slots=True)
class Part:
    """What one database says."""

    lines: tuple[Line, ...] = ()


def understand(documents: Documents, tenantcode: str = "") -> Part:
    """The documents of the core database or, with `tenantcode`, of that tenant's own: then only the collections that
    such a database has. Collections that are not known are ignored."""
    known = OWN_COLLECTIONS if tenantcode else tuple(COLLECTIONS)
    return Part(
        tuple(
            line(name, document, number, tenantcode)
            for name in known
            for number, document in enumerate(documents.get(name, ()), start=1)
        )
    )


def together(parts: Iterable[Part], unknown: Pairs = ()) -> tuple[Rows, tuple[RowTrouble, ...]]:
    """All rows that are whole and nobody's double, and all that is wrong with the others. `unknown`: see Rows."""
    lines = [line for part in parts for line in part.lines]
    claimed: dict[tuple[str, str, object], list[str]] = defaultdict(list)
    for one in lines:
        for field, value in one.claims:
            claimed[one.collection, field, value].append(one.doubt.row)
    good: defaultdict[type[object], list[Row]] = defaultdict(list)
    troubles: list[RowTrouble] = []
    for one in lines:
        troubles += one.troubles
        claims = ((field, claimed[one.collection, field, value]) for field, value in one.claims)
        doubled = ((field, claimants) for field, claimants in claims if len(claimants) > 1)
        again, same = next(doubled, (None, []))
        if again is not None:
            troubles.append(replace(one.doubt, field=again, reason=said(again, one.doubt.row, same)))
        elif one.value is not None:
            good[type(one.value)].append(one.value)
    rows = Rows(
        tenants=of_kind(good, Tenant),
        databases=of_kind(good, TenantDB),
        backups=of_kind(good, TenantBackup),
        integrations=of_kind(good, Integration),
        params=of_kind(good, Param),
        servers=of_kind(good, Server),
        ports=of_kind(good, PortRow),
        unknown=unknown,
    )
    return rows.arranged(), tuple(sorted(troubles, key=lambda t: (t.collection, t.row, t.field, t.reason)))


def read(documents: Documents) -> tuple[Rows, tuple[RowTrouble, ...]]:
    """Where everything is in one place: data files, or a core database in shared mode."""
    return together((understand(documents),))


def said(field: str, row: str, same: Iterable[str]) -> str:
    """`same` are all rows that claim to be the same as `row`, itself too."""
    others = sorted({other for other in same if other != row})
    more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
    return SAID[field].format(other=f"row {others[0]}{more}" if others else "another row")


def line(collection: str, document: object, number: int, tenantcode: str) -> Line:
    fields = Fields(collection, document, number, tenantcode)
    value = COLLECTIONS[collection](fields) if not fields.wrong else None
    troubles = fields.troubles()
    return Line(
        collection=collection,
        value=None if troubles else value,
        claims=tuple(fields.claims),
        troubles=troubles,
        doubt=fields.trouble("", ""),
    )


def of_kind(rows: Mapping[type[object], list[Row]], kind: type[Kind]) -> tuple[Kind, ...]:
    return tuple(cast("list[Kind]", rows.get(kind, [])))
