"""Every key of the Compose Specification, and what zpmd makes of it.

This is the one list: the reader refuses what is not in it, `docs/service-files.md` is held equal to it by a test, and
another test proves of each honoured key that writing it changes what runs. A key is

- honoured: it has the effect that the specification gives it;
- noted: harmless and without meaning for a daemon on one engine; `zpmd check` says so;
- refused: it would change what runs, and cannot be carried out; the advice says what to write instead.
"""

from __future__ import annotations

from types import MappingProxyType

from zpmd.sources.reading import Fate, Key, Section, honoured


def noted(advice: str) -> Key:
    return Key(Fate.NOTED, advice)


def refused(advice: str) -> Key:
    return Key(Fate.REFUSED, advice)


FILE: Section = {
    **honoured("name", "include", "services", "networks", "volumes", "secrets", "configs", "x-zpmd"),
    "version": noted("has had no meaning since Compose v2: remove it"),
    "models": refused("is not supported: run the model as a service with an image of its own"),
}

NOT_YET = "is not supported by this version yet: remove it"
FILE_ZPMD: Section = honoured("group", "roles", "required")
TEMPLATE_ZPMD: Section = honoured("credentials", "only", "ports")
SERVICE_ZPMD: Section = {
    **FILE_ZPMD,
    **TEMPLATE_ZPMD,
    **honoured("for_each", "schedule", "watch"),
    "probe": refused(NOT_YET),
}
TEMPLATE_PORTS: Section = honoured("range")
WATCH_PACE: Section = honoured("at_most", "quiet")
SCHEDULE: Section = honoured(
    "catch_up", "concurrency", "cron", "deadline", "every", "history", "jitter", "retries", "retry_delay",
    "retry_max_delay", "suspend", "time_zone", "timeout",
)  # fmt: skip
HISTORY: Section = honoured("failed", "succeeded")

SERVICE: Section = {
    **honoured(
        "annotations", "blkio_config", "build", "cap_add", "cap_drop", "cgroup", "cgroup_parent", "command", "configs",
        "container_name", "cpu_count", "cpu_percent", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime",
        "cpu_shares", "cpus", "cpuset", "depends_on", "deploy", "develop", "device_cgroup_rules", "devices", "dns",
        "dns_opt", "dns_search", "domainname", "entrypoint", "env_file", "environment", "expose", "extends",
        "external_links", "extra_hosts", "gpus", "group_add", "healthcheck", "hostname", "image", "init", "ipc",
        "isolation", "label_file", "labels", "links", "logging", "mac_address", "mem_limit", "mem_reservation",
        "mem_swappiness", "memswap_limit", "network_mode", "networks", "oom_kill_disable", "oom_score_adj", "pid",
        "pids_limit", "platform", "ports", "post_start", "pre_stop", "privileged", "profiles", "pull_policy",
        "pull_refresh_after", "read_only", "restart", "runtime", "scale", "secrets", "security_opt", "shm_size",
        "stdin_open", "stop_grace_period", "stop_signal", "storage_opt", "sysctls", "tmpfs", "tty", "ulimits", "user",
        "userns_mode", "uts", "volumes", "volumes_from", "working_dir", "x-zpmd",
    ),
    "attach": noted("has no effect: a daemon attaches to no container, use `zpmctl logs`"),
    "credential_spec": refused("is for Windows containers: remove it"),
    "models": refused("is not supported: run the model as a service, and give its address by `environment`"),
    "pre_start": refused(
        "is not supported: make it a service of its own that runs once, and wait for it with `depends_on` and "
        "`condition: service_completed_successfully`"
    ),
    "provider": refused("is not supported: zpmd runs images, write `image`"),
    "use_api_socket": refused("is not supported: mount the engine's socket by `volumes` if the service must have it"),
}  # fmt: skip

