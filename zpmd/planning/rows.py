"""What counts of the rows: bad ones replaced by their last good version, unknown ones kept, a suspicious loss held.

Laws, which the property tests state again:

1. Nothing stops without evidence: a row that says so, its tenant's row that says so, or a row that is gone while few
   others are. A bad row, a database that does not answer and a reading with a large part missing are none.
2. One bad row changes nothing but itself.
3. Settling the same reading again changes nothing: rows, troubles and held stay as they are. (`retired` tells of what
   the last good rows still ran; what is gone from those, too, is not told of again.)
4. The order of rows means nothing.

A tenant that is missing takes its integrations with it, whether or not their rows are still there; they are counted
among the lost ones. An integration whose tenant was never known is in trouble.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from zpmd.model.policy import Limits
from zpmd.model.tenant import (
    Integration,
    IntegrationKey,
    Reading,
    Rows,
    RowTrouble,
    Settled,
    Status,
    Tenant,
    TenantBackup,
    TenantDB,
)
from zpmd.planning.frozen import Identity, T, frozen, integration_named, tenant_named, unnamed

Tenants = Mapping[str, Tenant]
Integrations = Mapping[IntegrationKey, Integration]


@dataclass(frozen=True, slots=True)
class Known:
    """The reading with bad and unknown rows replaced, and what of the last good rows is in it no more."""

    tenants: Tenants
    integrations: Integrations
    lost_tenants: Tenants
    lost: Integrations
    """Integrations that ran by the last good rows, and do not now, without a word of any row."""
    homeless: Integrations
    """Rows of the reading whose tenant is not in it."""
    before: Rows
    """The tenants and integrations of the last good rows, and with them those that were lost lately."""
    troubles: tuple[RowTrouble, ...]
    doubts: Mapping[IntegrationKey, RowTrouble]
    """Of integrations that may be missing, to be told of if they go on."""


def settle(
    reading: Reading, good: Rows | None, approved: Collection[str], limits: Limits, lately: Rows | None = None
) -> Settled:
    """`good` are the rows that counted last, None where there never were any. `approved` are names of services that an
    operator lets go. `lately` are tenants and integrations that were lost a moment ago: one large loss may be seen in
    several looks, each of them small."""
    old = good or Rows()
    known = know(reading, old, lately or Rows())
    waiting = {key: lost for key, lost in known.lost.items() if lost.service not in approved}
    held = waiting if suspicious(waiting, known, limits) else {}
    tenants = dict(known.tenants)
    if held:
        going = {i.tenantcode for i in known.lost.values()} - {i.tenantcode for i in held.values()}
        tenants |= {code: t for code, t in known.lost_tenants.items() if code not in going}
    integrations, troubles = standing(known, old, held, tenants)
    rest, rest_troubles = remainder(reading, old, everything=bool(held))
    rows = Rows(
        tenants=tuple(tenants.values()),
        integrations=tuple(integrations.values()),
        databases=rest.databases,
        backups=rest.backups,
        params=rest.params,
        servers=rest.servers,
        ports=reading.rows.ports,
        unknown=reading.rows.unknown,
    ).arranged()
    doubts = (doubt for key, doubt in known.doubts.items() if key in integrations)
    told = {*reading.troubles, *known.troubles, *troubles, *rest_troubles, *doubts}
    return Settled(
        rows=rows,
        troubles=tuple(sorted(told, key=lambda t: (t.collection, t.row, t.field, t.reason))),
        held=MappingProxyType({key: reason(held[key], known, len(held)) for key in sorted(held)}),
        retired=tuple(sorted(retired(tenants, integrations, known.before).items())),
    )


def know(reading: Reading, old: Rows, lately: Rows) -> Known:
    now, had = reading.rows, both(old, lately)
    kept_tenants, doubts = frozen(
        old.tenants, now.tenants, of(reading, "tenants"), lambda t: t.tenantcode, tenant_named
    )
    tenants = {t.tenantcode: t for t in (*now.tenants, *kept_tenants)}
    lost_tenants = {t.tenantcode: t for t in had.tenants if t.tenantcode not in tenants}
    before = {i.key: i for i in old.integrations}
    homeless = [i for i in now.integrations if i.tenantcode not in tenants]
    owned = {i.key: i for i in now.integrations if i.tenantcode in tenants}
    # Whose tenant is missing goes on as it was, or not at all: nothing is begun on such a reading.
    owned |= {i.key: before[i.key] if i.status is Status.ACTIVE else i for i in homeless if i.key in before}
    kept, more_doubts = frozen(
        old.integrations,
        owned.values(),
        [*of(reading, "integrations"), *(stray(i) for i in homeless)],
        lambda i: i.key,
        integration_named,
    )
    silent = {tenantcode for tenantcode, _ in now.unknown}
    unheard = [i for i in old.integrations if i.tenantcode in silent]
    integrations = {i.key: i for i in (*unheard, *kept)} | owned
    return Known(
        tenants=tenants,
        integrations=integrations,
        lost_tenants=lost_tenants,
        lost={i.key: i for i in running(had) if without_a_word(i, tenants, integrations)},
        before=had,
        homeless={i.key: i for i in homeless},
        troubles=(*doubts, *(stray(i) for i in homeless if i.key not in owned)),
        doubts={t.key: t for t in more_doubts if t.key},
    )


def both(old: Rows, lately: Rows) -> Rows:
    """The tenants and integrations of both; of the same one, as it was last."""
    tenants = {t.tenantcode: t for t in (*lately.tenants, *old.tenants)}
    integrations = {i.key: i for i in (*lately.integrations, *old.integrations)}
    return Rows(tenants=tuple(tenants.values()), integrations=tuple(integrations.values()))


def without_a_word(one: Integration, tenants: Tenants, integrations: Integrations) -> bool:
    """Whether an integration that ran is to stop although no row says so."""
    tenant, row = tenants.get(one.tenantcode), integrations.get(one.key)
    if row is not None:
        return tenant is None and row.status is Status.ACTIVE
    return tenant is None or tenant.status is Status.ACTIVE


def suspicious(waiting: Integrations, known: Known, limits: Limits) -> bool:
    """More than the percentage and more than the count, of the integrations that ran or of the active tenants."""
    tenants = {key.tenantcode for key in waiting if key.tenantcode in known.lost_tenants}
    active = sum(t.status is Status.ACTIVE for t in known.before.tenants)

    def large(lost: int, total: int) -> bool:
        return lost > limits.removal_count and lost * 100 > limits.removal_percent * total

    return large(len(waiting), len(running(known.before))) or large(len(tenants), active)


def standing(
    known: Known, old: Rows, held: Integrations, tenants: Tenants
) -> tuple[dict[IntegrationKey, Integration], list[RowTrouble]]:
    """The integrations that count. No two have the same service: one that goes on keeps its name."""
    before = {i.key: i for i in old.integrations}
    wanted = dict(known.integrations)
    if held:
        asleep = {key: i for key, i in before.items() if not runs(i, tenants)}
        wanted = {**asleep, **held, **wanted}
    counted: dict[IntegrationKey, Integration] = {}
    troubles: list[RowTrouble] = []
    names: set[str] = set()
    for key in sorted(wanted, key=lambda k: (wanted[k] != before.get(k), k)):
        one = wanted[key]
        if key.tenantcode not in tenants:
            troubles += [stray(known.homeless[key])] if key in known.homeless else []
            continue
        if one.service.lower() in names:
            troubles.append(trouble(one, "serviceName", "a service that goes on has the same name"))
            if key not in before or before[key].service.lower() in names:
                continue
            one = before[key]
        counted[key] = one
        names.add(one.service.lower())
    return counted, troubles


def remainder(reading: Reading, old: Rows, everything: bool) -> tuple[Rows, list[RowTrouble]]:
    """The other collections. With `everything`, no row of them has gone: the reading is not to be trusted."""
    now = reading.rows
    silent = {tenantcode for tenantcode, _ in now.unknown}

    def rest(
        name: str, before: Sequence[T], after: Sequence[T], identity: Identity[T], kept: Sequence[T] = ()
    ) -> tuple[T, ...]:
        bad, doubted = frozen(before, after, of(reading, name), identity, unnamed)
        doubts.extend(doubted)
        present = {identity(row) for row in after}
        going_on = {identity(row): row for row in (*(before if everything else kept), *bad)}
        return (*after, *(row for key, row in going_on.items() if key not in present))

    doubts: list[RowTrouble] = []
    unheard = [p for p in old.params if p.tenantcode in silent]
    rows = Rows(
        databases=rest("tenant_dbs", old.databases, now.databases, same_database),
        backups=rest("tenant_backups", old.backups, now.backups, same_database),
        params=rest("app_params", old.params, now.params, lambda p: p.identity, unheard),
        servers=rest("servers", old.servers, now.servers, lambda s: s.name),
    )
    return rows, doubts


def retired(tenants: Tenants, integrations: Integrations, old: Rows) -> dict[str, str]:
    """Names of services that are not to run, each with the evidence."""
    run = {i.service for i in integrations.values() if runs(i, tenants)}
    evidence: dict[str, str] = {}
    for one in integrations.values():
        if one.status is not Status.ACTIVE:
            evidence[one.service] = f"integration {one.key} is {one.status}"
        elif not runs(one, tenants):
            evidence[one.service] = f"tenant {one.tenantcode} is {tenants[one.tenantcode].status}"
    for one in old.integrations:
        if one.key in integrations:
            evidence.setdefault(one.service, f"integration {one.key} is {integrations[one.key].service} now")
        elif one.tenantcode in tenants:
            evidence.setdefault(one.service, f"integration {one.key} has no row any more")
        else:
            evidence.setdefault(one.service, f"tenant {one.tenantcode} has no row any more")
    return {name: why for name, why in evidence.items() if name not in run}


def running(rows: Rows) -> list[Integration]:
    tenants = {t.tenantcode: t for t in rows.tenants}
    return [i for i in rows.integrations if runs(i, tenants)]


def runs(one: Integration, tenants: Tenants) -> bool:
    """Active, of an active tenant."""
    tenant = tenants.get(one.tenantcode)
    return one.status is Status.ACTIVE and tenant is not None and tenant.status is Status.ACTIVE


def reason(one: Integration, known: Known, count: int) -> str:
    missing = f"the row of its tenant {one.tenantcode}" if one.tenantcode in known.lost_tenants else "its row"
    others = f", and {count - 1} more would go with it" if count > 1 else ""
    return f"{missing} is gone{others}: `zpmctl approve` lets it go"


def stray(one: Integration) -> RowTrouble:
    return trouble(one, "tenantcode", f"there is no tenant {one.tenantcode}, or its row cannot be used")


def trouble(one: Integration, field: str, reason: str) -> RowTrouble:
    return RowTrouble(
        collection="integrations", row=one.row, field=field, reason=reason, tenantcode=one.tenantcode, key=one.key
    )


def of(reading: Reading, collection: str) -> list[RowTrouble]:
    return [t for t in reading.troubles if t.collection == collection]


def same_database(one: TenantDB | TenantBackup) -> tuple[str, int, str]:
    return one.tenantcode, one.id, one.uuid
