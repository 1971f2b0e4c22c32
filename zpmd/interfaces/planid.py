"""The id of a plan: the same as long as the world has not moved under whoever looked at it. Pure.

What is in it: what every service is to be, what operators asked, and what is to be done, is being done or is held back.
What is not: times, numbers of passes and texts. That an action has begun changes nothing; that it has ended does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from zpmd.model.action import verb
from zpmd.model.events import Snapshot
from zpmd.model.spechash import spec_hash


def plan_id(snapshot: Snapshot) -> str:
    digest = hashlib.sha256()
    for part in sorted(set(_parts(snapshot))):
        digest.update(repr(part).encode(errors="backslashreplace"))
    return digest.hexdigest()[:24]


def _parts(snapshot: Snapshot) -> Iterator[tuple[str, ...]]:
    for service in snapshot.desired.services:
        yield "service", service.name, spec_hash(service.container), str(service.replicas)
        if service.job is not None:
            yield "job", service.name, repr(service.job)
    intent = snapshot.memory.intent
    yield "down", intent.down.value
    yield from (("stopped", name) for name in intent.stopped)
    yield from (("suspended", name) for name in intent.suspended)
    yield from (("scaled", name, str(count)) for name, count in intent.scaled.items())
    yield from (("generation", name, str(number)) for name, number in intent.generations.items())
    yield from (("held", hold.service) for hold in intent.holds if hold.until is None or hold.until > snapshot.at)
    yield from (("do", action.subject, verb(action)) for action in snapshot.plan.actions)
    yield from (("do", action.subject, action.verb) for action in snapshot.in_flight)
    yield from (("wait", waiting.subject, waiting.cause.code.value) for waiting in snapshot.plan.waiting)
