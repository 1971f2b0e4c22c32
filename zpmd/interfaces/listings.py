"""Lists out of a snapshot that the API gives, whether zpmd is ready, and the id of a plan. Pure."""

from __future__ import annotations

from zpmd.interfaces.asked import ServicesQuery
from zpmd.interfaces.listing_views import (
    ApprovalsView,
    HoldsView,
    IntentsView,
    IntentView,
    ReadyView,
    ServicesView,
)
from zpmd.interfaces.status import status
from zpmd.model.cause import Code
from zpmd.model.events import Snapshot


def services(snapshot: Snapshot, now: float, asked: ServicesQuery) -> ServicesView:
    found = status(snapshot, now).services()
    return ServicesView(
        number=snapshot.number,
        at=snapshot.at,
        now=now,
        services=tuple(
            s
            for s in found
            if asked.group in (None, s.group) and asked.state in (None, s.state) and asked.tenant in (None, s.tenant)
        ),
    )


def intents(snapshot: Snapshot, now: float) -> IntentsView:
    intent = snapshot.memory.intent
    restarted = (name for name, generation in intent.generations.items() if generation)
    names = {*intent.stopped, *intent.scaled, *intent.approved, *intent.suspended, *restarted}
    return IntentsView(
        now=now,
        down=intent.down.value,
        services=tuple(
            IntentView(
                service=name,
                stopped=name in intent.stopped,
                scaled=intent.scaled.get(name),
                generation=intent.generations.get(name, 0),
                approved=name in intent.approved,
                suspended=intent.suspended.get(name, ""),
            )
            for name in sorted(names)
        ),
    )


def holds(snapshot: Snapshot, now: float) -> HoldsView:
    return HoldsView(now=now, holds=status(snapshot, now).holds)


def approvals(snapshot: Snapshot, now: float) -> ApprovalsView:
    view = status(snapshot, now)
    waiting = (*view.waiting, *(w for s in view.services() for w in s.waiting))
    return ApprovalsView(
        now=now,
        held=tuple(w for w in waiting if w.code == Code.MASS_REMOVAL),
        approved=tuple(sorted(snapshot.memory.intent.approved)),
    )


def readiness(snapshot: Snapshot | None, now: float, longest_silence_seconds: float) -> ReadyView:
    """Whether zpmd sees, hears and remembers. `longest_silence_seconds`: a loop that works has ended a pass since."""
    if snapshot is None:
        return ReadyView(ready=False, reasons=("the first pass has not ended",))
    reasons = []
    silence = now - snapshot.at
    if silence > longest_silence_seconds:
        reasons.append(f"loop: no pass for {silence:.0f} s")
    if snapshot.observed.world is None:
        reasons.append(f"engine: {snapshot.observed.error or 'it does not answer'}")
    reasons += [f"watcher: {name} is not alive" for name, alive in sorted(snapshot.watchers.items()) if not alive]
    if snapshot.unwritable:
        reasons.append(f"store: {snapshot.unwritable.error}")
    return ReadyView(ready=not reasons, reasons=tuple(reasons))
