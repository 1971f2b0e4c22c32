"""A plan as literal text with all that it carries, for tests that compare the whole of it.

`str(plan)` is what a log shows: subject, verb, cause. Journals, alerts, the executor and the next try read more: the
code, the attempt, what is kept as evidence, when the planner looks again. Whatever has its default is left out, so that
a line is as long as it says something. Instants are seconds from NOW.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.unit.planning.build import NOW
from zpmd.model.action import Action, verb
from zpmd.model.observed import Replica
from zpmd.model.plan import Plan, Standing, Waiting
from zpmd.model.service import NetworkSpec, ServiceData, VolumeSpec


def told(plan: Plan) -> str:
    """Actions, what waits, how everything stands, and when to look again."""
    lines = [_action(action) for action in plan.actions]
    lines += [_waiting(each) for each in plan.waiting]
    lines += [_standing(each) for each in plan.standings]
    if plan.wake_at is not None:
        lines.append(f"look again at {_instant(plan.wake_at)}")
    return "\n".join(lines).replace(" \n", "\n")


def text(block: str) -> str:
    """A triple-quoted block without its indentation."""
    return "\n".join(line.strip() for line in block.strip().splitlines())


def _action(action: Action) -> str:
    rest = [_field(action, field) for field in dataclasses.fields(action) if field.name not in ("cause", "slot")]
    return "\n".join(
        [f"{verb(action)} {action.subject}: {action.cause}", ", ".join([action.cause.code, *filter(None, rest)])]
    )


def _field(action: Action, field: dataclasses.Field[Any]) -> str:
    value = getattr(action, field.name)
    if value == field.default and type(value) is type(field.default):
        return ""
    if isinstance(value, Replica):
        return f"replica={value.id}"
    if isinstance(value, ServiceData):
        return f"image={value.container.image}"
    if isinstance(value, VolumeSpec | NetworkSpec):
        return f"{field.name}={value.name} by {value.driver or 'default'}"
    if isinstance(value, tuple):
        return f"{field.name}={len(value)}"
    return f"{field.name}={getattr(value, 'name', value)}"


def _waiting(each: Waiting) -> str:
    until = "" if each.until is None else f", until {_instant(each.until)}"
    of = f", of {each.service}" if each.service else ""
    return f"waiting {each.subject}: {each.cause}\n{each.cause.code}{until}{of}"


def _standing(each: Standing) -> str:
    parts = [f"{each.service} ({each.group}) is {each.state}: {each.ready} of {each.desired}"]
    parts += [f"{each.restarts} restarts"] if each.restarts != 0 else []
    parts += [f"image {each.image}", f"tenant {each.tenant}"][: 2 if each.tenant != "" else 1]
    parts += [f"since {_instant(each.since)}"] if each.since is not None else []
    return ", ".join(parts) + (f"\nbecause {each.reason}" if each.reason != "" else "")


def _instant(at: float) -> str:
    return f"{at - NOW:+g}"
