"""The engine's JSON as values of the model. What is not as the API says raises Garbage (pure)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from zpmd.engines.dockerd.faults import Garbage, one_line
from zpmd.engines.dockerd.wire import Json
from zpmd.engines.labels import Marks
from zpmd.model.observed import ContainerLimits, Health, Phase, Replica, Stranger

_HEALTH_IN_STATUS = {
    "(healthy)": Health.HEALTHY,
    "(unhealthy)": Health.UNHEALTHY,
    "(health: starting)": Health.STARTING,
}
DEFAULT_CPU_PERIOD = 100_000
"""The kernel's own, in microseconds."""
NEVER = "0001-01-01T00:00:00Z"


def items(answer: Json, what: str) -> list[dict[str, Json]]:
    """The answer as a list of objects."""
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        raise Garbage(f"no list of {what}")
    return answer


def mapping(answer: Json, what: str) -> dict[str, Json]:
    if not isinstance(answer, dict):
        raise Garbage(f"no {what}")
    return answer


def text(item: Mapping[str, Json], key: str) -> str:
    """A text that must be there."""
    value = item.get(key)
    if not isinstance(value, str) or not value:
        raise Garbage(f"an entry without {key}")
    return value


def labels(item: Mapping[str, Json]) -> dict[str, str]:
    """Labels must be there, as they say what is ours; `null` is how the engine may write that there are none."""
    if "Labels" not in item or not isinstance(item["Labels"], dict | None):
        raise Garbage("an entry without Labels")
    return item["Labels"] or {}


def name(item: Mapping[str, Json]) -> str:
    """A listed container's own name: the one without a second slash, which is a link's."""
    names = [str(n).removeprefix("/") for n in item.get("Names") or ()]
    return next((n for n in names if "/" not in n), names[0] if names else "")


def stranger(item: Mapping[str, Json]) -> Stranger:
    """Its ports only while it lives: the engine goes on listing those of one that could not be started."""
    ports = {
        f"{p.get('IP') or '0.0.0.0'}:{p['PublicPort']}/{p.get('Type') or 'tcp'}"  # nosec B104 # nothing is bound
        for p in item.get("Ports") or ()
        if p.get("PublicPort")
    }
    if item.get("State") not in ("running", "paused", "restarting"):
        ports.clear()
    return Stranger(id=text(item, "Id"), name=name(item), ports=tuple(sorted(ports)))


def listed(item: Mapping[str, Json], marks: Marks) -> Replica:
    """One container of ours as the list tells of it: without the instants and the exit of its process."""
    return Replica(
        id=text(item, "Id"),
        name=name(item),
        phase=_phase(text(item, "State")),
        health=_listed_health(str(item.get("Status") or "")),
        image=str(item.get("Image") or ""),
        image_id=str(item.get("ImageID") or ""),
        created_at=float(number(item.get("Created"))),
        **_marked(marks),
    )


def replica(inspected: Json, marks: Marks) -> Replica:
    """One inspected container of ours."""
    body = mapping(inspected, "container")
    state = mapping(body.get("State"), "State of a container")
    phase = _phase(str(state.get("Status")))
    ended = phase in (Phase.EXITED, Phase.DEAD)
    return Replica(
        id=text(body, "Id"),
        name=text(body, "Name").removeprefix("/"),
        phase=phase,
        health=_health(state),
        image=str((body.get("Config") or {}).get("Image") or ""),
        image_id=str(body.get("Image") or ""),
        created_at=instant(body.get("Created")) or 0.0,
        started_at=instant(state.get("StartedAt")),
        finished_at=instant(state.get("FinishedAt")),
        exit_code=int(number(state.get("ExitCode"))) if ended else None,
        oom_killed=bool(state.get("OOMKilled")),
        error=one_line(str(state.get("Error") or "")),
        **_marked(marks),
    )


def number(value: Json) -> float:
    """A number that the engine may leave out (0); one that no counter or clock of its could show is none."""
    if value is None:
        return 0
    if not isinstance(value, int | float) or not abs(value) < 2**63:
        raise Garbage(f"number {str(value)[:40]}")
    return value


def limits(inspected: Json) -> ContainerLimits:
    """What an inspected container is allowed. The engine writes "no limit" as nothing, 0 or -1."""
    host = mapping(inspected, "container").get("HostConfig") or {}
    cpus = number(host.get("NanoCpus")) / 1e9
    if not cpus and number(host.get("CpuQuota")) > 0:
        cpus = number(host.get("CpuQuota")) / (number(host.get("CpuPeriod")) or DEFAULT_CPU_PERIOD)
    return ContainerLimits(
        memory_bytes=max(0, int(number(host.get("Memory")))),
        cpus=cpus,
        pids=max(0, int(number(host.get("PidsLimit")))),
    )


def end(inspected: Json) -> tuple[int | None, float | None]:
    """(exit code, instant) of an inspected container that has ended; (None, None) of one that runs."""
    state = mapping(inspected, "container").get("State") or {}
    if state.get("Running"):
        return None, None
    return int(number(state.get("ExitCode"))), instant(state.get("FinishedAt"))


def health_output(inspected: Json) -> tuple[str, ...]:
    """What the last probes printed, oldest first, each with its exit code."""
    log = ((mapping(inspected, "container").get("State") or {}).get("Health") or {}).get("Log") or ()
    return tuple(one_line(f"exit {p.get('ExitCode')}" + (f": {p['Output']}" if p.get("Output") else "")) for p in log)


def instant(value: Json) -> float | None:
    """An RFC 3339 instant with nanoseconds as Unix seconds; None for the engine's year 1, which means never."""
    if not value or value == NEVER:
        return None
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError as error:
        raise Garbage(f"instant {value!r}") from error


def _marked(marks: Marks) -> dict[str, Any]:
    """What a replica has from its labels."""
    return {field.name: getattr(marks, field.name) for field in dataclasses.fields(marks)}


def _phase(word: str) -> Phase:
    try:
        return Phase(word)
    except ValueError as error:
        raise Garbage(f"state {word!r}") from error


def _listed_health(status: str) -> Health:
    """The list has health in its line for people: `Up 2 minutes (healthy)`."""
    for word, health in _HEALTH_IN_STATUS.items():
        if word in status:
            return health
    return Health.NONE


def _health(state: Mapping[str, Json]) -> Health:
    # a test of NONE leaves the word "none", a container without healthcheck no Health at all
    word = (state.get("Health") or {}).get("Status")
    return Health(word) if word in set(Health) else Health.NONE
