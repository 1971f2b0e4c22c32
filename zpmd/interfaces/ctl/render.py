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
    folded,
    line,
    table,
)
from zpmd.interfaces.ctl.patch_lines import told_lines
from zpmd.interfaces.views import (
    CheckView,
    DossierView,
    EntryView,
    InFlightView,
    PlanView,
    ReplicaStory,
    WaitingView,
    WhyView,
)
from zpmd.interfaces.words import clock, due, span
from zpmd.model.plan import State

LEVEL = {"ok": GOOD, "warn": NOTICE, "fail": BAD}
NO_CAUSES: Mapping[str, str] = MappingProxyType({})
HAPPENINGS_SHOWN = 8
LOG_LINES_SHOWN = 10


def plan_lines(view: PlanView, zone: Zone) -> list[Text]:
    lines: list[Text] = []
    causes = {a.subject: a.text for a in view.actions}
    under_way = {f.subject for f in view.in_flight}
    if view.in_flight:
        lines += [line(("under way", STRONG)), *in_flight_lines(view.in_flight, view.now, causes)]
    following = [a for a in view.actions if a.subject not in under_way]
    if following:
        rows = [((f"  {a.verb}", GOOD), (a.subject, ""), (a.text, FAINT)) for a in following]
        lines += [line(("next", STRONG)), *table(rows)]
    if view.waiting:
        lines += [line(("waiting", STRONG)), *waiting_lines(view.waiting, view.now, zone)]
    told = {a.subject for a in view.actions} | {w.subject for w in view.waiting}
    if quiet := [p for p in view.patches if f"{patches.SUBJECT}{p.id or p.number}" not in told]:
        lines += [line(("patches", STRONG)), *told_lines(quiet, 0, view.now, zone)]
    return lines or [line(("nothing to do", GOOD))]


def in_flight_lines(actions: Iterable[InFlightView], now: float, causes: Mapping[str, str] = NO_CAUSES) -> list[Text]:
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


def waiting_lines(waiting: Iterable[WaitingView], now: float, zone: Zone) -> list[Text]:
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


def why_lines(view: WhyView, zone: Zone) -> list[Text]:
    good = view.state in (State.RUNNING, State.COMPLETED)
    lines = [
        line((view.answer, GOOD if good else BAD)),
        line((f"  {view.handling}", "" if view.handled else NOTICE)),
    ]
    if view.patch:
        lines.append(line((f"  {view.patch}", "")))
    if view.made_of:
        lines.append(line((f"  made of {view.made_of}", FAINT)))
    if view.row_trouble:
        lines.append(line((f"  its row: {view.row_trouble}", NOTICE)))
    if view.rollout:
        lines.append(line((f"  {view.rollout}", NOTICE)))
    if view.reasons:
        lines += [Text(""), line(("waiting", STRONG))]
        for reason in view.reasons:
            until = "" if reason.until is None else f", {due(reason.until, view.now, zone)}"
            lines.append(
                line((f"  {reason.subject}", ""), (f"  {reason.code}{until}", NOTICE), (f"  {reason.text}", ""))
            )
            lines.append(line((f"    {reason.advice}", FAINT)))
    for replica in view.replicas:
        lines += [Text(""), *_replica_lines(replica, view.now, zone)]
    for title, entries in (("rollouts", view.rollouts), ("asked and noticed", view.operators)):
        if entries:
            lines += [Text(""), line((title, STRONG)), *_entries(entries[-HAPPENINGS_SHOWN:], view.now, zone)]
    return lines


def _replica_lines(replica: ReplicaStory, now: float, zone: Zone) -> list[Text]:
    lines = [
        line(
            (replica.subject, STRONG),
            (f"  {replica.name}" if replica.name else "", FAINT),
            (f"  {replica.standing}", ""),
        )
    ]
    hidden = len(replica.happenings) - HAPPENINGS_SHOWN
    if hidden > 0:
        lines.append(
            line((f"  ... {hidden} before that: `zpmctl events --service {replica.subject.rpartition('/')[0]}`", FAINT))
        )
    lines += _entries(replica.happenings[-HAPPENINGS_SHOWN:], now, zone)
    for dossier in replica.dossiers[:1]:
        lines += _dossier_lines(dossier, now, zone)
    if len(replica.dossiers) > 1:
        lines.append(line((f"  {len(replica.dossiers) - 1} older of these with --json", FAINT)))
    return lines


def _dossier_lines(dossier: DossierView, now: float, zone: Zone) -> list[Text]:
    lived = ""
    if dossier.started_at is not None and dossier.finished_at is not None:
        lived = f", after {span(dossier.finished_at - dossier.started_at)}"
    title = (
        f"  evidence of {clock(dossier.at, now, zone)}: container {dossier.container_id[:12]}, {dossier.meaning}{lived}"
    )
    lines = [line((title, ""))]
    for name, output in (("health", dossier.health_output), ("last words", dossier.log_tail)):
        if output:
            lines.append(line((f"    {name}", FAINT)))
            lines += [line((f"      | {text}", "")) for text in folded(output)[-LOG_LINES_SHOWN:]]
    return lines


def entry_lines(entries: Sequence[EntryView], now: float, zone: Zone) -> list[Text]:
    return _entries(entries, now, zone, indent="")


def _entries(entries: Sequence[EntryView], now: float, zone: Zone, indent: str = "  ") -> list[Text]:
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
