"""How zpmctl shows the whole: what is down, why, and whether that is being handled, in one screen. Pure.

Rules: what needs attention comes first, over all groups, each with its reason and what becomes of it; then what waits,
what changes, and last what is fine. Where the screen is too small, what is fine is counted, and what needs attention is
not. Into a pipe everything is said, a line each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from rich.text import Text

from zpmd.interfaces import patches, status
from zpmd.interfaces.advice import advice, standing_advice
from zpmd.interfaces.ctl.lines import BAD, FAINT, GOOD, NOTICE, STRONG, Row, Zone, line, state_style, table, wrapped
from zpmd.interfaces.ctl.patch_lines import told_lines
from zpmd.interfaces.ctl.render import in_flight_lines, waiting_lines
from zpmd.interfaces.ctl.rows import away_text, registry_lines
from zpmd.interfaces.run_words import story
from zpmd.interfaces.views import GroupView, ServiceView, StatusView
from zpmd.interfaces.words import clock, due, named, plural, span
from zpmd.model.cause import Code
from zpmd.model.plan import State

HEADER = {
    status.CONVERGED: GOOD,
    status.CHANGING: NOTICE,
    status.TROUBLED: BAD,
    status.DEGRADED: BAD,
    status.DOWN: NOTICE,
}
TITLES = ("SERVICE", "GROUP", "READY", "STATE", "AGE", "RESTARTS")
REASON = "REASON"
BESIDE = 50
"""Columns that a reason needs to stand beside its service; with fewer it stands below."""
FINE = frozenset({State.RUNNING, State.COMPLETED, State.SCHEDULED, State.SUSPENDED, State.STOPPED})
CHANGING = frozenset({State.STARTING, State.UPDATING, State.REMOVING})
TOLD_BY_RUNS = frozenset({State.RUNNING, State.SCHEDULED, State.SUSPENDED, State.FAILED})
"""States of a job of which its last run and its next say all that there is to say."""
KNOWN = frozenset(State)
TROUBLE, WAITING, ON_ITS_WAY, WELL = range(4)
WORDS = {TROUBLE: "needs a look", WAITING: "waiting", ON_ITS_WAY: "changing"}

Block = Sequence[Text]
"""A service: its row, and what stands below it."""


def narrowed(view: StatusView, group: str | None, tenant: str | None) -> StatusView:
    """Only the services of this group, of this tenant."""
    if group is None and tenant is None:
        return view
    groups = []
    for each in view.groups:
        services = tuple(s for s in each.services if group in (None, s.group) and tenant in (None, s.tenant))
        if services:
            ready, desired = status.ready_of(services), status.desired_of(services)
            groups.append(GroupView(name=each.name, ready=ready, desired=desired, services=services))
    names = {s.name for g in groups for s in g.services}
    return replace(view, groups=tuple(groups), troubled=tuple(name for name in view.troubled if name in names))


def status_lines(view: StatusView, zone: Zone, width: int | None = None, height: int | None = None) -> list[Text]:
    """At most `width` wide; None: as wide as they are. With a `height`, what is fine is counted where it would not
    fit."""
    head = fitted([*_header(view, zone), *_notices(view, zone)], width)
    titles, blocks = _blocks(view, zone, width)
    urgent = [block for rank, block in blocks if rank != WELL]
    fine = [block for rank, block in blocks if rank == WELL]
    tail = fitted(_tail(view, zone), width)
    top = [*head, *([Text(""), titles] if blocks else []), *_flat(urgent)]
    gap = [Text("")] if urgent and fine else []
    whole = [*top, *gap, *_flat(fine), *tail]
    if height is None or len(whole) <= height or not fine:
        return whole
    return [*top, *tail, Text(""), *fitted([_counted(view)], width)]


def screenful(view: StatusView, zone: Zone, width: int, height: int) -> list[Text]:
    """As `status_lines`, never more than `height`: of what needs attention, too, the last is counted."""
    lines = status_lines(view, zone, width, height)
    if len(lines) <= height:
        return lines
    head = fitted([*_header(view, zone), *_notices(view, zone)], width)
    titles, blocks = _blocks(view, zone, width)
    shown = [*head, Text(""), titles]
    left = Counter(rank for rank, _ in blocks)
    for rank, block in blocks:
        if rank == WELL or len(shown) + len(block) > height - 2:
            break
        shown += block
        left[rank] -= 1
    more = ", ".join(f"{left[rank]} {word}" for rank, word in WORDS.items() if left[rank])
    rest = [line((f"... and {more}", BAD)) if more else _counted(view)]
    return [*shown[: height - 1], *rest]


def fitted(lines: Iterable[Text], width: int | None) -> list[Text]:
    return [part for each in lines for part in wrapped(each, width)]


def _flat(blocks: Iterable[Block]) -> list[Text]:
    return [each for block in blocks for each in block]


def rank(service: ServiceView) -> int:
    return rank_of_state(service.state)


def rank_of_state(state: str) -> int:
    if state in status.TROUBLE or state == State.UNKNOWN:
        return TROUBLE
    if state in FINE:
        return WELL
    return ON_ITS_WAY if state in CHANGING else WAITING


def _header(view: StatusView, zone: Zone) -> list[Text]:
    services = [s for s in view.services() if s.job is None]
    replicas = plural(status.desired_of(services), "replica")
    counts = f"{plural(len(services), 'service')}, {status.ready_of(services)} of {replicas} ready"
    if jobs := len(view.services()) - len(services):
        counts += f", {plural(jobs, 'job')}"
    state = view.state
    if view.since is not None:
        state += f" since {clock(view.since, view.now, zone)} ({span(view.now - view.since)})"
    lines = [
        line((f"zpmd {view.version}", STRONG), ("  ", ""), (state, HEADER.get(view.state, "")), (f"  {counts}", ""))
    ]
    if len(view.groups) > 1:
        counted = (g for g in view.groups if any(s.job is None for s in g.services))
        parts = ((f"  {g.name} {g.ready}/{g.desired}", "" if g.ready >= g.desired else NOTICE) for g in counted)
        lines.append(line(*parts))
    for reason in view.degraded:
        text = reason.text
        if reason.what == "registry" and reason.since is not None:
            text = away_text(reason.name, reason.since, text, view.now, zone)
        lines.append(line((f"  {text}", BAD)))
        lines += [line((f"    {text}", "")) for text in reason.problems]
    return lines


def _notices(view: StatusView, zone: Zone) -> list[Text]:
    lines = told_lines(view.patches, view.patches_untold, view.now, zone)
    if view.registry is not None:
        lines += registry_lines(view.registry)
    lost = {loss.service for loss in view.registry.held} if view.registry else frozenset[str]()
    if held := [name for name in view.held_removals if name not in lost]:
        lines.append(line((f"  held: the removal of {plural(len(held), 'service')}: {', '.join(held)}", BAD)))
        lines.append(line(("    `zpmctl approve` if it is meant; if not, put the service files back", "")))
    lines += [line((f"  conflict: {c.subject}: {c.text}", BAD)) for c in view.conflicts]
    return lines + [
        line(
            (f"  {'everything' if h.service == '*' else h.service} is held by {h.owner}", NOTICE),
            (_hold_rest(h.reason, h.until, view.now, zone), ""),
        )
        for h in view.holds
    ]


def _hold_rest(reason: str, until: float | None, now: float, zone: Zone) -> str:
    end = "until it is released" if until is None else f"until {clock(until, now, zone)} ({span(until - now)})"
    return f" {end}" + (f": {reason}" if reason else "")


def _tail(view: StatusView, zone: Zone) -> list[Text]:
    """What is of no service."""
    names = {s.name for s in view.services()}
    lines: list[Text] = []
    if in_flight := [f for f in view.in_flight if f.subject.rpartition("/")[0] not in names]:
        lines += [Text(""), line(("under way", STRONG)), *in_flight_lines(in_flight, view.now, zone)]
    told = {f"{patches.SUBJECT}{patch.id}" for patch in view.patches}
    if waiting := [w for w in view.waiting if w.subject not in told]:
        lines += [Text(""), line(("waiting", STRONG)), *waiting_lines(waiting, view.now, zone)]
    return lines


def _blocks(view: StatusView, zone: Zone, width: int | None) -> tuple[Text, list[tuple[int, Block]]]:
    """The line of titles, and each service with its rank, the most urgent first."""
    services = sorted(view.services(), key=rank)
    titles: Row = tuple((title, FAINT) for title in TITLES)
    rows = table([titles, *(_row(service, view.now) for service in services)])
    start = max(len(row.plain) for row in rows) + 2
    reasons = [_reasons(service, view, zone) for service in services]
    if width is None or width - start >= BESIDE:
        made: list[tuple[int, Block]] = [
            (rank(s), wrapped(_beside(row, reason, start), width))
            for s, row, reason in zip(services, rows[1:], reasons, strict=True)
        ]
        said = any(reasons)
        return (_beside(rows[0], [(REASON, FAINT)], start) if said else rows[0]), made
    below: list[tuple[int, Block]] = [
        (rank(s), fitted([row, *(line((f"  {text}", style)) for text, style in reason)], width))
        for s, row, reason in zip(services, rows[1:], reasons, strict=True)
    ]
    return rows[0], below


def _beside(row: Text, reasons: Sequence[tuple[str, str]], start: int) -> Text:
    if not reasons:
        return row
    parts: list[tuple[str, str]] = [reasons[0]]
    for _, following in pairwise(reasons):
        parts += [("; ", ""), following]
    return Text.assemble(row, " " * (start - len(row.plain)), line(*parts))


def _row(service: ServiceView, now: float) -> Row:
    ready = f"{service.ready}/{service.desired}" if service.job is None or service.desired else "-"
    return (
        (service.name, ""),
        (service.group, FAINT),
        (ready, GOOD if service.ready >= service.desired else NOTICE),
        (service.state, state_style(service.state)),
        ("-" if service.since is None else span(now - service.since), ""),
        (str(service.restarts), NOTICE if service.restarts else FAINT),
    )


def _reasons(service: ServiceView, view: StatusView, zone: Zone) -> list[tuple[str, str]]:
    """Why it is as it is, and what becomes of that."""
    parts = [service.reason or next((w.text for w in service.waiting), "")]
    if service.job is not None and service.state in TOLD_BY_RUNS:
        parts = [story(service.job, view.now, zone)]
    parts.append(service.root)
    if service.scaled is not None:
        parts.append(f"scaled to {service.scaled} by an operator")
    if service.patched is not None:
        parts.append(patches.under_text(service.patched))
    why = "; ".join(part for part in parts if part)
    found = [(why, "")] if why else []
    if rank(service) != WELL:
        handled, text = handling(service, view, zone)
        found += [(text, FAINT if handled else NOTICE)] if text else []
    return found


def handling(service: ServiceView, view: StatusView, zone: Zone) -> tuple[bool, str]:
    """(whether nobody needs to do anything, one line about it); what `zpmctl why` says, in short."""
    for action in service.in_flight:
        progress = f" ({action.progress})" if action.progress else ""
        about = named(action.subject, zone)
        return True, f"being handled: {action.verb} {about} for {span(view.now - action.since)}{progress}"
    if service.job is not None and service.state == State.FAILED:
        return False, f"needs a look: `zpmctl job show {service.name}`"
    everything = service.hold is not None and service.hold.service == "*"
    for waiting in service.waiting:
        by_itself, what = _advice(waiting.code, "'*'" if everything and waiting.code == Code.HELD else service.name)
        if not by_itself:
            return False, f"needs you: {what}"
    for waiting in sorted(service.waiting, key=lambda w: view.now if w.until is None else w.until):
        when = f", {due(waiting.until, view.now, zone)}" if waiting.until is not None else ""
        what = f"zpmd goes on trying; `zpmctl why {service.name}` has its last words"
        if waiting.code != Code.CRASH_LOOP:
            what = _advice(waiting.code, service.name)[1]
        return True, f"being handled{when}: {what}"
    if service.state == State.UNKNOWN:
        return False, f"needs you: {advice(Code.ENGINE_UNKNOWN, service.name)[1]}"
    held = everything and service.state == State.HELD
    if service.state in KNOWN and (what := standing_advice(service.state, "'*'" if held else service.name)):
        return False, f"needs you: {what}"
    return (False, f"needs a look: `zpmctl why {service.name}`") if service.state in status.TROUBLE else (True, "")


def _advice(code: str, name: str) -> tuple[bool, str]:
    """Also of what only a newer daemon knows."""
    try:
        return advice(code, name)
    except ValueError:
        return True, "it goes on by itself"


def _counted(view: StatusView) -> Text:
    """What is fine, as one line."""
    states = Counter(s.state for s in view.services() if rank(s) == WELL)
    parts = ", ".join(f"{count} {state}" for state, count in states.most_common())
    what = plural(states.total(), "more is", "more are")
    return line((f"{what} fine: {parts}", GOOD), ("  (--all lists them)", FAINT))
