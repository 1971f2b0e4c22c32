"""The audit as people see it: its rows in words, and whether its chain holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from zpmd.interfaces.views import CheckView
from zpmd.model.audit import Head, Kind, Link, Record

UNREADABLE = Record(at=0.0, kind=Kind.WRITE, actor="unreadable")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRowView:
    """A row: `body` is what its hash covers, and the rest of the names what the body says."""

    id: int
    previous: str
    hash: str
    body: str
    at: float
    kind: str
    actor: str
    token: str
    scopes: tuple[str, ...]
    address: str
    method: str
    route: str
    subject: str
    before: Mapping[str, object]
    after: Mapping[str, object]
    status: int
    code: str
    count: int
    journal: tuple[int, ...]
    upto: int
    upto_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """`head_id` and `head_hash` are of the last row that was written, as zpmd keeps them apart from the rows."""

    now: float
    head_id: int
    head_hash: str
    rows: tuple[AuditRowView, ...]


def view(links: Sequence[Link], head: Head, now: float) -> AuditView:
    return AuditView(now=now, head_id=head.id, head_hash=head.hash, rows=tuple(_row(link) for link in links))


def links(rows: Iterable[AuditRowView]) -> tuple[Link, ...]:
    """The rows as they hold one another, for whoever verifies what an API has told."""
    return tuple(Link(row.id, row.previous, row.hash, row.body) for row in rows)


def check(faults: Sequence[str], head: Head) -> CheckView:
    """What doctor says of it."""
    if not faults:
        return CheckView(name="audit", level="ok", text=f"the chain holds, up to row {head.id}")
    more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
    advice = "somebody has changed zpmd.db: `zpmctl audit --verify`; the log has every row's hash as it was written"
    return CheckView(name="audit", level="fail", text=f"{faults[0]}{more}", advice=advice)


def _row(link: Link) -> AuditRowView:
    try:
        said = link.record
    except ValueError:
        said = UNREADABLE
    return AuditRowView(
        id=link.id,
        previous=link.previous,
        hash=link.hash,
        body=link.body,
        at=said.at,
        kind=said.kind.value,
        actor=said.actor,
        token=said.token,
        scopes=said.scopes,
        address=said.address,
        method=said.method,
        route=said.route,
        subject=said.subject,
        before=dict(said.before),
        after=dict(said.after),
        status=said.status,
        code=said.code,
        count=said.count,
        journal=said.journal,
        upto=said.upto,
        upto_hash=said.upto_hash,
    )
