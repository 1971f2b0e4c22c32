"""Which last good rows go on in place of rows that cannot be used.

A bad row is told to be a good one by its identity, where that can still be read, and else by its `row` id. Ids of a
database are for ever: a bad row with another id is another row. Places in a data file (`acme.yaml:12`, `#3`) are not:
they move as the file is edited. While a bad row at a place cannot be told to be any row in particular, any row that is
missing may be that one, and none of them counts as gone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Protocol, TypeVar

from zpmd.model.tenant import IntegrationKey, RowTrouble

PLACE = re.compile(r"(?:^#|:)[0-9]+$")


class Row(Protocol):
    @property
    def row(self) -> str: ...


T = TypeVar("T", bound=Row)
Identity = Callable[[T], Hashable]
Named = Callable[[RowTrouble], Hashable]
"""The identity that a bad row can be told to have; None where it cannot."""


def frozen(
    old: Iterable[T], now: Iterable[T], bad: Sequence[RowTrouble], identity: Identity[T], named: Named
) -> tuple[list[T], list[RowTrouble]]:
    """Of `old`, what is missing in `now` and may be one of the bad rows; and what is to be said about it."""
    if not bad:
        return [], []
    present = {identity(row) for row in now}
    by_name = {named(trouble) for trouble in bad}
    by_row = {trouble.row for trouble in bad if not is_place(trouble.row)}
    nameless = [trouble.row for trouble in bad if named(trouble) is None and is_place(trouble.row)]
    kept: list[T] = []
    troubles: list[RowTrouble] = []
    for row in old:
        if identity(row) in present:
            continue
        if identity(row) in by_name or row.row in by_row:
            kept.append(row)
        elif nameless and is_place(row.row):
            kept.append(row)
            if row.row in nameless:  # what is wrong at its own place says it all
                continue
            troubles.append(doubt(row, bad[0].collection, min(nameless)))
    return kept, troubles


def is_place(row: str) -> bool:
    return PLACE.search(row) is not None


def tenant_named(trouble: RowTrouble) -> str | None:
    return trouble.tenantcode or None


def integration_named(trouble: RowTrouble) -> IntegrationKey | None:
    """Where the tenantcode itself is what is wrong, the key that it makes is nobody's."""
    return None if trouble.field == "tenantcode" else trouble.key


def unnamed(_: RowTrouble) -> None:
    """Of collections whose troubles do not carry an identity."""


def doubt(row: Row, collection: str, bad: str) -> RowTrouble:
    key = getattr(row, "key", None)
    return RowTrouble(
        collection=collection,
        row=row.row,
        field="document",
        reason=f"is missing, unless it is row {bad}, which does not say who it is: kept until that one is mended",
        tenantcode=getattr(row, "tenantcode", ""),
        key=key if isinstance(key, IntegrationKey) else None,
    )
