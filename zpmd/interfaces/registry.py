"""The registry as one thing: where the rows come from, how that stands, and which of them are not used. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from zpmd.interfaces.row_views import LossView, RegistryView, TroubleView, UnknownView
from zpmd.interfaces.words import plural
from zpmd.model.events import Snapshot
from zpmd.model.tenant import Integration, IntegrationKey, Rows, RowTrouble, Status, Tenancy

NONE = "there is no registry: neither `mongodb` in zpmd.yaml nor a file in `data_dir`"


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
        troubles=troubles(tenancy),
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


def troubles(tenancy: Tenancy, collections: Iterable[str] | None = None) -> tuple[TroubleView, ...]:
    """Of these collections, or of all."""
    wanted = None if collections is None else frozenset(collections)
    used = _Used(tenancy.rows)
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

    def __init__(self, rows: Rows) -> None:
        self._integrations = {i.key: i.row for i in rows.integrations}
        self._tenants = {t.tenantcode: t.row for t in rows.tenants}
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
        if (trouble.collection, trouble.row) in self._rows:
            return "frozen at its last good version"
        if trouble.collection == "integrations":
            return self._as_in(None if trouble.key is None else self._integrations.get(trouble.key)) or "not running"
        if trouble.collection == "tenants":
            code = trouble.tenantcode
            return self._as_in(self._tenants.get(code)) or "left out, and its integrations do not run"
        return "left out"

    def _as_in(self, row: str | None) -> str:
        """Another row, or an earlier one, says the same identity, and counts."""
        return "" if row is None else f"what counts is row {row}" if row else "frozen at its last good version"
