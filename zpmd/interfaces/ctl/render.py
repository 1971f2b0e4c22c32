"""How zpmctl puts plans, stories, journals and checks on a terminal. Pure; the time zone is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from rich.text import Text

from zpmd.interfaces import patches
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
    table,
)
from zpmd.interfaces.ctl.patch_lines import told_lines
from zpmd.interfaces.views import (
    CheckView,
    EntryView,
    InFlightView,
    PlanView,
    WaitingView,
)
from zpmd.interfaces.words import clock, due, named, span

LEVEL = {"ok": GOOD, "warn": NOTICE, "fail": BAD}
NO_CAUSES: Mapping[str, str] = MappingProxyType({})


def plan_lines(view: PlanView, zone: Zone) -> list[Text]:
    lines: list[Text] = []
    causes = {a.subject: a.text for a in view.actions}
    under_way = {f.subject for f in view.in_flight}
    if view.in_flight:
        lines += [line(("under way", STRONG)), *in_flight_lines(view.in_flight, view.now, zone, causes)]
    following = [a for a in view.actions if a.subject not in under_way]
    if following:
        rows = [((f"  {a.verb}", GOOD), (named(a.subject, zone), ""), (a.text, FAINT)) for a in following]
        lines += [line(("next", STRONG)), *table(rows)]
    if view.waiting:
        lines += [line(("waiting", STRONG)), *waiting_lines(view.waiting, view.now, zone)]
    told = {a.subject for a in view.actions} | {w.subject for w in view.waiting}
    if quiet := [p for p in view.patches if f"{patches.SUBJECT}{p.id or p.number}" not in told]:
        lines += [line(("patches", STRONG)), *told_lines(quiet, 0, view.now, zone)]
    return lines or [line(("nothing to do", GOOD))]


def in_flight_lines(
    actions: Iterable[InFlightView], now: float, zone: Zone, causes: Mapping[str, str] = NO_CAUSES
) -> list[Text]:
    return table(
        [
            (
                (f"  {a.verb}", NOTICE),
                (named(a.subject, zone), ""),
                (f"for {span(now - a.since)}", ""),
                ("; ".join(text for text in (a.progress, causes.get(a.subject, "")) if text), FAINT),
            )
            for a in actions
        ]
    )


def waiting_lines(waiting: Iterable[WaitingView], now: float, zone: Zone) -> list[Text]:
    return table(
        [
            (
                (f"  {named(w.subject, zone)}", ""),
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
    text = f"{who}{entry.text}{_attempt(entry, zone)}"
    return (
        (f"{indent}{clock(entry.at, now, zone)}", FAINT),
        (entry.verb, ""),
        (named(entry.subject, zone), ""),
        (outcome, style),
        (text, ""),
    )


def _attempt(entry: EntryView, zone: Zone) -> str:
    """Of a job's run the number of the try, from the second on."""
    if named(entry.subject, zone) != entry.subject:
        return f" (try {entry.attempt})" if entry.attempt > 1 else ""
    return f" (restart {entry.attempt})" if entry.attempt else ""


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
