"""How zpmctl puts jobs, their runs and what is due next on a terminal. Pure; the time zone is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.text import Text

from zpmd.interfaces.ctl.dossier_lines import dossiers_lines
from zpmd.interfaces.ctl.lines import BAD, FAINT, GOOD, NOTICE, STRONG, Cell, Row, Zone, line, state_style, table
from zpmd.interfaces.ctl.overview import TOLD_BY_RUNS, rank_of_state
from zpmd.interfaces.job_views import (
    JobsView,
    JobView,
    NextView,
    PolicyView,
    RunStoryView,
    RunsView,
    RunView,
    UpcomingView,
)
from zpmd.interfaces.run_words import ended, remark, stands
from zpmd.interfaces.schedule_words import short
from zpmd.interfaces.words import clock, due, lasting, moment, plural
from zpmd.model.job import Ending
from zpmd.model.schedule import Mark

NO_JOBS = "no jobs: a service is one by `x-zpmd.schedule` in its file"
QUIET = frozenset({Ending.SKIPPED_OVERLAP, Ending.HELD, Ending.SUSPENDED, Ending.REPEATED, Ending.REPLACED})
"""Endings without a run that are as somebody wants it."""


def list_lines(view: JobsView, zone: Zone) -> list[Text]:
    """What needs a look comes first."""
    if not view.jobs:
        return [line((NO_JOBS, ""))]
    titles: Row = [(title, FAINT) for title in ("JOB", "STATE", "SCHEDULE", "LAST RUN", "NEXT START", "REMARKS")]
    ordered = sorted(view.jobs, key=lambda job: (rank_of_state(job.state), job.name))
    return table([titles, *(_job(job, view.now, zone) for job in ordered)])


def job_lines(job: JobView, runs: RunsView, zone: Zone) -> list[Text]:
    """A job, what of it has not ended, and its newest rows."""
    now = runs.now
    head = [(job.name, STRONG), ("  ", ""), (job.state, state_style(job.state))]
    why = "" if job.state in TOLD_BY_RUNS else job.reason
    lines = [line(*head, (f"  {why}" if why else "", ""))]
    facts = [*_policy(job.policy), ("image", job.image), ("tenant", job.tenant), *_kept_back(job)]
    facts.append(("next", "-" if job.next_at is None else _in(job.next_at, now, zone)))
    lines += table([((f"  {name}", FAINT), (text, "")) for name, text in facts if text])
    if job.open:
        lines += [Text(""), line(("has not ended", STRONG)), *runs_table(job.open, now, zone)]
    past = [run for run in runs.runs if run.ending]
    lines += [Text(""), line(("runs", STRONG)), *(runs_table(past, now, zone) or [line(("  none yet", FAINT))])]
    if runs.before is not None:
        lines.append(line((f"  ... `zpmctl job history {job.name}` has the others", FAINT)))
    return lines


def history_lines(view: RunsView, zone: Zone, of_all: bool, asked: str) -> list[Text]:
    """`asked` says in words what was asked for."""
    if not view.runs:
        return [line((f"no run{asked}", NOTICE))]
    lines = runs_table(view.runs, view.now, zone, of_all=of_all, indent="")
    return lines + ([line(("... there are others: --limit", FAINT))] if view.before is not None else [])


def runs_table(runs: Sequence[RunView], now: float, zone: Zone, of_all: bool = False, indent: str = "  ") -> list[Text]:
    if not runs:
        return []
    first = ("JOB", "DUE") if of_all else ("DUE",)
    names = (*first, "RUN", "LATE", "TRIES", "REMARKS")
    titles: Row = [(f"{'' if at else indent}{name}", FAINT) for at, name in enumerate(names)]
    return table([titles, *(_run(run, now, zone, of_all, indent) for run in runs)])


def run_lines(view: RunStoryView, zone: Zone) -> list[Text]:
    """One run, whole."""
    run = view.run
    lines = [line((f"{run.job}  {moment(run.due_at, zone)}", STRONG), ("  ", ""), (stands(run, view.now), _style(run)))]
    facts = [
        ("reason", remark(run)),
        ("started", _at(run.started_at, view.now, zone)),
        ("finished", _at(run.finished_at, view.now, zone)),
        ("late", "" if run.late_seconds is None else lasting(run.late_seconds)),
        ("exit code", "" if run.exit_code is None else str(run.exit_code)),
        ("tries", str(run.tries) if run.tries > 1 else ""),
        ("also", "; ".join(_remarks(run, with_reason=False))),
        ("container", run.container_id[:12]),
        ("spec", run.spec),
        ("tenant", run.tenant),
    ]
    lines += (
        table([((f"  {name}", FAINT), (text, "")) for name, text in facts if text]) if any(t for _, t in facts) else []
    )
    if not any(dossier.container_id == run.container_id for dossier in view.dossiers):
        lines += _log(view)
    return [*lines, *([Text(""), *dossiers_lines(run.job, view.dossiers, zone)] if view.dossiers else [])]


def _log(view: RunStoryView) -> list[Text]:
    run = view.run
    if run.log_kept:
        title = f"its last {plural(len(view.log_tail), 'line')}" if view.log_tail else "it has written nothing"
        return [Text(""), line((title, STRONG)), *(line((f"  | {said}", "")) for said in view.log_tail)]
    if run.started_at is None:
        return []
    return [Text(""), line((f"its log is with its container: `zpmctl logs {run.job}/{run.due}`", FAINT))]


def next_lines(view: NextView, zone: Zone) -> list[Text]:
    """In the job's own zone: it is the clock there that is changed."""
    own = _zone(view.time_zone) or zone
    head = [line((f"{view.job}, by the clock of {view.time_zone}", STRONG))]
    if view.held_by:
        head.append(line((f"  as things stand none of these would run: {view.held_by}", NOTICE)))
    if not view.upcoming:
        return [*head, line(("  nothing is due any more", NOTICE))]
    titles: Row = [(title, FAINT) for title in ("  DUE", "STARTS", "IN", "THE CLOCK")]
    before = (None, *view.upcoming)
    rows = [_upcoming(due, last, view.now, own) for last, due in pairwise(before) if due is not None]
    return [*head, *table([titles, *rows])]


