"""The registry as one thing: where the rows come from, how that stands, and which of them are not used. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from zpmd.interfaces.row_views import LossView, RegistryView, TroubleView, UnknownView
from zpmd.interfaces.words import plural
from zpmd.model.events import Snapshot
from zpmd.model.tenant import Integration, IntegrationKey, Rows, RowTrouble, Status, Tenancy

FROZEN, NOT_RUNNING = "frozen at its last good version", "not running"
NONE = "there is no registry: neither `mongodb` in zpmd.yaml nor a file in `data_dir`"

DATA_FILES = "data files"
"""What the registry of data files calls itself; any other is a database."""


def registry(snapshot: Snapshot) -> RegistryView | None:
    """None where there is neither a database nor a data file."""
    tenancy = snapshot.tenancy
    if tenancy is None:
        return None
    rows = tenancy.rows
    return RegistryView(
        where=tenancy.where,
        watched=tenancy.watched,
        known=known(tenancy),
        at=tenancy.at or None,
        away_since=tenancy.away.since if tenancy.away else None,
        away_why=tenancy.away.why if tenancy.away else "",
        tenants=len(rows.tenants),
        integrations=len(rows.integrations),
        active=len(active(rows)),
        replica_set=tenancy.replica_set,
        unknown=tuple(UnknownView(tenantcode=code, why=why) for code, why in rows.unknown),
        troubles=troubles(snapshot),
        held=_held(snapshot, tenancy),
    )


def known(tenancy: Tenancy) -> bool:
    """Whether the registry was ever read: in this run, or in an earlier one whose rows were kept."""
    return bool(tenancy.at) or tenancy.rows != Rows()


def active(rows: Rows) -> tuple[Integration, ...]:
    """The integrations that are to run."""
    running = {t.tenantcode for t in rows.tenants if t.status is Status.ACTIVE}
    return tuple(i for i in rows.integrations if i.status is Status.ACTIVE and i.tenantcode in running)


def goes_on(tenancy: Tenancy) -> str:
    """What becomes of everything while the registry is away."""
    if not known(tenancy):
        return "nothing is known of it yet"
    return f"{_go(plural(len(active(tenancy.rows)), 'integration'), len(active(tenancy.rows)))} on as last known"


def troubles(snapshot: Snapshot, collections: Iterable[str] | None = None) -> tuple[TroubleView, ...]:
    """Of these collections, or of all."""
    tenancy = snapshot.tenancy
    if tenancy is None:
        return ()
    wanted = None if collections is None else frozenset(collections)
    used = _Used(snapshot, tenancy.rows)
    return tuple(
        TroubleView(
            collection=t.collection,
            row=t.row,
            field=t.field,
            reason=t.reason,
            tenantcode=t.tenantcode,
            integration=str(t.key) if t.key else "",
            consequence=used.instead_of(t),
        )
        for t in tenancy.troubles
        if wanted is None or t.collection in wanted
    )


def complaint(snapshot: Snapshot, service: str) -> str:
    """What is wrong with the row that a service by this name would be made of; "" where there is no such row."""
    return next(
        (
            f"{t.collection} {t.row} ({t.integration}): {t.field}: {t.reason}; {t.consequence}"
            for t in troubles(snapshot)
            if t.integration and service.endswith(f"-{t.integration.replace('/', '-')}")
        ),
        "",
    )


def _go(subject: str, number: int) -> str:
    return f"{subject} {'goes' if number == 1 else 'go'}"


def _held(snapshot: Snapshot, tenancy: Tenancy) -> tuple[LossView, ...]:
    services = {i.key: i.service for i in tenancy.rows.integrations}
    return tuple(
        LossView(integration=str(key), service=services.get(key) or _declared(snapshot, key), why=why)
        for key, why in tenancy.held
    )


def _declared(snapshot: Snapshot, key: IntegrationKey) -> str:
    """The held service that ends as the key says; "" where there is none."""
    end = f"-{key.tenantcode}-{key.integration_id}"
    return next((name for name, _ in snapshot.desired.held if name.endswith(end)), "")


class _Used:
    """What counts of the rows, by what a trouble can name."""

    def __init__(self, snapshot: Snapshot, rows: Rows) -> None:
        self._integrations = {i.key: i for i in rows.integrations}
        self._tenants = {t.tenantcode: t.row for t in rows.tenants}
        self._stopped = {i.row for i in active(rows)} - _made(snapshot, rows)
        self._rows = {
            (collection, row.row)
            for collection, found in (
                ("tenants", rows.tenants),
                ("tenant_dbs", rows.databases),
                ("tenant_backups", rows.backups),
                ("integrations", rows.integrations),
                ("integration_ports", rows.ports),
                ("app_params", rows.params),
                ("servers", rows.servers),
            )
            for row in found
        }

    def instead_of(self, trouble: RowTrouble) -> str:
        if trouble.collection == "integrations":
            one = self._integrations.get(trouble.key) if trouble.key is not None else None
            row = one.row if one else trouble.row if ("integrations", trouble.row) in self._rows else None
            return NOT_RUNNING if row is None or row in self._stopped else _frozen(row, trouble.row)
        if (trouble.collection, trouble.row) in self._rows:
            return FROZEN
        if trouble.collection == "tenants":
            row = self._tenants.get(trouble.tenantcode)
            return "left out, and its integrations do not run" if row is None else _frozen(row, trouble.row)
        return "left out"


def _made(snapshot: Snapshot, rows: Rows) -> set[str]:
    """The rows of integrations of which there is a service."""
    declared = {s.name for s in snapshot.desired.services}
    return {i.row for i in rows.integrations if i.service in declared}


def _frozen(counts: str, bad: str) -> str:
    """`counts` is the row whose last good version goes on, under another id perhaps."""
    return FROZEN if counts in ("", bad) else f"{FROZEN}, of row {counts}"
