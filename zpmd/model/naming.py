"""What our containers are called: a name that says everything a replica is replaced over, and nothing else.

Names are deterministic, so that a second creation of the same replica collides instead of making a double, and a
stranger in the way is seen before anything is tried.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from zpmd.model.service import ServiceData
from zpmd.model.spechash import spec_hash


def container_name(project: str, service: ServiceData, slot: int, generation: int = 0) -> str:
    """`container_name` where the service has one, else `<project>-<service>-<slot>-<6 hex>`.

    The digits stand for spec and generation, so that the two replicas of a start-first update differ. For which patch a
    replica was made is on its label alone: a patch raises the generation.
    """
    if service.container.container_name:
        return service.container.container_name
    # the last line is empty for the sake of containers that an earlier zpmd made, which had one more thing to say
    identity = f"{spec_hash(service.container)}\n{generation}\n"
    return f"{project}-{service.name}-{slot}-{hashlib.sha256(identity.encode()).hexdigest()[:6]}"


def run_name(project: str, job: str, due: int, attempt: int) -> str:
    """`<project>-<job>-<20260329T010000Z>`, from the second try on with `-<try>`: of a run that is due at an instant.

    It says nothing of what the run is made from: a service file that is changed between a crash of zpmd and the second
    creation must not make a second run of it.
    """
    when = datetime.fromtimestamp(due, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{project}-{job}-{when}" + (f"-{attempt}" if attempt > 1 else "")


def rfc3339(at: float) -> str:
    """An instant to the second, in UTC, `2026-03-29T01:00:00Z`: what people call a run by."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
