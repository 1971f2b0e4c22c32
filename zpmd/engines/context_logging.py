"""Where a container's output goes (pure; the rules are in context.py). For journald, with what makes it readable
together with zpmd's own lines: a tag, and the fields ZPMD_SERVICE and ZPMD_TENANT.

The engine's journald driver makes a field of each label that its option `labels` names, in capitals, with `_` for what
no field may have (https://docs.docker.com/engine/logging/drivers/journald/). None of it is part of the spec hash: it
follows from what is, so no container is replaced for it; one that was made by an older zpmd has it from its next
creation on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zpmd.model.service import ServiceData

JOURNALD = "journald"
SERVICE, TENANT = "zpmd.service", "zpmd.tenant"
"""Labels that become the fields."""


def log_config(service: ServiceData) -> dict[str, Any]:
    """HostConfig's LogConfig; {} where the engine's own default holds. What the file says wins."""
    container = service.container
    options = dict(container.log_options)
    if not (container.log_driver or options):
        return {}
    if container.log_driver == JOURNALD:
        named = [name for name in options.get("labels", "").split(",") if name]
        named += [name for name in labels(service) if name not in named]
        options = {"tag": service.name, **options, "labels": ",".join(named)}
    return {"Type": container.log_driver, "Config": options}


def labels(service: ServiceData) -> Mapping[str, str]:
    """What the container carries for it."""
    if service.container.log_driver != JOURNALD:
        return {}
    found = {SERVICE: service.name, TENANT: service.tenant}
    return {name: value for name, value in found.items() if value}
