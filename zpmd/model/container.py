"""What a container is made from: the part of a service that an engine sees, in Compose's words, normalised.

Short forms are already long, names are already the engine's names, sizes are bytes, durations seconds, mappings sorted
tuples of pairs, so that two ways of writing the same thing are equal values. `Container` is exactly what the spec hash
covers (spechash.py): a field belongs here if changing it means a new container, and in `ServiceData` otherwise.

Every field but `image` has a default that means "as if not written". A new field must have one as well: the hash leaves
defaults out, so that a newer zpmd gives the same hash to a service that does not use what is new.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

Pairs = tuple[tuple[str, str], ...]
"""A mapping as a value: (key, value) pairs, sorted by key."""


class MountKind(StrEnum):
    BIND = "bind"
    VOLUME = "volume"
    TMPFS = "tmpfs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One entry of `volumes` or `tmpfs`; `source` is a host path, an engine volume name, or "" (anonymous, tmpfs)."""

    kind: MountKind
    target: str
    source: str = ""
    read_only: bool = False
    propagation: str = ""
    create_host_path: bool = True
    selinux: str = ""
    nocopy: bool = False
    subpath: str = ""
    tmpfs_size_bytes: int = 0
    tmpfs_mode: int = 0
    tmpfs_options: str = ""


class FileKind(StrEnum):
    CONFIG = "config"
    SECRET = "secret"  # nosec B105 # a kind of file


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMount:
    """A config or secret, by the SHA-256 of its content: changed content is a changed spec.

    The content itself lies in the materials folder under `digest`, written by the source that read it, so that a
    rollback brings back the old content as well, and a value of the model never holds a secret.
    """

    kind: FileKind
    name: str
    digest: str
    target: str
    uid: str = ""
    gid: str = ""
    mode: int = 0o444


@dataclass(frozen=True, slots=True, kw_only=True)
class PortBinding:
    """One entry of `ports`. `published` is a string: "" (the engine chooses), a port, or a range "8000-8010"."""

    target: int
    published: str = ""
    host_ip: str = ""
    protocol: str = "tcp"
    mode: str = "ingress"
    app_protocol: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAttachment:
    """Membership of one network, `network` being the engine's name of it. The service name is always an alias too."""

    network: str
    aliases: tuple[str, ...] = ()
    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: tuple[str, ...] = ()
    mac_address: str = ""
    driver_opts: Pairs = ()
    priority: int = 0
    gw_priority: int = 0
    interface_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """`test` is the list form: ("CMD", ...), ("CMD-SHELL", "...") or ("NONE",), which switches the image's own off.

    A duration or count of 0 means the engine's default (interval 30 s, timeout 30 s, retries 3, start_period 0 s,
    start_interval 5 s: moby daemon/health.go). An empty `test` keeps the image's and changes only the numbers.
    """

    test: tuple[str, ...] = ()
    interval_seconds: float = 0.0
    timeout_seconds: float = 0.0
    retries: int = 0
    start_period_seconds: float = 0.0
    start_interval_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A command run inside the container by `post_start` or `pre_stop`."""

    command: tuple[str, ...]
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: Pairs = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ulimit:
    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    source: str
    target: str
    permissions: str = "rwm"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRequest:
    """`gpus` or `deploy.resources.reservations.devices`: count -1 means all."""

    driver: str = ""
    count: int = 0
    device_ids: tuple[str, ...] = ()
    capabilities: tuple[tuple[str, ...], ...] = ()
    options: Pairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlkioDevice:
    """One line of `blkio_config`: `value` is a weight, bytes a second or operations a second."""

    path: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Blkio:
    weight: int = 0
    weight_device: tuple[BlkioDevice, ...] = ()
    device_read_bps: tuple[BlkioDevice, ...] = ()
    device_read_iops: tuple[BlkioDevice, ...] = ()
    device_write_bps: tuple[BlkioDevice, ...] = ()
    device_write_iops: tuple[BlkioDevice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Container:
    """All that makes one container different from another. Field names are Compose's, units are in the name."""

    image: str
    platform: str = ""
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: tuple[tuple[str, str | None], ...] = field(default=(), repr=False)
    """Sorted pairs; None means: named, and unset in the container even if the image sets it. It is not printed with the
    rest, because passwords are given in it."""
    working_dir: str = ""
    user: str = ""
    group_add: tuple[str, ...] = ()
    hostname: str = ""
    domainname: str = ""
    container_name: str = ""
    labels: Pairs = ()
    annotations: Pairs = ()
    tty: bool = False
    stdin_open: bool = False
    init: bool | None = None
    stop_signal: str = ""
    healthcheck: Healthcheck | None = None
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()
    # files
    mounts: tuple[Mount, ...] = ()
    files: tuple[FileMount, ...] = ()
    volumes_from: tuple[str, ...] = ()
    """Compose's form `service[:ro]` or `container:NAME[:ro]`."""
    read_only: bool = False
    shm_size_bytes: int = 0
    storage_opt: Pairs = ()
    # network
    network_mode: str = ""
    """"" (the attachments below), "none", "host", "bridge", "service:NAME" or "container:NAME"."""
    networks: tuple[NetworkAttachment, ...] = ()
    ports: tuple[PortBinding, ...] = ()
    expose: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_opt: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    extra_hosts: Pairs = ()
    links: tuple[str, ...] = ()
    external_links: tuple[str, ...] = ()
    mac_address: str = ""
    # security
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    userns_mode: str = ""
    cgroup: str = ""
    cgroup_parent: str = ""
    ipc: str = ""
    pid: str = ""
    uts: str = ""
    isolation: str = ""
    runtime: str = ""
    sysctls: Pairs = ()
    ulimits: tuple[Ulimit, ...] = ()
    devices: tuple[Device, ...] = ()
    device_cgroup_rules: tuple[str, ...] = ()
    device_requests: tuple[DeviceRequest, ...] = ()
    # resources
    cpus: float = 0.0
    cpu_count: int = 0
    cpu_percent: float = 0.0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_rt_period: int = 0
    cpu_rt_runtime: int = 0
    cpuset: str = ""
    mem_limit_bytes: int = 0
    mem_reservation_bytes: int = 0
    memswap_limit_bytes: int = 0
    mem_swappiness: int | None = None
    oom_kill_disable: bool = False
    oom_score_adj: int = 0
    pids_limit: int = 0
    blkio: Blkio | None = None
    # logging
    log_driver: str = ""
    log_options: Pairs = ()