BUILD: Section = {
    name: noted("is not read: zpmd never builds")
    for name in (
        "additional_contexts", "args", "cache_from", "cache_to", "context", "dockerfile", "dockerfile_inline",
        "entitlements", "extra_hosts", "isolation", "labels", "network", "no_cache", "platforms", "privileged",
        "provenance", "pull", "sbom", "secrets", "shm_size", "ssh", "tags", "target", "ulimits",
    )
}  # fmt: skip

BLKIO: Section = honoured(
    "device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops", "weight", "weight_device"
)
BLKIO_RATE: Section = honoured("path", "rate")
BLKIO_WEIGHT: Section = honoured("path", "weight")
DEPENDENCY: Section = honoured("condition", "required", "restart")
DEVICE: Section = honoured("permissions", "source", "target")
DEVICE_REQUEST: Section = honoured("capabilities", "count", "device_ids", "driver", "options")
ENV_FILE: Section = honoured("format", "path", "required")
EXTENDS: Section = honoured("file", "service")
INCLUDE: Section = honoured("env_file", "path", "project_directory")
GRANT: Section = honoured("gid", "mode", "source", "target", "uid")
HEALTHCHECK: Section = honoured("disable", "interval", "retries", "start_interval", "start_period", "test", "timeout")
HOOK: Section = honoured("command", "environment", "privileged", "user", "working_dir")
LOGGING: Section = honoured("driver", "options")
ATTACHMENT: Section = honoured(
    "aliases", "driver_opts", "gw_priority", "interface_name", "ipv4_address", "ipv6_address", "link_local_ips",
    "mac_address", "priority",
)  # fmt: skip
PORT: Section = honoured("app_protocol", "host_ip", "mode", "name", "protocol", "published", "target")
ULIMIT: Section = honoured("hard", "soft")

MOUNT: Section = {
    **honoured("bind", "read_only", "source", "target", "tmpfs", "type", "volume"),
    "consistency": noted("has no effect on Linux"),
    "image": refused("is not supported: copy the files into a volume, or bake them into the service's image"),
}
MOUNT_BIND: Section = {
    **honoured("create_host_path", "propagation", "selinux"),
    "recursive": refused("is not supported: leave it out, submounts are then mounted as the engine does by default"),
}
MOUNT_VOLUME: Section = {
    **honoured("nocopy", "subpath"),
    "labels": noted("has no effect: give the labels to the volume, in the top-level `volumes`"),
}
MOUNT_TMPFS: Section = honoured("mode", "size")

DEVELOP: Section = honoured("watch")
WATCH: Section = {
    **honoured("action", "ignore", "include", "path"),
    "exec": noted("has no effect without `action: sync+exec`"),
    "initial_sync": noted("has no effect without a `sync` action"),
    "target": noted("has no effect without a `sync` action"),
}

ONE_ENGINE = "has no effect on a single engine"
DEPLOY: Section = {
    **honoured("mode", "replicas", "resources", "restart_policy", "rollback_config", "update_config"),
    "endpoint_mode": noted(ONE_ENGINE),
    "labels": noted(f"{ONE_ENGINE}: they are labels of a Swarm service, those of containers go into `labels`"),
    "placement": noted(ONE_ENGINE),
}
PLACEMENT: Section = {name: noted(ONE_ENGINE) for name in ("constraints", "max_replicas_per_node", "preferences")}
RESOURCES: Section = honoured("limits", "reservations")
LIMITS: Section = honoured("cpus", "memory", "pids")
RESERVATIONS: Section = {
    **honoured("devices", "memory"),
    "cpus": noted(f"{ONE_ENGINE}: use `cpu_shares` to weigh services against each other"),
    "generic_resources": noted(ONE_ENGINE),
}
RESTART_POLICY: Section = honoured("condition", "delay", "max_attempts", "window")
UPDATE_CONFIG: Section = honoured("delay", "failure_action", "max_failure_ratio", "monitor", "order", "parallelism")