def _job(job: JobView, now: float, zone: Zone) -> Row:
    schedule = ", ".join(job.policy.schedules)
    zone_name = "" if job.policy.time_zone == "UTC" else f" ({job.policy.time_zone})"
    last = job.last
    told = "-" if last is None else f"{clock(last.due_at, now, zone)} {ended(last)}"
    remarks = [text for _, text in _kept_back(job)] + _open(job.open, now)
    return (
        (job.name, ""),
        (job.state, state_style(job.state)),
        (f"{schedule}{zone_name}", FAINT),
        (told, "" if last is None else _style(last)),
        ("-" if job.next_at is None else _in(job.next_at, now, zone), ""),
        ("; ".join(remarks), NOTICE),
    )


def _open(runs: Sequence[RunView], now: float) -> list[str]:
    """One in words, several as their number."""
    if len(runs) > 1:
        return [f"{len(runs)} runs have not ended"]
    return [f"{stands(run, now)}{f' ({run.reason})' if run.reason else ''}" for run in runs]


def _kept_back(job: JobView) -> list[tuple[str, str]]:
    found = []
    if job.stopped:
        found.append(("stopped", f"stopped by an operator: `zpmctl start {job.name}`"))
    if job.held_by:
        found.append(("held", f"held by {job.held_by}"))
    if job.suspended_by:
        found.append(("suspended", f"suspended by {job.suspended_by}"))
    return found


