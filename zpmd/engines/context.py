"""The factory: from a service to everything that the engine needs to create its container (pure).

`creation` gives the body of POST /containers/create by the Engine API's reference. The rules:

1. Every field of model.container.Container lands in it, or is named in ELSEWHERE with the place where it is used.
2. What the agreed API version does not know is refused (Uncreatable), never left out: a container that lacks what its
   file says would carry the spec hash of one that has it.
3. What has its default is left out, so that the engine's and the image's own defaults hold.
4. The engine's restart policy is always `no`: zpmd restarts, and only zpmd.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from zpmd.engines import context_host, context_logging, context_network, labels
from zpmd.engines.uncreatable import Version, need
from zpmd.model.container import Container, FileMount, Healthcheck
from zpmd.model.service import ServiceData

__all__ = ["ELSEWHERE", "Creation", "Surroundings", "creation", "neighbours"]

NANOSECONDS = 1_000_000_000

ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "container_name": "the name of the container (labels.container_name)",
        "platform": "a parameter of the request (Creation.platform)",
        "post_start": "the action RunHook carries it",
        "pre_stop": "the actions StopReplica and RestartReplica carry it",
    }
)
"""Fields of Container that are not in the body, and where they are used instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a creation depends on beside its service.

    `neighbours`: the container id for each service named by network_mode, ipc, pid, volumes_from and links.
    `materials`: the host path for each config and secret. `profiles`: the text of each seccomp profile file named.
    `image_entrypoint`: that of the image, asked for only where `command` is to be empty (see _command).
    """

    api: Version
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    neighbours: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    materials: Mapping[FileMount, str] = field(default_factory=lambda: MappingProxyType({}))
    profiles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    image_entrypoint: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """`body` for POST /containers/create; `connect` are (network, endpoint) to join before the start, in order."""

    body: Mapping[str, Any]
    platform: str = ""
    connect: tuple[tuple[str, Mapping[str, Any]], ...] = ()


def creation(service: ServiceData, around: Surroundings) -> Creation:
    """Everything for the container of one replica. Raises Uncreatable with a text for the operator."""
    container = service.container
    endpoints = context_network.endpoints(service.name, container, around.api, around.neighbours)
    at_create = endpoints if around.api >= (1, 44) else endpoints[:1]
    connect = endpoints[len(at_create) :]
    # zpmd may die between the creation and the joining: whoever starts the container then finds it in this label
    joins = {labels.JOINS: json.dumps(connect)} if connect else {}
    logging = context_logging.log_config(service)
    body: dict[str, Any] = {
        **_config(container, around),
        "Labels": {**dict(container.labels), **context_logging.labels(service), **around.labels, **joins},
        "StopTimeout": math.ceil(service.stop_grace_seconds),
        "HostConfig": {
            **context_host.host_config(container, around.api, around.neighbours, around.materials, around.profiles),
            **context_network.host_config(container, around.neighbours),
            "RestartPolicy": {"Name": "no"},
            **({"LogConfig": logging} if logging else {}),
        },
        "NetworkingConfig": {"EndpointsConfig": dict(at_create)},
    }
    return Creation(
        body=body,
        platform=container.platform,
        connect=tuple(connect),
    )


def neighbours(container: Container) -> dict[str, bool]:
    """The services whose containers must be there before this one can be created, and whether they must run.

    A namespace or a link is of a running container; volumes are taken from any.
    """
    there = [v.split(":")[0] for v in container.volumes_from if not v.startswith("container:")]
    shared = (container.network_mode, container.ipc, container.pid)
    run = [mode.removeprefix("service:") for mode in shared if mode.startswith("service:")]
    run += [link.split(":")[0] for link in container.links]
    return {name: name in run for name in sorted({*there, *run})}


def _config(container: Container, around: Surroundings) -> dict[str, Any]:
    ports: dict[str, Any] = {f"{p.target}/{p.protocol}": {} for p in container.ports}
    ports |= {(p if "/" in p else f"{p}/tcp"): {} for p in container.expose}
    body: dict[str, Any] = {
        "Image": container.image,
        **_command(container, around.image_entrypoint),
        # a name without "=" is how the engine is told to take a variable of the image away
        "Env": [key if value is None else f"{key}={value}" for key, value in container.environment],
        "WorkingDir": container.working_dir,
        "User": container.user,
        "Hostname": container.hostname,
        "Domainname": container.domainname,
        "Tty": container.tty,
        "OpenStdin": container.stdin_open,
        "StopSignal": container.stop_signal,
        "ExposedPorts": ports,
        "MacAddress": context_network.mac_of_container(container, around.api),
    }
    body = {key: value for key, value in body.items() if value not in ("", False, [], {})}
    if container.healthcheck is not None:
        body["Healthcheck"] = _healthcheck(container.healthcheck, around.api)
    return body


def _command(container: Container, image_entrypoint: tuple[str, ...]) -> dict[str, Any]:
    """Entrypoint and Cmd. An empty list, to the engine, means "that of the image"; to Compose, it means "none".

    For an empty entrypoint the engine has a word of its own, `[""]`. For an empty command it has none, but it leaves
    the image's command out once an entrypoint is given, so the image's own entrypoint is given.
    """
    body: dict[str, Any] = {}
    if container.entrypoint is not None:
        body["Entrypoint"] = list(container.entrypoint) or [""]
    if container.command is not None:
        body["Cmd"] = list(container.command)
        if not container.command and container.entrypoint is None:
            body["Entrypoint"] = list(image_entrypoint) or [""]
    return body


def _healthcheck(check: Healthcheck, api: Version) -> dict[str, Any]:
    if check.start_interval_seconds:
        need(api, (1, 44), "healthcheck.start_interval")
    body: dict[str, Any] = {
        "Test": list(check.test),
        "Interval": _nanoseconds(check.interval_seconds),
        "Timeout": _nanoseconds(check.timeout_seconds),
        "Retries": check.retries,
        "StartPeriod": _nanoseconds(check.start_period_seconds),
        "StartInterval": _nanoseconds(check.start_interval_seconds),
    }
    return {key: value for key, value in body.items() if value}


def _nanoseconds(seconds: float) -> int:
    return round(seconds * NANOSECONDS)
