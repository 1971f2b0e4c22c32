"""How zpmctl puts patches on a terminal: what status says of them, the list, and the story of one. Pure; the time zone
is an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text

from zpmd.interfaces import patch_story, patches
from zpmd.interfaces.ctl.lines import BAD, FAINT, GOOD, NOTICE, STRONG, Row, Zone, folded, line, table
from zpmd.interfaces.patch_views import (
    EvidenceView,
    PatchesView,
    PatchStepView,
    PatchStoryView,
    PatchView,
    StageView,
)
from zpmd.interfaces.words import clock, due, plural, size, span
from zpmd.model.patch import Stage

BACKWARDS = frozenset({patch_story.GOING_BACK, patch_story.BACK, patch_story.STUCK})
UNDER_WAY_SHOWN, LATELY_SHOWN = 5, 3
SERVICES_SHOWN = 3
LOG_LINES_SHOWN = 10

STATE: Mapping[str, str] = {
    Stage.APPLIED: GOOD,
    Stage.REVERTED: FAINT,
    Stage.QUARANTINED: BAD,
    Stage.ROLLED_BACK: BAD,
    Stage.ROLLBACK_FAILED: BAD,
}
STEP = {
    patch_story.WAITING: FAINT,
    patch_story.MOVED: GOOD,
    patch_story.STUCK: BAD,
}
BUSY: Mapping[str, str] = {
    Stage.SEEN: "it is copied and read",
    Stage.COPIED: "whether it fits this site is looked at",
    Stage.VERIFIED: "its images are fetched",
    Stage.LOADED: "it waits for its turn",
    Stage.SWITCHED: "it begins",
    patches.REVERTING: "it is about to go back",
}
"""What goes on in a stage where nothing better is known."""
AFTER: Mapping[str, str] = {
    Stage.QUARANTINED: "nothing has moved; once what is wrong is mended, drop it again",
    Stage.ROLLED_BACK: "its services run again what they ran before; drop a mended patch under a new id",
}
"""What a bad end means for the appliance, and what to do about it; nothing is urgent."""


def told_lines(told: Sequence[PatchView], untold: int, now: float, zone: Zone) -> list[Text]:
    """What status says: the loudest first, and few of what is over."""
    lines: list[Text] = []
    most = {patches.FAILED: len(told), patches.UNDER_WAY: UNDER_WAY_SHOWN, patches.LATELY: LATELY_SHOWN}
    hidden = untold
    for attention, shown in most.items():
        alike = [patch for patch in told if patch.attention == attention]
        hidden += max(0, len(alike) - shown)
        for patch in alike[:shown]:
            lines += _told(patch, now, zone)
    if hidden:
        lines.append(line((f"  ... {plural(hidden, 'more patch', 'more patches')}: `zpmctl patch list`", FAINT)))
    return lines


def _told(patch: PatchView, now: float, zone: Zone) -> list[Text]:
    name = _name(patch)
    if patch.attention == patches.FAILED:
        return [
            line((f"  {name} COULD NOT BE ROLLED BACK: {patch.reason}", BAD)),
            line((f"    a person is needed: `zpmctl patch show {patch.id}`", BAD)),
        ]
    if patch.attention == patches.UNDER_WAY:
        lasts = f" for {span(now - patch.since)}" if patch.since is not None else ""
        return [line((f"  {name} {patch.state}{lasts}", NOTICE), (f": {_doing(patch, now, zone)}", ""))]
    ago = f" {span(now - patch.since)} ago" if patch.since is not None else ""
    said = "was refused" if patch.state == Stage.QUARANTINED else "was rolled back"
    again = "" if patch.state == Stage.QUARANTINED else ", and what ran before runs again"
    return [line((f"  {name} {said}{ago}{again}", NOTICE), (f": {patch.reason}", ""))]


def _name(patch: PatchView) -> str:
    return f"patch {patch.id}" if patch.id else f"patch file {patch.name}"


def _doing(patch: PatchView, now: float, zone: Zone) -> str:
    text = patch.waits or patch.reason or BUSY.get(patch.state, "it goes on")
    return text + (f", {due(patch.until, now, zone)}" if patch.until is not None else "")


# the list

TITLES = ("DROP", "PATCH", "STATE", "AGE", "BY", "SIGNER", "SERVICES")
SIGNER_SHOWN = 8
"""Digits of a key's id: enough to tell the keys of a site apart."""


def list_lines(view: PatchesView, zone: Zone, more: bool) -> list[Text]:
    """`more`: there may be older ones."""
    lines = [line((f"patches: {view.trouble}", BAD)), Text("")] if view.trouble else []
    if not view.patches:
        return [*lines, line(("no patch has been dropped", NOTICE))]
    rows: list[Row] = [tuple((title, FAINT) for title in TITLES)]
    titles, *found = table([*rows, *(_row(patch, view.now) for patch in view.patches)])
    lines.append(titles)
    for row, patch in zip(found, view.patches, strict=True):
        lines.append(row)
        if why := patch.reason if patch.ended else _doing(patch, view.now, zone):
            lines.append(line((f"      {why}", BAD if patch.attention == patches.FAILED else FAINT)))
    if more:
        lines.append(line(("older ones: `zpmctl patch list --all`", FAINT)))
    return lines


def _row(patch: PatchView, now: float) -> Row:
    at = patch.dropped_at
    return (
        (str(patch.number), FAINT),
        (patch.id or patch.name, "" if patch.id else FAINT),
        (patch.state, _style(patch.state)),
        ("-" if at is None else span(now - at), ""),
        (patch.owner or "-", ""),
        (patch.signer[:SIGNER_SHOWN] or "-", FAINT),
        (_few(patch.services) or "-", ""),
    )


