"""When the effect of a verb is true: what `zpmctl --wait` waits for. Pure.

A goal looks at one status and says done, failed (it will not come true by itself, and why) or pending (and on what). It
is asked only about passes that began after the verb was durable.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from zpmd.interfaces.status import TROUBLE
from zpmd.interfaces.views import ServiceView, StatusView
from zpmd.interfaces.words import plural
from zpmd.model.plan import State


@dataclass(frozen=True, slots=True)
class Met:
    """`done` None: pending. `text` says what became of it, or what it waits for."""

    done: bool | None
    text: str


Goal = Callable[[StatusView], Met]

GOOD = frozenset({State.RUNNING, State.COMPLETED})
STUCK = TROUBLE - {State.UNHEALTHY}
"""An unhealthy replica is being restarted: that is under way."""


def runs(name: str, replicas: int | None = None) -> Goal:
    """As many replicas as wanted are ready, of the newest generation, and nothing is on the way."""

    def met(view: StatusView) -> Met:
        service = view.service(name)
        if service is None:
            return Met(False, f"{name} is not declared any more")
        if service.hold is not None:
            return Met(False, f"{name} is held by {service.hold.owner}: {service.hold.reason or 'no reason given'}")
        if service.job is not None:
            again = f"somebody has stopped {name} again"
            return Met(not service.stopped, again if service.stopped else f"{name} runs when it is due")
        if service.state in STUCK:
            return Met(False, _stands(service))
        if replicas is not None and service.desired != replicas:
            return Met(None, f"{name} is wanted {service.desired} times, not yet {replicas}")
        extra = sum(r.phase == "running" for r in service.replicas) > service.desired
        if service.state == State.COMPLETED or (
            service.ready >= service.desired and not service.outdated and not service.in_flight and not extra
        ):
            return Met(
                True, f"{name} is {service.state}: {service.ready} of {plural(service.desired, 'replica')} ready"
            )
        return Met(None, _stands(service))

    return met


def stopped(name: str) -> Goal:
    def met(view: StatusView) -> Met:
        service = view.service(name)
        if service is None:
            return Met(True, f"{name} is gone")
        if service.hold is not None:
            return Met(False, f"{name} is held by {service.hold.owner}: {service.hold.reason or 'no reason given'}")
        alive = sum(r.phase in ("running", "paused", "restarting") for r in service.replicas)
        if alive or service.in_flight:
            return Met(None, f"{plural(alive, 'replica' if service.job is None else 'run')} of {name} still running")
        if not service.stopped:
            return Met(False, f"somebody has started {name} again")
        return Met(True, f"{name} is stopped")

    return met


def removed(services: Collection[str]) -> Goal:
    def met(view: StatusView) -> Met:
        left = sorted(s.name for s in view.services() if s.name in services and s.replicas)
        if not left:
            return Met(True, f"removed: {', '.join(sorted(services))}")
        back = sorted(s.name for s in view.services() if s.name in services and s.declared)
        if back:
            return Met(False, f"declared again: {', '.join(back)}")
        return Met(None, f"still there: {', '.join(left)}")

    return met


def all_removed(view: StatusView) -> Met:
    if view.down == "no":
        return Met(False, "somebody has ended `down`")
    if any(d.what == "engine" for d in view.degraded):
        return Met(None, "the engine does not answer")
    if view.containers or view.in_flight:
        return Met(None, f"{plural(view.containers, 'container')} left")
    return Met(True, "everything is removed")


def all_run(view: StatusView) -> Met:
    """Fails as soon as nothing is on the way any more and some are stuck, not at the first sign of trouble. Jobs are
    not waited for: they run when they are due."""
    if view.down != "no":
        return Met(False, "somebody has called `down` meanwhile")
    services = [s for s in view.services() if not s.stopped and s.hold is None and s.job is None]
    stuck = [s for s in services if s.state in STUCK]
    pending = [s for s in services if s.state not in STUCK and (s.state not in GOOD or s.in_flight)]
    if pending:
        return Met(None, "; ".join(_stands(s) for s in pending[:3]) + (" ..." if len(pending) > 3 else ""))
    if stuck:
        return Met(False, "; ".join(_stands(s) for s in stuck))
    if any(d.what == "engine" for d in view.degraded):
        return Met(None, "the engine does not answer")
    return Met(True, f"{plural(len(services), 'service')} running")


def _stands(service: ServiceView) -> str:
    why = service.reason or next((w.text for w in service.waiting), "")
    return f"{service.name} is {service.state}, {service.ready} of {service.desired} ready" + (
        f": {why}" if why else ""
    )