NETWORK: Section = honoured(
    "attachable", "driver", "driver_opts", "enable_ipv4", "enable_ipv6", "external", "internal", "ipam", "labels",
    "name",
)  # fmt: skip
IPAM: Section = honoured("config", "driver", "options")
IPAM_POOL: Section = honoured("aux_addresses", "gateway", "ip_range", "subnet")
VOLUME: Section = honoured("driver", "driver_opts", "external", "labels", "name")
EXTERNAL: Section = honoured("name")

NO_STORE = "has no effect: zpmd mounts the content itself, and makes no such object in the engine"
CONFIG: Section = {
    **honoured("content", "environment", "file"),
    "external": refused("is not supported: the content must be here, by `file`, `environment` or `content`"),
    "labels": noted(NO_STORE),
    "name": noted(NO_STORE),
    "template_driver": refused("is not supported: use ${VARIABLES} in `content`"),
}
SECRET: Section = {
    **honoured("environment", "file"),
    "driver": refused("is not supported: write the secret into a file, and name it by `file`"),
    "driver_opts": refused("is not supported: write the secret into a file, and name it by `file`"),
    "external": refused("is not supported: the content must be here, by `file` or `environment`"),
    "labels": noted(NO_STORE),
    "name": noted(NO_STORE),
    "template_driver": refused("is not supported: write the finished text into the file"),
}

SECTIONS: MappingProxyType[str, Section] = MappingProxyType(
    {
        "(top level)": FILE,
        "x-zpmd": FILE_ZPMD,
        "include[]": INCLUDE,
        "services.NAME": SERVICE,
        "services.NAME.x-zpmd": SERVICE_ZPMD,
        "services.NAME.x-zpmd.ports": TEMPLATE_PORTS,
        "services.NAME.x-zpmd.schedule": SCHEDULE,
        "services.NAME.x-zpmd.schedule.history": HISTORY,
        "services.NAME.x-zpmd.watch": WATCH_PACE,
        "services.NAME.blkio_config": BLKIO,
        "services.NAME.blkio_config.device_*[]": BLKIO_RATE,
        "services.NAME.blkio_config.weight_device[]": BLKIO_WEIGHT,
        "services.NAME.build": BUILD,
        "services.NAME.configs[], secrets[]": GRANT,
        "services.NAME.depends_on.NAME": DEPENDENCY,
        "services.NAME.deploy": DEPLOY,
        "services.NAME.deploy.placement": PLACEMENT,
        "services.NAME.deploy.resources": RESOURCES,
        "services.NAME.deploy.resources.limits": LIMITS,
        "services.NAME.deploy.resources.reservations": RESERVATIONS,
        "services.NAME.deploy.restart_policy": RESTART_POLICY,
        "services.NAME.deploy.update_config, rollback_config": UPDATE_CONFIG,
        "services.NAME.develop": DEVELOP,
        "services.NAME.develop.watch[]": WATCH,
        "services.NAME.devices[]": DEVICE,
        "services.NAME.env_file[]": ENV_FILE,
        "services.NAME.extends": EXTENDS,
        "services.NAME.gpus[], deploy.resources.reservations.devices[]": DEVICE_REQUEST,
        "services.NAME.healthcheck": HEALTHCHECK,
        "services.NAME.logging": LOGGING,
        "services.NAME.networks.NAME": ATTACHMENT,
        "services.NAME.ports[]": PORT,
        "services.NAME.post_start[], pre_stop[]": HOOK,
        "services.NAME.ulimits.NAME": ULIMIT,
        "services.NAME.volumes[]": MOUNT,
        "services.NAME.volumes[].bind": MOUNT_BIND,
        "services.NAME.volumes[].tmpfs": MOUNT_TMPFS,
        "services.NAME.volumes[].volume": MOUNT_VOLUME,
        "networks.NAME": NETWORK,
        "networks.NAME.external": EXTERNAL,
        "networks.NAME.ipam": IPAM,
        "networks.NAME.ipam.config[]": IPAM_POOL,
        "volumes.NAME": VOLUME,
        "volumes.NAME.external": EXTERNAL,
        "configs.NAME": CONFIG,
        "secrets.NAME": SECRET,
    }
)
