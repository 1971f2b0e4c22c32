"""What a container sees of files: volumes by the names that they have, paths of the host, tmpfs, devices."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from zpmd.drafting.words import Facts, name_of

ANONYMOUS = re.compile(r"[0-9a-f]{64}")
"""What the engine calls a volume to which nobody gave a name."""
KEPT = ("ro", "z", "Z", "private", "rprivate", "shared", "rshared", "slave", "rslave")
HARMLESS = ("rw", "cached", "delegated", "consistent", "")


@dataclass
class Mounted:
    """`volumes` and `tmpfs` of a service; the engine's volumes that it uses, each by the key it is given; remarks."""

    volumes: list[Any] = field(default_factory=list)
    tmpfs: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """The engine's name of a volume -> its key in the file."""
    notes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def mounts(
    inspected: Mapping[str, Any],
    host: Facts,
    known: Mapping[str, Any],
    lent: Collection[str],
    project: str,
    service: str,
    replicas: int,
) -> Mounted:
    """`known` are the engine's volumes by name, `lent` the targets of what comes by `volumes_from`."""
    found = Mounted()
    covered: set[str] = set(lent)
    for bind in host.take("Binds", []):
        covered.add(_bind(bind, found, known, project))
    for mount in host.take("Mounts", []):
        covered.add(_mount(mount, found, known, project))
    for target, options in sorted(host.take("Tmpfs", {}).items()):
        found.tmpfs.append(f"{target}:{options}" if options else target)
        covered.add(target)
    if host.take("VolumeDriver", ""):
        found.notes.append("volume driver of the container: the volumes are there already, and used as they are")
    for mount in sorted(inspected.get("Mounts") or [], key=lambda m: str(m.get("Destination"))):
        target, name = mount.get("Destination", ""), mount.get("Name", "")
        if mount.get("Type") == "volume" and target not in covered:
            _anonymous(target, name, found, service, replicas)
    return found


def key_of(name: str, known: Mapping[str, Any], project: str) -> str:
    """The key that Compose knew the volume by where it is this project's, or its name. No two have the same."""
    labels = (known.get(name) or {}).get("Labels") or {}
    key = labels.get("com.docker.compose.volume")
    own = bool(project) and labels.get("com.docker.compose.project") == project
    return str(key) if own and key and key not in known else name_of(name)


def _bind(text: str, found: Mounted, known: Mapping[str, Any], project: str) -> str:
    """One entry of `Binds`, `SOURCE:TARGET[:OPTIONS]`; its target."""
    source, target, options = (*text.split(":", 2), "", "")[:3]
    words = options.split(",")
    if source.startswith("/"):
        kept = ",".join(word for word in words if word in KEPT)
        odd = [word for word in words if word not in KEPT and word not in HARMLESS]
    else:
        key = found.names[source] = key_of(source, known, project)
        source = key
        kept = ",".join(word for word in words if word in ("ro", "nocopy"))
        odd = [word for word in words if word not in ("ro", "nocopy", *HARMLESS)]
    if odd:
        found.notes.append(f"mount options {', '.join(odd)} of {target}")
    found.volumes.append(":".join(part for part in (source, target, kept) if part))
    return target


def _mount(mount: Mapping[str, Any], found: Mounted, known: Mapping[str, Any], project: str) -> str:
    """One entry of `HostConfig.Mounts`; its target."""
    kind, target, source = mount.get("Type", ""), mount.get("Target", ""), mount.get("Source", "")
    entry: dict[str, Any] = {"type": kind, "target": target}
    match kind:
        case "bind":
            entry["source"] = source
            options = mount.get("BindOptions") or {}
            bind: dict[str, Any] = {} if options.get("CreateMountpoint") else {"create_host_path": False}
            if options.get("Propagation"):
                bind["propagation"] = options["Propagation"]
            if options.get("NonRecursive"):
                found.notes.append(f"the bind of {source} left out what is mounted below it (NonRecursive)")
            entry |= {"bind": bind} if bind else {}
        case "volume" if source:
            entry["source"] = found.names[source] = key_of(source, known, project)
            options = mount.get("VolumeOptions") or {}
            volume = {"nocopy": True} if options.get("NoCopy") else {}
            volume |= {"subpath": options["Subpath"]} if options.get("Subpath") else {}
            entry |= {"volume": volume} if volume else {}
        case "volume":
            return ""  # an anonymous one: it is among the mounts that are there
        case "tmpfs":
            options = mount.get("TmpfsOptions") or {}
            tmpfs: dict[str, Any] = {"size": options["SizeBytes"]} if options.get("SizeBytes") else {}
            tmpfs |= {"mode": f"{options['Mode']:04o}"} if options.get("Mode") else {}
            entry |= {"tmpfs": tmpfs} if tmpfs else {}
        case _:
            found.notes.append(f"the mount of type {kind} at {target}")
            return str(target)
    if mount.get("ReadOnly"):
        entry["read_only"] = True
    found.volumes.append(entry)
    return str(target)


def _anonymous(target: str, name: str, found: Mounted, service: str, replicas: int) -> None:
    """A volume without a name: nobody else would find again what is in it."""
    if replicas > 1:
        found.volumes.append(target)
        found.notes.append(f"what is in the volume without a name at {target}: each replica gets a new, empty one")
        return
    found.names[name] = key = name_of(f"{service}{target.replace('/', '_')}")
    found.volumes.append(f"{key}:{target}")
    if ANONYMOUS.fullmatch(name):
        found.remarks.append(f"{target} is a volume without a name; it is kept by the one that the engine gave it")


def devices(host: Facts) -> dict[str, Any]:
    """`devices`."""
    plain = []
    for device in host.take("Devices", []):
        source, target = device.get("PathOnHost", ""), device.get("PathInContainer", "")
        permissions = device.get("CgroupPermissions") or "rwm"
        parts = [source, target, permissions] if permissions != "rwm" else [source, target]
        plain.append(source if parts == [source, source] else ":".join(parts))
    return {"devices": plain} if plain else {}


def device_requests(host: Facts, notes: list[str]) -> list[dict[str, Any]]:
    """Requests for GPUs and the like, as `deploy.resources.reservations.devices` has them."""
    found = []
    for request in host.take("DeviceRequests", []):
        capabilities = request.get("Capabilities") or []
        if request.get("Driver") == "cdi" and not capabilities:
            notes.append(f"CDI devices {', '.join(request.get('DeviceIDs') or [])}: write them under `devices`")
            continue
        if len(capabilities) != 1:
            notes.append("a request for devices with several sets of capabilities")
            continue
        entry: dict[str, Any] = {"capabilities": list(capabilities[0])}
        if request.get("Driver"):
            entry["driver"] = request["Driver"]
        if request.get("DeviceIDs"):
            entry["device_ids"] = list(request["DeviceIDs"])
        elif count := request.get("Count"):
            entry["count"] = "all" if count == -1 else count
        if request.get("Options"):
            entry["options"] = dict(request["Options"])
        found.append(entry)
    return found
