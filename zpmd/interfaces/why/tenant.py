"""The story of one tenant: how its row, its databases and its integrations stand, and what that comes from. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo

from zpmd.interfaces import tenancy
from zpmd.interfaces.advice import from_afar
from zpmd.interfaces.asked import IntegrationsQuery, TenantsQuery
from zpmd.interfaces.root import Roots, standing
from zpmd.interfaces.row_views import IntegrationView, TenantView, TroubleView
from zpmd.interfaces.status import status
from zpmd.interfaces.views import ServiceView
from zpmd.interfaces.why import handling, waits
from zpmd.interfaces.why.replicas import entry_view
from zpmd.interfaces.why_views import GroupedView, TenantWhyView
from zpmd.interfaces.words import plural
from zpmd.model.events import Entry, Snapshot
from zpmd.model.plan import State
from zpmd.model.tenant import Status

HAPPENINGS = 20
SERVICES_ASKED = 100
"""So many of a tenant's services have their journal looked at."""
IDLE = frozenset({tenancy.OFF, "completed", "stopped"})
"""States of an integration in which it is as it should be, though it is not ready."""
JOB_WELL = frozenset({State.SCHEDULED, State.RUNNING})


def story(
    code: str, snapshot: Snapshot, journal: waits.Journal, now: float, zone: tzinfo | None = None
) -> TenantWhyView:
    found = tenancy.tenants(snapshot, now, TenantsQuery(tenant=code))
    row = next(iter(found.tenants), None)
    integrations = tenancy.integrations(snapshot, now, IntegrationsQuery(tenant=code))
    troubles = (*found.troubles, *integrations.troubles)
    views = {s.name: s for s in status(snapshot, now).services()}
    jobs = _jobs(code, integrations.integrations, views)
    groups = _groups(integrations.integrations, jobs, views)
    handled, what = _handling(row, groups, troubles, views, snapshot, journal, now, zone)
    return TenantWhyView(
        name=code,
        now=now,
        answer=_answer(code, row, integrations.integrations, groups, troubles),
        handling=what,
        handled=handled,
        tenant=row,
        groups=groups,
        troubles=troubles,
        happenings=tuple(entry_view(e) for e in _happenings(code, integrations.integrations, jobs, journal)),
    )


def _jobs(
    code: str, integrations: Sequence[IntegrationView], views: Mapping[str, ServiceView]
) -> tuple[ServiceView, ...]:
    """Its jobs that no integration has."""
    theirs = {each.service for each in integrations}
    return tuple(v for v in views.values() if v.job is not None and v.tenant == code and v.name not in theirs)


def _groups(
    integrations: Sequence[IntegrationView], jobs: Sequence[ServiceView], views: Mapping[str, ServiceView]
) -> tuple[GroupedView, ...]:
    """What is to run and is not ready, and jobs with which something is wrong, by what that comes from: the most
    first."""
    groups: dict[str, list[str]] = {}
    for each in integrations:
        service = views.get(each.service)
        well = service is not None and service.job is not None and service.state in JOB_WELL
        if well or each.state in IDLE or (each.desired and each.ready >= each.desired):
            continue
        groups.setdefault(_comes_from(each, service), []).append(each.service or each.title)
    for job in jobs:
        if job.state not in JOB_WELL:
            groups.setdefault(_of(job), []).append(job.name)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return tuple(GroupedView(text=text, services=tuple(services)) for text, services in ordered)


def _comes_from(integration: IntegrationView, service: ServiceView | None) -> str:
    if service is not None:
        return _of(service)
    return f"its row: {integration.trouble}" if integration.trouble else integration.reason or integration.state


def _of(service: ServiceView) -> str:
    return service.root or standing(service).removeprefix("is ")


def _answer(
    code: str,
    row: TenantView | None,
    integrations: Sequence[IntegrationView],
    groups: Sequence[GroupedView],
    troubles: Sequence[TroubleView],
) -> str:
    if row is None:
        why = next((f"{t.field}: {t.reason}; {t.consequence}" for t in troubles), "its row is not known")
        return f"tenant {code} is not used: {why}"
    if row.status != Status.ACTIVE:
        count = plural(len(integrations), "integration")
        return f"tenant {code} is {row.status}: its {count} {'is' if len(integrations) == 1 else 'are'} not to run"
    parts = [f"tenant {code} is active: {row.ready} of {plural(row.active, 'integration')} ready", *_database(row)]
    if groups:
        theirs = {name for each in integrations for name in (each.service, each.title)}
        word = "integration" if theirs.issuperset(groups[0].services) else "service"
        parts.append(f"{plural(len(groups[0].services), word)}: {groups[0].text}")
    if len(groups) > 1:
        rest = sum(len(group.services) for group in groups[1:])
        parts.append(f"{rest} more for {plural(len(groups) - 1, 'other reason')}")
    return "; ".join(parts)


def _database(row: TenantView) -> list[str]:
    if row.unknown:
        return [f"its database is not known: {row.unknown}"]
    if row.connection_status in tenancy.UNWELL:
        return [f"its database is {row.connection_status}"]
    unwell = [d for d in row.databases if d.connection_status in tenancy.UNWELL]
    return [f"database {d.db_name or d.uuid} is {d.connection_status}" for d in unwell[:1]]


def _handling(
    row: TenantView | None,
    groups: Sequence[GroupedView],
    troubles: Sequence[TroubleView],
    views: dict[str, ServiceView],
    snapshot: Snapshot,
    journal: waits.Journal,
    now: float,
    zone: tzinfo | None,
) -> tuple[bool, str]:
    if row is None or troubles:
        where = next((f" {t.collection} {t.row}" for t in troubles), "")
        return False, f"needs you: correct its row{where}; what was good last goes on until then"
    if row.status != Status.ACTIVE:
        return True, handling.NOTHING
    if _database(row):
        return False, f"needs a look: its database at {row.db_host or 'the host of its row'} (`zpmctl tenants`)"
    worst = views.get(groups[0].services[0]) if groups else None
    if worst is None:
        return (True, handling.NOTHING) if not groups else (False, "needs a look: `zpmctl integrations`")
    root = waits.view(worst.name, views, Roots(views), snapshot, now, zone, journal)
    if root is not None:
        return root.handled, root.handling
    reasons = tuple(handling.reason(w, worst) for w in worst.waiting)
    handled, what = handling.handling(worst, snapshot, reasons, now, zone)
    return handled, from_afar(what, worst.name)


def _happenings(
    code: str, integrations: Sequence[IntegrationView], jobs: Sequence[ServiceView], journal: waits.Journal
) -> list[Entry]:
    """The last that the journal has of its services and of its rows, oldest first."""
    services = [*(each.service for each in integrations if each.service), *(job.name for job in jobs)][:SERVICES_ASKED]
    entries = {e.id: e for service in services for e in journal(service)[-HAPPENINGS:]}
    entries |= {e.id: e for e in journal("") if e.subject == code or e.subject.startswith(f"{code}/")}
    return [entries[number] for number in sorted(entries)][-HAPPENINGS:]