def _policy(policy: PolicyView) -> list[tuple[str, str]]:
    told = [
        f"{text}, {spoken}" if spoken and not text.startswith("every ") else text
        for text, spoken in zip(policy.schedules, policy.words, strict=True)
    ]
    bounds = [
        ("begins within", policy.deadline_seconds),
        ("ends within", policy.timeout_seconds),
        ("jitter up to", policy.jitter_seconds or None),
    ]
    retries = f"{plural(policy.retries, 'retry', 'retries')} after {short(policy.retry_delay_seconds)}"
    retries += f" to {short(policy.retry_max_seconds)}" if policy.retries > 1 else ""
    return [
        ("schedule", "; ".join(told)),
        ("time zone", policy.time_zone),
        ("bounds", ", ".join(f"{name} {short(seconds)}" for name, seconds in bounds if seconds is not None)),
        ("on overlap", policy.concurrency),
        ("catches up", policy.catch_up),
        ("retries", retries if policy.retries else ""),
    ]


def _run(run: RunView, now: float, zone: Zone, of_all: bool, indent: str) -> Row:
    when = moment(run.due_at, zone)
    if run.until_at is not None and run.count > 1:
        when = f"{when} to {moment(run.until_at, zone)}"
    first: list[Cell] = [(run.job, ""), (when, "")] if of_all else [(when, "")]
    first[0] = (f"{indent}{first[0][0]}", first[0][1])
    return (
        *first,
        (stands(run, now), _style(run)),
        ("-" if run.late_seconds is None else lasting(run.late_seconds), FAINT),
        (str(run.tries) if run.tries else "-", NOTICE if run.tries > 1 else FAINT),
        ("; ".join(_remarks(run)), FAINT),
    )


def _remarks(run: RunView, with_reason: bool = True) -> list[str]:
    found = [f"{run.count} times"] if run.count > 1 else []
    if run.asked and run.ending != Ending.SUSPENDED:
        found.append(f"asked for by {run.asked}")
    found += ["caught up"] if run.caught_up else []
    found += [f"instead of {', '.join(run.instead_of)}"] if run.instead_of else []
    return found + ([remark(run)] if with_reason and remark(run) else [])


def _style(run: RunView | object) -> str:
    ending, bad = getattr(run, "ending", ""), getattr(run, "bad", False)
    if bad:
        return BAD
    return GOOD if ending == Ending.OK else FAINT if ending in QUIET else NOTICE


def _upcoming(each: UpcomingView, last: UpcomingView | None, now: float, zone: Zone) -> Row:
    told = []
    if last is not None and (change := _change(last.due_at, each.due_at, zone)):
        told.append(change)
    if each.mark == Mark.REPEATED:
        told.append("shows this time again: it is not run twice")
    if each.instead_of:
        told.append(f"skips {', '.join(each.instead_of)}: it is run now instead")
    jitter = each.starts_at - each.due_at
    return (
        (f"  {moment(each.due_at, zone)}", FAINT if each.mark == Mark.REPEATED else ""),
        ("-" if each.mark == Mark.REPEATED else f"+ {lasting(jitter)}" if jitter else "at once", FAINT),
        (due(each.due_at, now, zone).partition(" (")[0], FAINT),
        ("; ".join(told), NOTICE),
    )


def _change(before: float, after: float, zone: Zone) -> str:
    """That the clock was changed in between; "" where it shows the same offset."""
    old, new = (datetime.fromtimestamp(at, zone).astimezone(zone).strftime("%z") for at in (before, after))
    return "" if old == new else f"put {'forward' if _minutes(new) > _minutes(old) else 'back'}, {old} to {new}"


def _minutes(offset: str) -> int:
    return int(f"{offset[0]}{int(offset[1:3]) * 60 + int(offset[3:5])}")


def _zone(name: str) -> tzinfo | None:
    """None where this host does not know it."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _in(at: float, now: float, zone: Zone) -> str:
    return f"{clock(at, now, zone)} (in {lasting(at - now)})" if at - now >= 0.5 else "now"


def _at(at: float | None, now: float, zone: Zone) -> str:
    return "" if at is None else clock(at, now, zone)
