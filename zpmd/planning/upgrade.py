"""What a new zpmd would change of containers that a former one made: of all of them, not only in its first wave.

A rollout goes replica by replica, a hold or a guard keeps things as they are for a while, a group waits for another: so
an empty wave proves little. Here every replica is compared with what its service is now taken to mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zpmd.model import difference
from zpmd.model.cause import Cause, Code
from zpmd.model.container import Container
from zpmd.model.memory import Memory
from zpmd.model.observed import Observed, Replica
from zpmd.model.policy import Limits
from zpmd.model.service import Desired
from zpmd.planning import drift, removal
from zpmd.planning.view import Draft, View, view

Known = Mapping[tuple[str, str], Container]
"""Definitions of former times, by service and the spec label that they came to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A replica that would be replaced or removed, at once or when nothing keeps it any more. `fields` are those in
    which its definition differs (difference.py); None where its former definition is not known any more."""

    replica: Replica
    cause: Cause
    fields: tuple[str, ...] | None = ()


def differences(
    desired: Desired, observed: Observed, memory: Memory, now: float, limits: Limits, known: Known
) -> tuple[Difference, ...]:
    """Of every replica of ours, by service and slot. Nothing of a declared service that an operator has stopped: it is
    compared when it is started. Empty where the world is unknown."""
    if observed.world is None:
        return ()
    seen = view(desired, observed, observed.world, memory, now, limits)
    found = [*_drifted(seen, known), *_undeclared(seen)]
    return tuple(sorted(found, key=lambda d: (d.replica.service, d.replica.slot, d.replica.id)))


def _drifted(seen: View, known: Known) -> Iterator[Difference]:
    for name, aim in seen.targets.items():
        for replica in seen.replicas(name) if aim.leaving is None else ():
            cause = drift.cause(seen, aim, replica)
            if cause is not None:
                former = known.get((name, replica.spec))
                changed = difference.fields(former, aim.service.container) if former else None
                yield Difference(replica=replica, cause=cause, fields=() if replica.spec == aim.spec else changed)


def _undeclared(seen: View) -> Iterator[Difference]:
    """What leaves, at once or when the guard, or a hold, lets it go."""
    draft = Draft()
    causes = dict(removal.leaving(seen, draft))
    causes |= {w.service: w.cause for w in draft.waiting if w.cause.code in (Code.MASS_REMOVAL, Code.HELD)}
    for name in removal.undeclared(seen):
        if name in causes:
            yield from (Difference(replica=replica, cause=causes[name]) for replica in seen.replicas(name))
