"""How zpmctl puts the preview of a patch on a terminal: what would move, in which order, and how long
nobody would serve. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.text import Text

from zpmd.interfaces.ctl.lines import BAD, FAINT, GOOD, NOTICE, STRONG, Cell, Row, line, table
from zpmd.interfaces.ctl.patch_lines import moved_text
from zpmd.interfaces.words import plural, span
from zpmd.model.preview import Preview, PreviewStep, Where

TITLES = ("WAVE", "SERVICE", "REPLICAS", "ORDER", "AWAY", "TAKES", "IMAGE")
NOTHING = "moves nothing"
PATCH = "patch"
"""`PreviewStep.why` of a service that the patch itself names."""
WHERE = {
    Where.HERE: ("on the engine already", FAINT),
    Where.BUNDLE: ("from the bundle", GOOD),
    Where.REGISTRY: ("pulled from its registry", NOTICE),
    Where.NOWHERE: ("nowhere to be had", BAD),
}


def preview_lines(view: Preview) -> list[Text]:
    lines = [_headline(view)] if not view.refused else _refused(view)
    if view.waits and not view.refused:
        lines.append(line((f"  first it {view.waits}", NOTICE)))
    if view.steps:
        lines += [Text(""), *_steps(view.steps)]
    if notes := _notes(view.steps):
        lines += [Text(""), *notes]
    if view.images:
        images = [((f"  {image.reference}", ""), WHERE[image.where]) for image in view.images]
        lines += [Text(""), line(("images", STRONG)), *table(images)]
    if view.dependants:
        names = ", ".join(view.dependants)
        lines += [Text(""), line(("watched, and not touched", STRONG)), line((f"  {names}", ""))]
    return lines


def _refused(view: Preview) -> list[Text]:
    head = line((f"patch {view.id}", STRONG), ("  would be refused", BAD), (f": {view.refused}", ""))
    return [head, line((f"  but for that it {_moves(view)}", FAINT))] if view.steps else [head]


def _headline(view: Preview) -> Text:
    return line((f"patch {view.id}", STRONG), (f"  {_moves(view)}", ""))


def _moves(view: Preview) -> str:
    steps = view.steps
    tenants = len({step.tenant for step in steps if step.tenant})
    of = f" of {plural(tenants, 'tenant')}" if tenants else ""
    waves = len({step.wave for step in steps})
    return (
        f"moves {plural(len(steps), 'service')}{of} in {plural(waves, 'wave')}, {_in_all(steps)}" if steps else NOTHING
    )


def _in_all(steps: Sequence[PreviewStep]) -> str:
    """Waves come one after the other, each as long as its slowest service."""
    waves = groupby(steps, key=lambda step: step.wave)
    longest = [max((s.seconds for s in wave if s.seconds is not None), default=0.0) for _, wave in waves]
    unknown = [step.service for step in steps if step.seconds is None]
    if len(unknown) == len(steps):
        return "and how long that takes has not been measured yet"
    return f"in about {span(sum(longest))}" + (f", and {len(unknown)} not measured yet" if unknown else "")


def _steps(steps: Sequence[PreviewStep]) -> list[Text]:
    rows: list[Row] = [tuple((title, FAINT) for title in TITLES)]
    return table([*rows, *(_step(step) for step in steps)])


def _step(step: PreviewStep) -> Row:
    return (
        (str(step.wave), ""),
        (step.service, ""),
        (str(step.replicas), ""),
        (step.order + (" *" if step.hindrance else ""), NOTICE if step.hindrance else ""),
        _away(step.away_seconds),
        ("?" if step.seconds is None else _spoken(step.seconds), "" if step.seconds is not None else FAINT),
        (_moved(step) + ("" if step.why == PATCH else f" ({step.why})"), ""),
    )


def _moved(step: PreviewStep) -> str:
    return f"{step.image}, restarted" if step.was == step.image else moved_text(step.was, step.image)


def _away(seconds: float | None) -> Cell:
    if seconds is None:
        return ("?", NOTICE)
    return ("no", GOOD) if seconds == 0 else (_spoken(seconds), NOTICE)


def _spoken(seconds: float) -> str:
    return "< 1 s" if 0 < seconds < 1 else span(seconds)


def _notes(steps: Iterable[PreviewStep]) -> list[Text]:
    """What the columns mean where they are not plain."""
    steps = tuple(steps)
    notes = [line((f"* {s.service} cannot start first: {s.hindrance}", NOTICE)) for s in steps if s.hindrance]
    if any(s.away_seconds is None or s.seconds is None for s in steps):
        notes.append(line(("? has not been measured on this host yet", FAINT)))
    return notes
