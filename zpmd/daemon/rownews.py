"""What is worth a line of the journal when rows were read: one that cannot be used, one that can again, a loss that is
held. Status says how it is; this says since when, to whoever comes in the morning.
"""

from __future__ import annotations

from collections.abc import Iterator

from zpmd.daemon.news import LINES, News
from zpmd.messages import Message
from zpmd.model.tenant import IntegrationKey, RowTrouble, Tenancy


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
        return (
            [*news[:LINES], News(text=f"{len(news) - LINES} more like these", subject="rows")]
            if len(news) > LINES
            else news
        )

    def _of_troubles(self, tenancy: Tenancy) -> Iterator[News]:
        services = {i.key: i.service for i in tenancy.rows.integrations}
        for one in tenancy.troubles:
            if one not in self._troubles:
                text = f"{one.collection} {one.row} is not used as it stands: {one.field}: {one.reason}"
                service = services.get(one.key, "") if one.key else ""
                yield News(text=text, subject=_subject(one), service=service, message=Message.ROW_WRONG)
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
            text = f"held: {count} that vanished at once: {names}"
            yield News(text=text, subject="rows", message=Message.REMOVAL_HELD)
        if self._held and not held:
            yield News(text="no integration is held any more", subject="rows", bad=False)


def _subject(trouble: RowTrouble) -> str:
    return str(trouble.key) if trouble.key else trouble.tenantcode or "rows"
