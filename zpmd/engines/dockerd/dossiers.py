"""The dossier: the evidence of a failure, gathered around the action that would destroy it.

A start in place wipes nothing but the probes' outputs, so only those are read before it, and only where there are any;
the log is read when the replica runs again, up to the instant between its two lives, and the limits are those that it
was made with and has still. Evidence that cannot be had is
left out: it never holds up the cure. Of a job's run nothing is destroyed, so its log is asked for again instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zpmd.engines.dockerd import logs, reading
from zpmd.engines.dockerd.faults import FAILURES, Answered, Garbage, one_line
from zpmd.engines.dockerd.wire import Json, Wire
from zpmd.model.observed import ContainerLimits, Dossier, Health, Replica

LINES = 50
RUN_LINES = 100
"""Of a run of a job: as many as its row keeps."""
READ_LINES = 500
"""More are read than are kept: the engine cuts at `tail` first and at `until` second."""
NO_LOG = "does not support reading"
"""The engine's word on a logging driver that sends the lines away."""


def probes(wire: Wire, replica: Replica) -> tuple[str, ...]:
    """What the healthcheck printed; nothing, and no call, for a replica without one."""
    if replica.health is Health.NONE:
        return ()
    try:
        return reading.health_output(wire.get(f"/containers/{replica.id}/json"))
    except (Answered, Garbage, *FAILURES):
        return ()


def looked_at(wire: Wire, container_id: str) -> Json:
    """The container as the engine inspects it; None where that cannot be had."""
    try:
        return wire.get(f"/containers/{container_id}/json")
    except (Answered, Garbage, *FAILURES):
        return None


def end(inspected: Json) -> tuple[int | None, float | None]:
    """How a container that was stopped ended, and when; (None, None) where the engine does not tell."""
    try:
        return reading.end(inspected)
    except Garbage:
        return None, None


def gather(
    wire: Wire,
    replica: Replica,
    at: float,
    health_output: tuple[str, ...] = (),
    restarted_at: float | None = None,
    inspected: Json = None,
    stopped: bool = False,
) -> Dossier:
    """The dossier of a replica that ended. `restarted_at`: it runs again, since that instant. `inspected` is the
    container, as `looked_at` had it; `stopped`: it was stopped before that."""
    until = None
    if restarted_at is not None and replica.finished_at is not None and replica.finished_at < restarted_at:
        until = (replica.finished_at + restarted_at) / 2
    elif restarted_at is not None:
        until = restarted_at
    try:
        lines = logs.last_lines(wire, replica.id, READ_LINES, until)[-LINES:]
    except (Answered, Garbage, *FAILURES):
        lines = []
    dossier = _dossier(replica, at, lines, health_output, inspected)
    if stopped:
        exit_code, finished_at = end(inspected)
        dossier = replace(dossier, exit_code=exit_code, finished_at=finished_at, stopped=True)
    return dossier


def of_run(wire: Wire, replica: Replica, at: float) -> Dossier:
    """The dossier of a try of a run, also of one that ended well. Raises where its log cannot be had now."""
    try:
        lines = logs.last_lines(wire, replica.id, RUN_LINES)
    except Answered as error:
        if NO_LOG not in error.message:
            raise
        lines = []
    return _dossier(replica, at, lines, probes(wire, replica), looked_at(wire, replica.id))


def _dossier(
    replica: Replica, at: float, lines: Sequence[bytes], health_output: tuple[str, ...], inspected: Json
) -> Dossier:
    return Dossier(
        service=replica.service,
        slot=replica.slot,
        container_id=replica.id,
        at=at,
        exit_code=replica.exit_code,
        oom_killed=replica.oom_killed,
        health_output=health_output,
        log_tail=tuple(one_line(line.decode(errors="replace")) for line in lines),
        error=replica.error,
        started_at=replica.started_at,
        finished_at=replica.finished_at,
        image=replica.image,
        limits=_limits(inspected),
        attempt=replica.attempt,
        generation=replica.generation,
        spec=replica.spec,
        revision=replica.revision,
    )


def _limits(inspected: Json) -> ContainerLimits | None:
    try:
        return reading.limits(inspected)
    except Garbage:
        return None
