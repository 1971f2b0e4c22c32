"""What our containers are called: a name that says everything a replica is replaced over, and nothing else.

Names are deterministic, so that a second creation of the same replica collides instead of making a double, and a
stranger in the way is seen before anything is tried.
"""

from __future__ import annotations

import hashlib

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
