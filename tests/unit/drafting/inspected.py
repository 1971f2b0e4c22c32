"""What an engine says of a container that was made by a body of POST /containers/create: for tests without one.

By moby's rules (daemon/commit.go, merge; daemon/daemon_unix.go, adaptContainerSettings); that a real engine agrees is
what tests/integration/test_init.py is for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from zpmd.engines.context import Surroundings, creation
from zpmd.model.service import ServiceData
from zpmd.model.survey import Survey

API = (1, 49)
ABOUT = {"ServerVersion": "27.3.1", "CgroupVersion": "2", "DefaultRuntime": "runc", "LoggingDriver": "json-file"}
IMAGE_ID = f"sha256:{'a' * 64}"
IMAGE: Mapping[str, Any] = MappingProxyType(
    {
        "Env": ["PATH=/usr/bin", "BASE=1"],
        "Cmd": ["serve", "--all"],
        "Entrypoint": ["/entry"],
        "WorkingDir": "/srv",
        "User": "app",
        "Labels": {"org.opencontainers.image.title": "x"},
        "ExposedPorts": {"7000/tcp": {}},
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5_000_000_000},
        "StopSignal": "SIGQUIT",
    }
)
MASKED = ["/proc/acpi", "/proc/kcore"]
FILLED_IN: Mapping[str, Any] = MappingProxyType(
    {
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "Runtime": "runc",
        "ShmSize": 64 << 20,
        "LogConfig": {"Type": "json-file", "Config": {}},
        "MaskedPaths": MASKED,
        "ReadonlyPaths": MASKED,
        "ConsoleSize": [0, 0],
        "MemorySwappiness": None,
        "OomKillDisable": None,
    }
)


def id_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def image(config: Mapping[str, Any] = IMAGE, name: str = "nginx:latest", image_id: str = IMAGE_ID) -> dict[str, Any]:
    return {"Id": image_id, "RepoTags": [name], "RepoDigests": [], "Config": dict(config)}


def body_of(service: ServiceData, neighbours: Mapping[str, str], base: Mapping[str, Any] = IMAGE) -> dict[str, Any]:
    """What zpmd would ask the engine for."""
    materials = {file: f"/materials/{file.digest[:6]}" for file in service.container.files}
    entrypoint = tuple(base.get("Entrypoint") or ())
    around = Surroundings(api=API, neighbours=neighbours, materials=materials, image_entrypoint=entrypoint)
    return dict(creation(service, around).body)


def inspection(
    body: Mapping[str, Any],
    name: str,
    base: Mapping[str, Any] = IMAGE,
    labels: Mapping[str, str] | None = None,
    state: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The container as `GET /containers/ID/json` has it."""
    host = {**FILLED_IN, **{k: v for k, v in body["HostConfig"].items() if v not in (None, "")}}
    if host.get("Memory") and not host.get("MemorySwap"):
        host["MemorySwap"] = 2 * host["Memory"]
    endpoints = body["NetworkingConfig"]["EndpointsConfig"]
    return {
        "Id": id_of(name),
        "Name": f"/{name}",
        "Image": IMAGE_ID,
        "State": {"Status": "running", "ExitCode": 0, **(state or {})},
        "Config": _config(body, id_of(name), base, labels or {}),
        "HostConfig": host,
        "NetworkSettings": {"Networks": {n: dict(endpoint) for n, endpoint in endpoints.items()}},
        "Mounts": [
            *({"Type": "volume", "Name": id_of(m["Target"]), "Destination": m["Target"]}
              for m in host.get("Mounts", ()) if m["Type"] == "volume" and not m.get("Source")),
        ],
    }  # fmt: skip


def _config(body: Mapping[str, Any], container_id: str, base: Mapping[str, Any], labels: Mapping[str, str]) -> Any:
    own = {key: value for key, value in body.items() if key not in ("HostConfig", "NetworkingConfig")}
    words, entrypoint = own.get("Cmd") or [], own.get("Entrypoint")
    if not entrypoint:
        words = words or list(base.get("Cmd") or [])
        entrypoint = base.get("Entrypoint") if entrypoint is None else entrypoint
    check = own.get("Healthcheck")
    return {
        **{key: base[key] for key in ("WorkingDir", "User", "StopSignal") if key in base},
        **own,
        "Hostname": own.get("Hostname") or container_id[:12],
        "Cmd": words,
        "Entrypoint": None if entrypoint == [""] else entrypoint,
        "Env": _environment(own.get("Env") or [], base.get("Env") or []),
        "Labels": {**(base.get("Labels") or {}), **(own.get("Labels") or {}), **labels},
        "ExposedPorts": {**(base.get("ExposedPorts") or {}), **(own.get("ExposedPorts") or {})},
        "Healthcheck": {**(base.get("Healthcheck") or {}), **check} if check else base.get("Healthcheck"),
    }


def _environment(own: list[str], base: list[str]) -> list[str]:
    """A name without a value takes a variable away."""
    values = dict(line.partition("=")[::2] for line in base)
    for line in own:
        name, equals, value = line.partition("=")
        values.pop(name, None)
        if equals:
            values[name] = value
    return sorted(f"{name}={value}" for name, value in values.items())


def survey(*containers: Mapping[str, Any], base: Mapping[str, Any] = IMAGE, **more: Any) -> Survey:
    """All of them on one engine."""
    return Survey(containers=containers, images={IMAGE_ID: image(base)}, about=ABOUT, **more)
