"""How zpmctl puts tenants, integrations, ports and their registry on a terminal. Pure; the time zone is an argument."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from zpmd.interfaces import tenancy
from zpmd.interfaces.ctl.lines import BAD, FAINT, GOOD, NOTICE, STRONG, Row, Zone, line, state_style, table
from zpmd.interfaces.registry import NONE
from zpmd.interfaces.row_views import (
    IntegrationsView,
    IntegrationView,
    PortsView,
    PortView,
    RegistryView,
    TenantsView,
    TenantView,
    TroubleView,
)
from zpmd.interfaces.words import clock, plural, span
from zpmd.model.tenant import Status

TROUBLES_SHOWN = 3
NAMES_SHOWN = 5
CONNECTION = {"connected": GOOD, "disconnected": BAD, "error": BAD}


def registry_lines(view: RegistryView) -> list[Text]:
    """What status says of it; when it is away, status has said so before."""
    lines = []
    if view.known and view.away_since is None:
        counts = f"{plural(view.tenants, 'tenant')}, {plural(view.active, 'integration')} to run"
        lines.append(line((f"  registry: {_where(view)}; {counts}", "")))
    if view.replica_set:
        lines.append(line((f"  replica set: {view.replica_set}", "")))
    lines += [
        line((f"  tenant {u.tenantcode}: {u.why}; its integrations go on as last known", BAD)) for u in view.unknown
    ]
    if view.troubles:
        lines.append(line((f"  {_unused(_rows(view.troubles))}", NOTICE)))
        lines += _troubles(view.troubles[:TROUBLES_SHOWN], "    ")
        if (hidden := len(view.troubles) - TROUBLES_SHOWN) > 0:
            lines.append(line((f"    ... {hidden} more: `zpmctl integrations`, `zpmctl tenants`", FAINT)))
    return lines + _held(view)


def away_text(name: str, since: float, text: str, now: float, zone: Zone) -> str:
    return f"{name} away since {clock(since, now, zone)} ({span(now - since)}): {text}"


def tenant_lines(view: TenantsView, zone: Zone, narrowed: str = "") -> list[Text]:
    """`narrowed` says in words which of them were asked for."""
    if view.tenants:
        titles = ("TENANT", "NAME", "STATUS", "CONNECTION", "READY", "REASON")
        found = table([_titles(titles), *(_tenant(t) for t in view.tenants)])
    else:
        found = _none(view.registry, "tenant", narrowed)
    return [*_stale(view.registry, view.now, zone), *found, *_unused_rows(view.troubles)]


def integration_lines(view: IntegrationsView, zone: Zone, narrowed: str = "") -> list[Text]:
    if view.integrations:
        titles = ("TENANT", "ID", "SERVICE", "PORT", "STATE", "READY", "REASON")
        found = table([_titles(titles), *(_integration(i) for i in view.integrations)])
    else:
        found = _none(view.registry, "integration", narrowed)
    held = (
        [*_held(view.registry), Text("")] if view.registry is not None and view.registry.held and not narrowed else []
    )
    told = {f"{i.tenantcode}/{i.integration_id}" for i in view.integrations}
    rows = {("integrations", i.row) for i in view.integrations}
    untold = [t for t in view.troubles if t.integration not in told and (t.collection, t.row) not in rows]
    return [*_stale(view.registry, view.now, zone), *held, *found, *_unused_rows(untold)]


def port_lines(view: PortsView, zone: Zone, narrowed: str = "") -> list[Text]:
    if view.ports:
        titles = ("PORT", "STATE", "TENANT", "ID", "SERVICE", "SINCE")
        found = table([_titles(titles), *(_port(p, view.now, zone) for p in view.ports)])
    else:
        found = _none(view.registry, "leased port", narrowed)
    skipped = [line((f"  {s.port}", ""), (f"  {s.why}", NOTICE)) for s in view.skipped]
    return [*found, *([Text(""), line(("passed over", STRONG)), *skipped] if skipped else [])]


def _where(view: RegistryView) -> str:
    return f"{view.where} ({view.watched})" if view.watched else view.where


def _stale(view: RegistryView | None, now: float, zone: Zone) -> list[Text]:
    """That what follows is not what the registry says now."""
    if view is None or view.away_since is None or not view.known:
        return []
    text = away_text(view.where, view.away_since, f"{view.away_why}; this is what was known last", now, zone)
    return [line((text, BAD)), Text("")]


def _none(view: RegistryView | None, what: str, narrowed: str) -> list[Text]:
    if view is None:
        return [line((NONE, NOTICE))]
    if not view.known:
        why = f": {view.away_why}" if view.away_why else ""
        return [line((f"nothing is known of {view.where} yet{why}", NOTICE))]
    return [line((f"no {what} {narrowed}" if narrowed else f"{view.where}: no {what}", NOTICE))]


def _tenant(view: TenantView) -> Row:
    running = view.status == Status.ACTIVE
    return (
        (view.tenantcode, ""),
        (view.name, ""),
        (view.status, GOOD if running else NOTICE),
        (view.connection_status or "-", CONNECTION.get(view.connection_status, FAINT)),
        (f"{view.ready}/{view.active}", GOOD if view.ready >= view.active else NOTICE),
        ("; ".join(_tenant_reasons(view)), ""),
    )


def _tenant_reasons(view: TenantView) -> list[str]:
    reasons = [f"its integrations are unknown: {view.unknown}"] if view.unknown else []
    reasons += [
        f"{'backup' if d.collection == 'tenant_backups' else 'database'} {d.db_name or d.uuid} {d.connection_status}"
        for d in view.databases
        if d.connection_status in tenancy.UNWELL
    ]
    if view.troubles:
        reasons.append(_unused(view.troubles))
    if resting := view.integrations - view.active:
        reasons.append(f"{plural(resting, 'integration')} not to run")
    return reasons


def _integration(view: IntegrationView) -> Row:
    ready = "-" if view.state == tenancy.OFF else f"{view.ready}/{view.desired}"
    return (
        (view.tenantcode, ""),
        (str(view.integration_id), ""),
        (view.service, ""),
        ("-" if view.port is None else str(view.port), ""),
        (view.state, _state(view.state)),
        (ready, GOOD if view.ready >= view.desired and view.state != tenancy.NONE else NOTICE),
        ("; ".join(_integration_reasons(view)), ""),
    )


def _integration_reasons(view: IntegrationView) -> list[str]:
    row = f"its row: {view.trouble}" if view.trouble else ""
    held = f"held: {view.held}" if view.held else ""
    return [text for text in (view.reason, row, held) if text]


def _state(state: str) -> str:
    return FAINT if state == tenancy.OFF else BAD if state == tenancy.NONE else state_style(state)


def _port(view: PortView, now: float, zone: Zone) -> Row:
    resting = view.released_at is not None
    since = view.leased_at if view.released_at is None else view.released_at
    return (
        (str(view.port), ""),
        (view.state, NOTICE if resting else GOOD),
        (view.tenantcode, ""),
        (str(view.integration_id), ""),
        (view.service or "-", "" if view.service else FAINT),
        (f"{clock(since, now, zone)} ({span(now - since)})", FAINT),
    )


def _held(view: RegistryView) -> list[Text]:
    if not view.held:
        return []
    names = [loss.service or loss.integration for loss in view.held]
    more = f", and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    lost = f"{plural(len(names), 'integration')} that {'has' if len(names) == 1 else 'have'} vanished from {view.where}"
    return [
        line((f"  held: the removal of {lost}: {', '.join(names[:NAMES_SHOWN])}{more}", BAD)),
        line(("    `zpmctl approve` if it is meant; if not, put the rows back", "")),
    ]


def _unused_rows(troubles: Sequence[TroubleView]) -> list[Text]:
    if not troubles:
        return []
    return [Text(""), line((_unused(_rows(troubles)), STRONG)), *_troubles(troubles, "  ")]


def _troubles(troubles: Sequence[TroubleView], indent: str) -> list[Text]:
    return [line((f"{indent}{_named(t)}: {t.field}: {t.reason}", ""), (f"; {t.consequence}", NOTICE)) for t in troubles]


def _named(trouble: TroubleView) -> str:
    """The row, and whose it is as far as that is known."""
    whose = trouble.integration or trouble.tenantcode
    return f"{trouble.collection} {trouble.row}" + (f" ({whose})" if whose else "")


def _rows(troubles: Sequence[TroubleView]) -> int:
    """One row may have several."""
    return len({(t.collection, t.row) for t in troubles})


def _unused(number: int) -> str:
    return f"{plural(number, 'row')} not used as {'it stands' if number == 1 else 'they stand'}"


def _titles(titles: Sequence[str]) -> Row:
    return tuple((title, FAINT) for title in titles)
