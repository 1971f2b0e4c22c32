"""A container's files, security and resources, as the engine's HostConfig (pure; the rules are in context.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zpmd.engines.uncreatable import Uncreatable, Version, joined, need
from zpmd.model.container import Blkio, BlkioDevice, Container, Device, FileMount, Mount, MountKind

NANO_CPUS = 1_000_000_000
DIRECTORY = {"secret": "/run/secrets/", "config": "/"}  # nosec B105 # a folder
"""Where a relative target of a config or secret starts."""


def host_config(
    container: Container,
    api: Version,
    neighbours: Mapping[str, str],
    materials: Mapping[FileMount, str],
    profiles: Mapping[str, str],
) -> dict[str, Any]:
    """HostConfig without its network part."""
    if container.annotations:
        need(api, (1, 43), "annotations")
    body = {
        **_files(container, api, neighbours, materials),
        **_security(container, neighbours, profiles),
        **_resources(container),
        "Annotations": dict(container.annotations),
    }
    body = {key: value for key, value in body.items() if value not in ("", 0, [], {})}
    # here "off" and "not said" differ
    if container.init is not None:
        body["Init"] = container.init
    if container.mem_swappiness is not None:
        body["MemorySwappiness"] = container.mem_swappiness
    if "systempaths=unconfined" in container.security_opt or "systempaths:unconfined" in container.security_opt:
        body |= {"MaskedPaths": [], "ReadonlyPaths": []}
    return body


def _files(
    container: Container, api: Version, neighbours: Mapping[str, str], materials: Mapping[FileMount, str]
) -> dict[str, Any]:
    binds: list[str] = []
    mounts: list[dict[str, Any]] = []
    tmpfs: dict[str, str] = {}
    for mount in container.mounts:
        if mount.kind is MountKind.TMPFS and mount.tmpfs_options:
            tmpfs[mount.target] = _tmpfs_options(mount)
        elif _by_bind(mount):
            binds.append(_bind(mount))
        else:
            mounts.append(_mount(mount, api))
    mounts += [_file(file, materials) for file in container.files]
    return {
        "Binds": binds,
        "Mounts": mounts,
        "Tmpfs": tmpfs,
        "VolumesFrom": [_volumes_from(text, neighbours) for text in container.volumes_from],
        "ReadonlyRootfs": container.read_only,
        "ShmSize": container.shm_size_bytes,
        "StorageOpt": dict(container.storage_opt),
    }


def _by_bind(mount: Mount) -> bool:
    """The old form says two things that the new one has no word for in API 1.41: make the host path, relabel it."""
    if mount.selinux and not mount.source:
        raise Uncreatable(f"mount at {mount.target}: selinux needs a source")
    if mount.kind is MountKind.BIND and mount.selinux and not mount.create_host_path:
        raise Uncreatable(f"bind at {mount.target}: the engine cannot both relabel and require {mount.source}")
    return bool(mount.selinux) or (mount.kind is MountKind.BIND and mount.create_host_path and ":" not in mount.source)


def _bind(mount: Mount) -> str:
    flags = [
        "ro" if mount.read_only else "",
        mount.selinux,
        mount.propagation,
        "nocopy" if mount.nocopy and mount.kind is MountKind.VOLUME else "",
    ]
    options = ",".join(flag for flag in flags if flag)
    if mount.subpath:
        raise Uncreatable(f"volume at {mount.target}: the engine cannot combine subpath and selinux")
    return f"{mount.source}:{mount.target}" + (f":{options}" if options else "")


def _mount(mount: Mount, api: Version) -> dict[str, Any]:
    body: dict[str, Any] = {"Type": mount.kind.value, "Source": mount.source, "Target": mount.target}
    match mount.kind:
        case MountKind.BIND:
            if mount.create_host_path:
                need(api, (1, 43), f"a bind of {mount.source} (a colon in its path) that is to be made")
            create = {"CreateMountpoint": True} if mount.create_host_path else {}
            body["BindOptions"] = {"Propagation": mount.propagation, **create} if mount.propagation else create
        case MountKind.VOLUME:
            if mount.subpath:
                need(api, (1, 45), f"subpath of the volume at {mount.target}")
            options = {"NoCopy": mount.nocopy, "Subpath": mount.subpath}
            body["VolumeOptions"] = {key: value for key, value in options.items() if value}
        case MountKind.TMPFS:
            sizes = {"SizeBytes": mount.tmpfs_size_bytes, "Mode": mount.tmpfs_mode}
            body["TmpfsOptions"] = {key: value for key, value in sizes.items() if value}
    body = {key: value for key, value in body.items() if value not in ("", {})}
    return {**body, "ReadOnly": True} if mount.read_only else body


def _tmpfs_options(mount: Mount) -> str:
    options = [
        mount.tmpfs_options,
        f"size={mount.tmpfs_size_bytes}" if mount.tmpfs_size_bytes else "",
        f"mode={mount.tmpfs_mode:o}" if mount.tmpfs_mode else "",
        "ro" if mount.read_only else "",
    ]
    return ",".join(option for option in options if option)


def _file(file: FileMount, materials: Mapping[FileMount, str]) -> dict[str, Any]:
    target = file.target if file.target.startswith("/") else f"{DIRECTORY[file.kind.value]}{file.target}"
    return {"Type": "bind", "Source": materials[file], "Target": target, "ReadOnly": True}


def _volumes_from(text: str, neighbours: Mapping[str, str]) -> str:
    if text.startswith("container:"):
        return text.removeprefix("container:")
    name, colon, mode = text.partition(":")
    return f"{neighbours[name]}{colon}{mode}"


def _security(container: Container, neighbours: Mapping[str, str], profiles: Mapping[str, str]) -> dict[str, Any]:
    return {
        "Privileged": container.privileged,
        "CapAdd": list(container.cap_add),
        "CapDrop": list(container.cap_drop),
        "SecurityOpt": [
            _security_opt(option, profiles) for option in container.security_opt if not option.startswith("systempaths")
        ],
        "UsernsMode": container.userns_mode,
        "CgroupnsMode": container.cgroup,
        "CgroupParent": container.cgroup_parent,
        "IpcMode": joined(container.ipc, neighbours),
        "PidMode": joined(container.pid, neighbours),
        "UTSMode": container.uts,
        "Isolation": container.isolation,
        "Runtime": container.runtime,
        "Sysctls": dict(container.sysctls),
        "Ulimits": [{"Name": u.name, "Soft": u.soft, "Hard": u.hard} for u in container.ulimits],
        "Devices": [_device(device) for device in container.devices if not _is_cdi(device)],
        "DeviceCgroupRules": list(container.device_cgroup_rules),
        "GroupAdd": list(container.group_add),
    }


def seccomp_file(option: str) -> str:
    """The file that a `seccomp=FILE` option names, or "": the engine wants its text, not its path."""
    name, _, value = option.replace(":", "=", 1).partition("=")
    return value if name == "seccomp" and value not in ("unconfined", "builtin") and not value.startswith("{") else ""


def _security_opt(option: str, profiles: Mapping[str, str]) -> str:
    file = seccomp_file(option)
    return f"seccomp={profiles[file]}" if file else option


def _is_cdi(device: Device) -> bool:
    """`vendor.com/class=name` is a device by its CDI name, not by its path."""
    return not device.source.startswith("/") and "=" in device.source


def _device(device: Device) -> dict[str, str]:
    return {
        "PathOnHost": device.source,
        "PathInContainer": device.target,
        "CgroupPermissions": device.permissions,
    }


def _resources(container: Container) -> dict[str, Any]:
    requests = [
        {
            "Driver": request.driver,
            "Count": request.count,
            "DeviceIDs": list(request.device_ids),
            "Capabilities": [list(group) for group in request.capabilities],
            "Options": dict(request.options),
        }
        for request in container.device_requests
    ]
    requests += [{"Driver": "cdi", "DeviceIDs": [d.source]} for d in container.devices if _is_cdi(d)]
    return {
        "DeviceRequests": requests,
        "NanoCpus": round(container.cpus * NANO_CPUS),
        "CpuCount": container.cpu_count,
        "CpuPercent": round(container.cpu_percent),
        "CpuShares": container.cpu_shares,
        "CpuPeriod": container.cpu_period,
        "CpuQuota": container.cpu_quota,
        "CpuRealtimePeriod": container.cpu_rt_period,
        "CpuRealtimeRuntime": container.cpu_rt_runtime,
        "CpusetCpus": container.cpuset,
        "Memory": container.mem_limit_bytes,
        "MemoryReservation": container.mem_reservation_bytes,
        "MemorySwap": container.memswap_limit_bytes,
        "OomKillDisable": container.oom_kill_disable,
        "OomScoreAdj": container.oom_score_adj,
        "PidsLimit": container.pids_limit,
        **(_blkio(container.blkio) if container.blkio is not None else {}),
    }


def _blkio(blkio: Blkio) -> dict[str, Any]:
    return {
        "BlkioWeight": blkio.weight,
        "BlkioWeightDevice": [{"Path": d.path, "Weight": d.value} for d in blkio.weight_device],
        "BlkioDeviceReadBps": _rates(blkio.device_read_bps),
        "BlkioDeviceReadIOps": _rates(blkio.device_read_iops),
        "BlkioDeviceWriteBps": _rates(blkio.device_write_bps),
        "BlkioDeviceWriteIOps": _rates(blkio.device_write_iops),
    }


def _rates(devices: tuple[BlkioDevice, ...]) -> list[dict[str, Any]]:
    return [{"Path": device.path, "Rate": device.value} for device in devices]
