"""How zpmctl puts services, plans and stories on a terminal. Pure; the time zone is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from rich.text import Text

from zpmd.interfaces import patches, status
from zpmd.interfaces.ctl.lines import (
    BAD,
    FAINT,
    GOOD,
    NOTICE,
    STRONG,
    Cell,
    Row,
    Zone,
    line,
    state_style,
    table,
)
from zpmd.interfaces.ctl.patch_lines import told_lines
from zpmd.interfaces.ctl.rows import away_text, registry_lines
from zpmd.interfaces.views import (
    CheckView,
    EntryView,
    InFlightView,
    PlanView,
    ServiceView,
    StatusView,
    WaitingView,
)
from zpmd.interfaces.words import clock, due, plural, span

HEADER = {
    status.CONVERGED: GOOD,
    status.CHANGING: NOTICE,
    status.TROUBLED: BAD,
    status.DEGRADED: BAD,
    status.DOWN: NOTICE,
}
LEVEL = {"ok": GOOD, "warn": NOTICE, "fail": BAD}
TITLES = ("SERVICE", "READY", "STATE", "AGE", "RESTARTS", "REASON")
NO_CAUSES: Mapping[str, str] = MappingProxyType({})


def status_lines(view: StatusView, zone: Zone) -> list[Text]:
    lines = [*_header(view, zone), *told_lines(view.patches, view.patches_untold, view.now, zone)]
    if view.registry is not None:
        lines += registry_lines(view.registry)
    lost = {loss.service for loss in view.registry.held} if view.registry else frozenset[str]()
    if held := [name for name in view.held_removals if name not in lost]:
        lines.append(line((f"  held: the removal of {plural(len(held), 'service')}: {', '.join(held)}", BAD)))
        lines.append(line(("    `zpmctl approve` if it is meant; if not, put the service files back", "")))
    lines += [line((f"  conflict: {c.subject}: {c.text}", BAD)) for c in view.conflicts]
    lines += [
        line(
            (f"  {'everything' if h.service == '*' else h.service} is held by {h.owner}", NOTICE),
            (_hold_rest(h.reason, h.until, view.now, zone), ""),
        )
        for h in view.holds
    ]
    if view.groups:
        lines += [Text(""), *_service_table(view, zone)]
    if view.in_flight:
        lines += [Text(""), line(("under way", STRONG)), *_in_flight(view.in_flight, view.now)]
    told = {f"{patches.SUBJECT}{patch.id}" for patch in view.patches}
    if waiting := [w for w in view.waiting if w.subject not in told]:
        lines += [Text(""), line(("waiting", STRONG)), *_waiting(waiting, view.now, zone)]
    return lines


def _header(view: StatusView, zone: Zone) -> list[Text]:
    services = view.services()
    ready = sum(min(s.ready, s.desired) for s in services)
    counts = (
        f"{plural(len(services), 'service')}, {ready} of {plural(sum(s.desired for s in services), 'replica')} ready"
    )
    state = view.state
    if view.since is not None:
        state += f" since {clock(view.since, view.now, zone)} ({span(view.now - view.since)})"
    lines = [
        line((f"zpmd {view.version}", STRONG), ("  ", ""), (state, HEADER.get(view.state, "")), (f"  {counts}", ""))
    ]
    if view.troubled:
        lines.append(line((f"  needs a look: {', '.join(view.troubled)}", BAD), ("  (`zpmctl why SERVICE`)", FAINT)))
    for reason in view.degraded:
        text = reason.text
        if reason.what == "registry" and reason.since is not None:
            text = away_text(reason.name, reason.since, text, view.now, zone)
        lines.append(line((f"  {text}", BAD)))
        lines += [line((f"    {text}", "")) for text in reason.problems]
    return lines


def _hold_rest(reason: str, until: float | None, now: float, zone: Zone) -> str:
    end = "until it is released" if until is None else f"until {clock(until, now, zone)} ({span(until - now)})"
    return f" {end}" + (f": {reason}" if reason else "")


def _service_table(view: StatusView, zone: Zone) -> list[Text]:
    rows: list[Row | Text] = [tuple((title, FAINT) for title in TITLES)]
    for group in view.groups:
        rows.append(line((f"{group.name}  {group.ready}/{group.desired}", STRONG)))
        rows += [_service_row(service, view.now, zone) for service in group.services]
    return table(rows)


def _service_row(service: ServiceView, now: float, zone: Zone) -> Row:
    style = state_style(service.state)
    age = "-" if service.since is None else span(now - service.since)
    return (
        (f"  {service.name}", ""),
        (f"{service.ready}/{service.desired}", GOOD if service.ready >= service.desired else NOTICE),
        (service.state, style),
        (age, ""),
        (str(service.restarts), NOTICE if service.restarts else FAINT),
        (_reason(service, now, zone), ""),
    )


def _reason(service: ServiceView, now: float, zone: Zone) -> str:
    """Why it is as it is, and what it waits for until when."""
    parts = [service.reason] if service.reason else []
    for waiting in service.waiting[:1]:
        if not service.reason:
            parts.append(waiting.text)
        if waiting.until is not None:
            parts.append(f"{waiting.code}, {due(waiting.until, now, zone)}")
    if service.scaled is not None:
        parts.append(f"scaled to {service.scaled} by an operator")
    if service.patched is not None:
        parts.append(patches.under_text(service.patched))
    parts += [f"{a.verb}: {a.progress}" for a in service.in_flight[:1] if a.progress]
    return "; ".join(parts)


def plan_lines(view: PlanView, zone: Zone) -> list[Text]:
    lines: list[Text] = []
    causes = {a.subject: a.text for a in view.actions}
    under_way = {f.subject for f in view.in_flight}
    if view.in_flight:
        lines += [line(("under way", STRONG)), *_in_flight(view.in_flight, view.now, causes)]
    following = [a for a in view.actions if a.subject not in under_way]
    if following:
        rows = [((f"  {a.verb}", GOOD), (a.subject, ""), (a.text, FAINT)) for a in following]
        lines += [line(("next", STRONG)), *table(rows)]
    if view.waiting:
        lines += [line(("waiting", STRONG)), *_waiting(view.waiting, view.now, zone)]
    told = {a.subject for a in view.actions} | {w.subject for w in view.waiting}
    if quiet := [p for p in view.patches if f"{patches.SUBJECT}{p.id or p.number}" not in told]:
        lines += [line(("patches", STRONG)), *told_lines(quiet, 0, view.now, zone)]
    return lines or [line(("nothing to do", GOOD))]


def _in_flight(actions: Iterable[InFlightView], now: float, causes: Mapping[str, str] = NO_CAUSES) -> list[Text]:
    return table(
        [
            (
                (f"  {a.verb}", NOTICE),
                (a.subject, ""),
                (f"for {span(now - a.since)}", ""),
                ("; ".join(text for text in (a.progress, causes.get(a.subject, "")) if text), FAINT),
            )
            for a in actions
        ]
    )


def _waiting(waiting: Iterable[WaitingView], now: float, zone: Zone) -> list[Text]:
    return table(
        [
            (
                (f"  {w.subject}", ""),
                (w.code, NOTICE),
                ("-" if w.until is None else due(w.until, now, zone), ""),
                (w.text, ""),
            )
            for w in waiting
        ]
    )


def entry_lines(entries: Sequence[EntryView], now: float, zone: Zone) -> list[Text]:
    return entries_table(entries, now, zone, indent="")


def entries_table(entries: Sequence[EntryView], now: float, zone: Zone, indent: str = "  ") -> list[Text]:
    return table([_entry(entry, now, zone, indent) for entry in entries])


def _entry(entry: EntryView, now: float, zone: Zone, indent: str) -> Row:
    outcome, style = _outcome(entry)
    who = "" if entry.actor == "zpmd" else f"{entry.actor}: "
    text = f"{who}{entry.text}" + (f" (restart {entry.attempt})" if entry.attempt else "")
    return (
        (f"{indent}{clock(entry.at, now, zone)}", FAINT),
        (entry.verb, ""),
        (entry.subject, ""),
        (outcome, style),
        (text, ""),
    )


def _outcome(entry: EntryView) -> Cell:
    took = f" {entry.seconds:.1f} s" if entry.seconds else ""
    match entry.result:
        case None:
            return ("no outcome" if entry.kind == "action" else "-", FAINT)
        case "ok":
            return (f"ok{took}", GOOD)
        case "unknown":
            return (f"answer lost{took}", NOTICE)
        case _:
            return (f"failed{took}: {entry.detail}", BAD)


def check_lines(checks: Sequence[CheckView]) -> list[Text]:
    lines: list[Text] = []
    for row, check in zip(
        table([((c.level, LEVEL[c.level]), (c.name, ""), (c.text, "")) for c in checks]), checks, strict=True
    ):
        lines.append(row)
        if check.advice:
            lines.append(line((f"      {check.advice}", FAINT)))
    return lines