def _style(state: str) -> str:
    return STATE.get(state, NOTICE)


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - SERVICES_SHOWN} more" if len(names) > SERVICES_SHOWN else ""
    return ", ".join(names[:SERVICES_SHOWN]) + more


# the story of one


def story_lines(view: PatchStoryView, zone: Zone) -> list[Text]:
    lines = [headline(view, zone), *_about(view, zone)]
    if view.stages:
        rows = [_stage_row(stage, view, zone) for stage in view.stages]
        lines += [Text(""), line(("stages", STRONG)), *table(rows)]
    if view.steps:
        lines += [Text(""), line(("services", STRONG)), *table([_step_row(step) for step in view.steps])]
    if view.images:
        images = [((f"  {i.reference}", ""), (i.file, FAINT), (size(i.size), FAINT)) for i in view.images]
        lines += [Text(""), line(("images that it carries", STRONG)), *table(images)]
    if view.evidence is not None:
        lines += [Text(""), *_evidence(view.evidence, view.now, zone)]
    if view.drops:
        rows = [_drop_row(drop, view.now, zone) for drop in view.drops]
        lines += [Text(""), line(("other drops of it", STRONG)), *table(rows)]
    return lines


def headline(view: PatchStoryView, zone: Zone) -> Text:
    """Where it stands and why, in one line."""
    patch = view.patch
    style = _style(patch.state)
    when = ""
    if patch.since is not None:
        span_text = span(view.now - patch.since)
        when = f" at {clock(patch.since, view.now, zone)}" if patch.ended else f" for {span_text}"
    why = patch.reason if patch.ended else _doing(patch, view.now, zone)
    return line((_name(patch), STRONG), ("  ", ""), (patch.state, style), (when, ""), (f": {why}" if why else "", ""))


def _about(view: PatchStoryView, zone: Zone) -> list[Text]:
    patch = view.patch
    lines = [line((f"  {text}", "")) for text in view.description.splitlines()]
    if patch.state in AFTER:
        lines.append(line((f"  {AFTER[patch.state]}", NOTICE)))
    if patch.attention == patches.FAILED:
        lines.append(line(("  a person is needed: what runs is kept as it is; `zpmctl restart SERVICE` goes on", BAD)))
    if patch.state == patches.REVERTING or (patch.asked and not patch.ended):
        lines.append(line((f"  {patch.asked} has asked to take it back", NOTICE)))
    signed = f"signed with key {patch.signer}" if patch.signer else "not signed"
    lines.append(
        line((f"  drop {patch.number}: {patch.name}, {size(patch.size)}, of {patch.owner or '-'}, {signed}", ""))
    )
    if patch.sha256:
        lines.append(line((f"  sha256 {patch.sha256}", FAINT)))
    lines += [line((f"  {text}", "")) for text in _terms(view, zone)]
    if patch.filed:
        lines.append(line((f"  file    {patch.filed}", "")))
    if view.result:
        lines.append(line((f"  result  {view.result}", "")))
    return lines


def _terms(view: PatchStoryView, zone: Zone) -> list[str]:
    terms = ["restarts, and moves no image"] if view.restart_only else []
    if view.requires:
        terms.append(f"requires {', '.join(view.requires)}")
    if view.min_version:
        terms.append(f"needs zpmd {view.min_version}")
    if view.expires is not None and not view.patch.ended:
        terms.append(f"expires {clock(view.expires, view.now, zone)}")
    if view.deadline_seconds is not None:
        terms.append(f"gives a service {span(view.deadline_seconds)} without progress")
    return ["; ".join(terms)] if terms else []


def _stage_row(stage: StageView, view: PatchStoryView, zone: Zone) -> Row:
    last = stage.seconds is None
    lasted = "" if last and view.patch.ended else span(view.now - stage.at if last else stage.seconds or 0.0)
    return (
        (f"  {clock(stage.at, view.now, zone)}", FAINT),
        (stage.stage, STATE.get(stage.stage, "")),
        (f"{lasted} so far" if lasted and last else lasted, ""),
    )


def _step_row(step: PatchStepView) -> Row:
    return (
        (f"  {step.service}", ""),
        (step.state, STEP.get(step.state, NOTICE)),
        ("" if step.seconds is None else span(step.seconds), ""),
        (moved_text(step.image, step.was) if step.state in BACKWARDS else moved_text(step.was, step.image), ""),
        (step.text, ""),
    )


def moved_text(was: str, image: str) -> str:
    """From which image to which: the name once where only the tag differs."""
    if was == image:
        return was
    name, _, tag = image.rpartition(":")
    same = name and "/" not in tag and was.rpartition(":")[0] == name and "@" not in was + image
    return f"{was} -> {tag if same else image}"


def _evidence(kept: EvidenceView, now: float, zone: Zone) -> list[Text]:
    lines = [
        line((f"last words of {kept.service}", STRONG), (f"  {clock(kept.at, now, zone)}, {kept.meaning}", "")),
    ]
    for name, output in (("health", kept.health_output), ("log", kept.log_tail)):
        if output:
            lines.append(line((f"  {name}", FAINT)))
            lines += [line((f"    | {text}", "")) for text in folded(output)[-LOG_LINES_SHOWN:]]
    return lines


def _drop_row(drop: PatchView, now: float, zone: Zone) -> Row:
    return (
        (f"  {drop.number}", FAINT),
        ("-" if drop.dropped_at is None else clock(drop.dropped_at, now, zone), FAINT),
        (drop.state, _style(drop.state)),
        (drop.owner or "-", ""),
        (drop.reason, ""),
    )
