"""What a container may do and use: privileges, namespaces, resources, logging, restarts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zpmd.drafting.words import Facts, size

Keys = dict[str, Any]

FLAGS = {"Privileged": "privileged", "ReadonlyRootfs": "read_only", "OomKillDisable": "oom_kill_disable"}
LISTS = {
    "CapAdd": "cap_add", "CapDrop": "cap_drop", "SecurityOpt": "security_opt", "GroupAdd": "group_add",
    "DeviceCgroupRules": "device_cgroup_rules",
}  # fmt: skip
TEXTS = {"UsernsMode": "userns_mode", "CgroupParent": "cgroup_parent", "UTSMode": "uts", "CpusetCpus": "cpuset"}
NUMBERS = {
    "CpuShares": "cpu_shares", "CpuCount": "cpu_count", "CpuPercent": "cpu_percent", "CpuPeriod": "cpu_period",
    "CpuQuota": "cpu_quota", "CpuRealtimePeriod": "cpu_rt_period", "CpuRealtimeRuntime": "cpu_rt_runtime",
    "OomScoreAdj": "oom_score_adj",
}  # fmt: skip
MAPPINGS = {"Sysctls": "sysctls", "StorageOpt": "storage_opt", "Annotations": "annotations"}
RATES = {
    "BlkioDeviceReadBps": "device_read_bps", "BlkioDeviceReadIOps": "device_read_iops",
    "BlkioDeviceWriteBps": "device_write_bps", "BlkioDeviceWriteIOps": "device_write_iops",
}  # fmt: skip
SHM_BYTES = 64 << 20
"""What the engine gives where nothing is said."""
NANO = 1_000_000_000


def privileges(host: Facts, about: Mapping[str, Any]) -> Keys:
    """`about` is the engine's `/info`: some fields have its defaults in them where nothing was said."""
    keys: Keys = {}
    for key, word in FLAGS.items():
        if host.take(key, default=False):
            keys[word] = True
    for table in (LISTS, MAPPINGS):
        for key, word in table.items():
            if value := host.take(key):
                keys[word] = dict(value) if isinstance(value, Mapping) else list(value)
    for table in (TEXTS, NUMBERS):
        for key, word in table.items():
            if value := host.take(key):
                keys[word] = value
    if host.take("MaskedPaths", [""]) == [] and host.take("ReadonlyPaths", [""]) == [] and "privileged" not in keys:
        keys["security_opt"] = [*keys.get("security_opt", []), "systempaths=unconfined"]
    host.ignore("MaskedPaths", "ReadonlyPaths")
    cgroup = host.take("CgroupnsMode", "")
    if cgroup and cgroup != ("private" if str(about.get("CgroupVersion")) == "2" else "host"):
        keys["cgroup"] = cgroup
    runtime = host.take("Runtime", "")
    if runtime and runtime != about.get("DefaultRuntime", "runc"):
        keys["runtime"] = runtime
    init = host.take("Init")
    if init is not None:
        keys["init"] = init
    shm = host.take("ShmSize", SHM_BYTES)
    if shm != SHM_BYTES:
        keys["shm_size"] = size(shm)
    return keys | _ulimits(host) | _blkio(host)


def _ulimits(host: Facts) -> Keys:
    found: Keys = {}
    for limit in host.take("Ulimits", []):
        soft, hard = limit.get("Soft", -1), limit.get("Hard", -1)
        found[limit["Name"]] = soft if soft == hard else {"soft": soft, "hard": hard}
    return {"ulimits": dict(sorted(found.items()))} if found else {}


def _blkio(host: Facts) -> Keys:
    found: Keys = {}
    if weight := host.take("BlkioWeight", 0):
        found["weight"] = weight
    if devices := host.take("BlkioWeightDevice", []):
        found["weight_device"] = [{"path": d["Path"], "weight": d["Weight"]} for d in devices]
    for key, word in RATES.items():
        if devices := host.take(key, []):
            found[word] = [{"path": d["Path"], "rate": d["Rate"]} for d in devices]
    return {"blkio_config": found} if found else {}


def resources(host: Facts, requests: list[Keys]) -> tuple[Keys, Keys]:
    """`deploy.resources`, and the keys beside it that have no place in there. `requests` are those for devices."""
    limits: Keys = {}
    reservations: Keys = {"devices": requests} if requests else {}
    keys: Keys = {}
    if cpus := host.take("NanoCpus", 0):
        limits["cpus"] = f"{cpus / NANO:.9f}".rstrip("0").rstrip(".")
    memory = host.take("Memory", 0)
    if memory:
        limits["memory"] = size(memory)
    if pids := host.take("PidsLimit", 0):
        limits["pids"] = pids
    if reserved := host.take("MemoryReservation", 0):
        reservations["memory"] = size(reserved)
    swap = host.take("MemorySwap", 0)
    if swap and swap != 2 * memory:  # what the engine gives where nothing is said
        keys["memswap_limit"] = swap if swap < 0 else size(swap)
    swappiness = host.take("MemorySwappiness", -1)
    if swappiness != -1:
        keys["mem_swappiness"] = swappiness
    parts = {"limits": limits, "reservations": reservations}
    return {name: part for name, part in parts.items() if part}, keys


def logging(host: Facts, about: Mapping[str, Any]) -> Keys:
    """Where it is not the engine's own way of logging."""
    config = host.take("LogConfig", {})
    driver, options = config.get("Type") or "", config.get("Config") or {}
    written: Keys = {"driver": driver} if driver and (driver != about.get("LoggingDriver") or options) else {}
    if options:
        written["options"] = dict(sorted(options.items()))
    return {"logging": written} if written else {}
