"""S10: a replica that goes on failing is tried at once, and then ever more slowly. Reckoned from the engine's record.

A row of tries belongs to one slot, definition and generation. It is over, and the next try free, when something new is
on trial: another definition or generation, an operator's word, a stop on purpose, a run that held for its window, a
dependency that came up since (what failed in between was not its own fault), a memory or an answer that was lost. Every
other try has to keep the distance that the service's policy asks for.
"""

from __future__ import annotations

from dataclasses import dataclass

from zpmd.model.action import RemoveReplica, RestartReplica, RunReplica, StartReplica, StopReplica, verb
from zpmd.model.cause import Code
from zpmd.model.service import RestartPolicy, ServiceData
from zpmd.model.spechash import spec_hash
from zpmd.simulation.breach import Violation
from zpmd.simulation.engine import Call
from zpmd.simulation.host import SimulatedHost
from zpmd.simulation.truth import Truth

SLACK_SECONDS = 0.001
ANOTHER = frozenset({Code.DRIFT, Code.PATCH, Code.ROLLBACK})
"""Causes that replace a failed replica for the sake of another definition: what comes back after that begins anew."""
SHORTEST_WINDOW_SECONDS = 10.0


@dataclass(slots=True)
class Row:
    """Tries in a row. `last` is when the last was over, `tries` how many there were with it."""

    meaning: tuple[str, int]
    last: float
    tries: int


class Budget:
    def __init__(self, host: SimulatedHost) -> None:
        self._host = host
        self._rows: dict[str, Row] = {}
        self._came_up: dict[str, float] = {}
        """When a container of a service was last started."""

    def decided(self, truth: Truth, action: RunReplica | StartReplica | RestartReplica) -> None:
        """A try is about to be made. Raises Violation where it comes too soon."""
        slot = action.subject
        row = self._rows.get(slot)
        service = action.service if isinstance(action, RunReplica) else truth.desired.service(slot.rpartition("/")[0])
        if row is None or service is None or row.meaning != _meaning(action):
            return
        excused = any(self._came_up.get(name, 0.0) >= row.last - 1.0 for name in needed(service))
        held = truth.now - row.last >= max(service.restart.window_seconds, SHORTEST_WINDOW_SECONDS)
        if excused or held:
            del self._rows[slot]
            return
        distance = _delay_seconds(service.restart, row.tries)
        if truth.now - row.last + SLACK_SECONDS < distance:
            text = f"{verb(action)} {slot} ({action.cause}) {truth.now - row.last:.1f} s after try {row.tries} in a row"
            raise Violation("S10", f"{text}, and {distance:.1f} s are asked for")

    def called(self, call: Call) -> None:
        action = call.action
        if isinstance(action, StopReplica | RemoveReplica):
            if not action.evidence or action.cause.code in ANOTHER or self._follows(action.replica.service):
                self._rows.pop(action.subject, None)
        elif isinstance(action, RunReplica | StartReplica | RestartReplica):
            self._tried(call, action)

    def _follows(self, service: str) -> bool:
        """Whether it is replaced with another one: then a dead one may be replaced for that, and not for its death."""
        found = self._host.source.desired.service(service)
        return found is not None and any(d.restart for d in found.depends_on)

    def _tried(self, call: Call, action: RunReplica | StartReplica | RestartReplica) -> None:
        slot, meaning = action.subject, _meaning(action)
        if any(after.under_way(call.at) is not None for _, after in call.changed):
            self._came_up[slot.rpartition("/")[0]] = call.until
        if not call.outcome.ok:
            self._rows.pop(slot, None)  # refused, or nobody knows: counted by the engine's own retries
            return
        row = self._rows.get(slot)
        if row is None or row.meaning != meaning:
            self._rows[slot] = Row(meaning, call.until, 1)
        else:
            self._rows[slot] = Row(meaning, call.until, row.tries + 1)

    def daemon_died(self) -> None:
        """What was under way is not counted by whoever comes next."""
        self._rows.clear()

    def memory_lost(self) -> None:
        self._rows.clear()

    def asked(self, service: str) -> None:
        for slot in [s for s in self._rows if service in ("*", s.rpartition("/")[0])]:
            del self._rows[slot]


def needed(service: ServiceData) -> set[str]:
    """The services without which this one cannot do: by `depends_on`, and by what it shares."""
    return {d.service for d in service.depends_on} | shared(service)


def shared(service: ServiceData) -> set[str]:
    """The services whose namespaces or volumes it uses."""
    c = service.container
    modes = [m.removeprefix("service:") for m in (c.network_mode, c.ipc, c.pid) if m.startswith("service:")]
    return {*modes, *(v.split(":")[0] for v in c.volumes_from if not v.startswith("container:"))}


def _meaning(action: RunReplica | StartReplica | RestartReplica) -> tuple[str, int]:
    if isinstance(action, RunReplica):
        return spec_hash(action.service.container), action.generation
    return action.replica.spec, action.replica.generation


def _delay_seconds(policy: RestartPolicy, tries: int) -> float:
    """What has to lie between the try number `tries` of a row and the next one."""
    if tries <= 1:
        return 0.0
    return min(max(policy.delay_seconds, 0.1) * 2.0 ** (tries - 2), max(policy.max_delay_seconds, 0.1))
