"""What `zpmd simulate` does: one session of the kind that was asked for, and its transcript."""

from __future__ import annotations

from collections.abc import Sequence

from loguru import logger

from zpmd.model.service import Desired
from zpmd.simulation import report, session
from zpmd.simulation.registry import MOVES
from zpmd.simulation.report import Report


def simulate(
    desired: Desired | None, script: str | None, seed: int | None, kills: Sequence[str], minutes: float
) -> Report:
    """By seed, by script, or a cold start with what dies then. Raises ValueError for input that makes no sense."""
    logger.disable("zpmd")  # the transcript says it all
    if sum((seed is not None, script is not None, bool(kills))) > 1:
        raise ValueError("--seed, --script and --kill exclude each other")
    if seed is not None:
        return Report(session.from_seed(seed), {})
    if script is not None:
        return Report(session.from_script(script, desired, report.prepare), {})
    if desired is None or not desired.services:
        raise ValueError("there are no services in these files")
    return report.on_files(desired, kills, minutes)


def has_appliance(script: str) -> bool:
    """Whether a script names an appliance of its own."""
    return next(iter(session.script_lines(script)), "").startswith("appliance ")


def told(found: Report) -> list[str]:
    """The transcript, and how every service fared."""
    lines = [f"({report.ASSUMED})", "", *found.ended.site.trace.lines, ""]
    if found.ended.violation is not None:
        return [*lines, f"broken: {found.ended.violation}"]
    return [*lines, *found.summary()] if found.fates else lines


def words() -> list[str]:
    """The words of scripts, by kind, each with what it means."""
    width = max(map(len, MOVES))
    lines = []
    for kind, title in (("schedule", "Time"), ("fault", "What goes wrong"), ("wish", "What people do")):
        lines += [f"{title}:", *(f"  {m.word:<{width}}  {m.says}" for m in MOVES.values() if m.kind == kind), ""]
    lines += ["Of scripts:"]
    lines += [f"  {'converge':<{width}}  all faults end, and the site has to come to rest"]
    lines += [f"  {'expect':<{width}}  SLOT is STATE: running, healthy, exited, absent, two; or `expect still`"]
    return lines
