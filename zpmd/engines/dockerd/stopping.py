"""Stopping and removing: with grace, by full id, and only what is ours and still what we think it is."""

from __future__ import annotations

import math
import time

from zpmd.engines import labels
from zpmd.engines.dockerd import hooks, reading
from zpmd.engines.dockerd.faults import Answered, Told
from zpmd.engines.dockerd.wire import Json, Wire
from zpmd.model.container import Hook
from zpmd.model.events import Result
from zpmd.model.observed import Replica

DEFAULT_GRACE_SECONDS = 10.0
"""The engine's own, for a container that was made without a stop timeout."""
GONE_SECONDS = 5.0
POLL_SECONDS = 0.05


def stop(
    wire: Wire,
    container_id: str,
    grace_seconds: float | None,
    pre_stop: tuple[Hook, ...],
    timeout_seconds: float,
    monotonic: hooks.Monotonic,
) -> list[str]:
    """Run pre_stop, each bounded by the grace, then stop. Returns what failed of the hooks.

    A container that has ended, or is gone, is stopped. The request takes as long as the grace, so its timeout is that
    much longer than others'.
    """
    grace = grace_seconds
    if grace is None:
        try:
            grace = _made_with(reading.mapping(wire.get(f"/containers/{container_id}/json"), "container"))
        except Answered as error:
            if error.status == 404:
                return []
            raise
    failures = hooks.run_all_before_stop(wire, container_id, pre_stop, max(grace, 1.0), monotonic)
    params = {} if grace_seconds is None else {"t": str(math.ceil(grace))}
    try:
        wire.post(f"/containers/{container_id}/stop", params=params, timeout_seconds=timeout_seconds + grace)
    except Answered as error:
        if error.status != 404:
            raise
    return failures


def remove(wire: Wire, replica: Replica, owner: str, monotonic: hooks.Monotonic) -> None:
    """Remove a container that has ended; done only once the engine no longer knows it.

    Never by force: one that runs after all is left running, and the next observation says so. Anonymous volumes stay:
    they may hold the only copy of what an image keeps in an undeclared VOLUME, and zpmd deletes no data. Those of a run
    of a job go with it, as with `docker run --rm`: each run has its own, which no other ever sees, and a job that runs
    each minute would leave half a million a year.
    """
    container_id = replica.id
    try:
        found = reading.mapping(wire.get(f"/containers/{container_id}/json"), "container")
        if reading.labels(found.get("Config") or {}).get(labels.OWNER) != owner:
            raise Told(Result.PERMANENT, f"container {container_id[:12]} is not ours: it is left alone")
        if (found.get("State") or {}).get("Running"):
            raise Told(Result.TRANSIENT, f"container {container_id[:12]} still runs: it is not removed")
        wire.delete(f"/containers/{container_id}", {"v": "false" if replica.due is None else "true", "force": "false"})
    except Answered as error:
        if error.status == 404:
            return
        if error.status != 409 or "in progress" not in error.message:
            raise
    _await_gone(wire, container_id, monotonic)


def _await_gone(wire: Wire, container_id: str, monotonic: hooks.Monotonic) -> None:
    """An accepted removal may still fail in the engine's back room (busy file system), and the container reappear."""
    ends = monotonic() + GONE_SECONDS
    while True:
        try:
            wire.get(f"/containers/{container_id}/json")
        except Answered as error:
            if error.status == 404:
                return
            raise
        if monotonic() > ends:
            raise Told(Result.UNKNOWN, f"container {container_id[:12]} is being removed, and still there")
        time.sleep(POLL_SECONDS)


def _made_with(inspected: dict[str, Json]) -> float:
    timeout = (inspected.get("Config") or {}).get("StopTimeout")
    return DEFAULT_GRACE_SECONDS if timeout is None else float(timeout)
