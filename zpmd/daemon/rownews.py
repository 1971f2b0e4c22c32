"""What is worth a line of the journal when rows were read: one that cannot be used, one that can again, a loss that is
held. Status says how it is; this says since when, to whoever comes in the morning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zpmd.model.tenant import IntegrationKey, RowTrouble, Tenancy

LINES = 20
"""Of one reading. A database that is wrong everywhere is one event, not a thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """`service` is that of the row, "" where it has none. `bad`: something is to be done about it."""

    text: str
    subject: str = "rows"
    service: str = ""
    bad: bool = True


class RowNews:
    """Remembers what it has told, for the life of the process. Used by the loop's thread alone."""

    def __init__(self) -> None:
        self._troubles: frozenset[RowTrouble] = frozenset()
        self._held: frozenset[IntegrationKey] = frozenset()

    def of(self, tenancy: Tenancy | None) -> list[News]:
        """What is new since the last call; a registry that is not there tells nothing."""
        if tenancy is None:
            return []
        news = [*self._of_troubles(tenancy), *self._of_held(tenancy)]
        self._troubles = frozenset(tenancy.troubles)
        self._held = frozenset(key for key, _ in tenancy.held)
        return [*news[:LINES], News(text=f"{len(news) - LINES} more like these")] if len(news) > LINES else news

    def _of_troubles(self, tenancy: Tenancy) -> Iterator[News]:
        services = {i.key: i.service for i in tenancy.rows.integrations}
        for one in tenancy.troubles:
            if one not in self._troubles:
                text = f"{one.collection} {one.row} is not used as it stands: {one.field}: {one.reason}"
                yield News(text=text, subject=_subject(one), service=services.get(one.key, "") if one.key else "")
        still = {(t.collection, t.row) for t in tenancy.troubles}
        mended = {(t.collection, t.row): t for t in self._troubles if (t.collection, t.row) not in still}
        for (collection, row), one in sorted(mended.items()):
            service = services.get(one.key, "") if one.key else ""
            yield News(text=f"{collection} {row} is no longer wrong", subject=_subject(one), service=service, bad=False)

    def _of_held(self, tenancy: Tenancy) -> Iterator[News]:
        held = sorted(key for key, _ in tenancy.held)
        if held and frozenset(held) - self._held:
            names = ", ".join(str(key) for key in held[:LINES]) + (", ..." if len(held) > LINES else "")
            count = f"{len(held)} integration{'' if len(held) == 1 else 's'}"
            yield News(text=f"held: {count} that vanished at once: {names}")
        if self._held and not held:
            yield News(text="no integration is held any more", bad=False)


def _subject(trouble: RowTrouble) -> str:
    return str(trouble.key) if trouble.key else trouble.tenantcode or "rows"
