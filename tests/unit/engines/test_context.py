"""Every field of a container reaches the engine, or is refused; none is dropped."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from zpmd.engines import context, labels
from zpmd.engines.uncreatable import Uncreatable
from zpmd.model import container as c
from zpmd.model.service import Group, ServiceData

NEW = (1, 49)
FILE = c.FileMount(kind=c.FileKind.SECRET, name="key", digest="ab" * 32, target="key.pem")
AROUND = context.Surroundings(
    api=NEW,
    labels={"io.zpmd.slot": "1"},
    neighbours={"db": "d" * 64},
    materials={FILE: "/materials/ab"},
    profiles={"/p.json": "{}"},
    image_entrypoint=("/entry",),
)
DEVICES = (c.BlkioDevice(path="/dev/sda", value=7),)

# One value other than the default for every field of Container.
CHANGED: dict[str, Any] = {
    "image": "other:2",
    "platform": "linux/arm64",
    "command": ("run",),
    "entrypoint": ("/x",),
    "environment": (("A", "1"), ("B", None)),
    "working_dir": "/w",
    "user": "1000:1000",
    "group_add": ("audio",),
    "hostname": "h",
    "domainname": "d",
    "container_name": "n",
    "labels": (("a", "b"),),
    "annotations": (("a", "b"),),
    "tty": True,
    "stdin_open": True,
    "init": False,
    "stop_signal": "SIGINT",
    "healthcheck": c.Healthcheck(test=("CMD", "true")),
    "post_start": (c.Hook(command=("x",)),),
    "pre_stop": (c.Hook(command=("x",)),),
    "mounts": (c.Mount(kind=c.MountKind.VOLUME, target="/v", source="vol"),),
    "files": (FILE,),
    "volumes_from": ("db:ro",),
    "read_only": True,
    "shm_size_bytes": 1 << 20,
    "storage_opt": (("size", "1G"),),
    "network_mode": "host",
    "networks": (c.NetworkAttachment(network="net"),),
    "ports": (c.PortBinding(target=80),),
    "expose": ("81",),
    "dns": ("1.1.1.1",),
    "dns_opt": ("ndots:1",),
    "dns_search": ("x",),
    "extra_hosts": (("h", "1.2.3.4"),),
    "links": ("db:database",),
    "external_links": ("other:o",),
    "mac_address": "02:42:ac:11:65:43",
    "privileged": True,
    "cap_add": ("NET_ADMIN",),
    "cap_drop": ("ALL",),
    "security_opt": ("no-new-privileges:true",),
    "userns_mode": "host",
    "cgroup": "private",
    "cgroup_parent": "/c",
    "ipc": "shareable",
    "pid": "host",
    "uts": "host",
    "isolation": "default",
    "runtime": "runc",
    "sysctls": (("net.core.somaxconn", "1024"),),
    "ulimits": (c.Ulimit(name="nofile", soft=1, hard=2),),
    "devices": (c.Device(source="/dev/null", target="/dev/x"),),
    "device_cgroup_rules": ("c 1:3 mr",),
    "device_requests": (c.DeviceRequest(count=-1, capabilities=(("gpu",),)),),
    "cpus": 0.5,
    "cpu_count": 1,
    "cpu_percent": 10.0,
    "cpu_shares": 100,
    "cpu_period": 1000,
    "cpu_quota": 500,
    "cpu_rt_period": 1000,
    "cpu_rt_runtime": 500,
    "cpuset": "0",
    "mem_limit_bytes": 1 << 24,
    "mem_reservation_bytes": 1 << 23,
    "memswap_limit_bytes": -1,
    "mem_swappiness": 0,
    "oom_kill_disable": True,
    "oom_score_adj": -5,
    "pids_limit": 10,
    "blkio": c.Blkio(weight=10),
    "log_driver": "journald",
    "log_options": (("tag", "x"),),
}

# ... and for the fields of what it consists of: a whole that has it, and the field that is changed.
PARTS: list[tuple[str, Any, str, Any]] = [
    ("mounts", c.Mount(kind=c.MountKind.BIND, target="/t", source="/s"), "target", "/u"),
    ("mounts", c.Mount(kind=c.MountKind.BIND, target="/t", source="/s"), "source", "/r"),
    ("mounts", c.Mount(kind=c.MountKind.BIND, target="/t", source="/s"), "read_only", True),
    ("mounts", c.Mount(kind=c.MountKind.BIND, target="/t", source="/s"), "propagation", "rshared"),
    ("mounts", c.Mount(kind=c.MountKind.BIND, target="/t", source="/s"), "create_host_path", False),
    ("mounts", c.Mount(kind=c.MountKind.BIND, target="/t", source="/s"), "selinux", "z"),
    ("mounts", c.Mount(kind=c.MountKind.BIND, target="/t", source="/s"), "kind", c.MountKind.VOLUME),
    ("mounts", c.Mount(kind=c.MountKind.VOLUME, target="/t", source="s"), "nocopy", True),
    ("mounts", c.Mount(kind=c.MountKind.VOLUME, target="/t", source="s"), "subpath", "x"),
    ("mounts", c.Mount(kind=c.MountKind.VOLUME, target="/t", source="s"), "selinux", "Z"),
    ("mounts", c.Mount(kind=c.MountKind.TMPFS, target="/t"), "tmpfs_size_bytes", 4096),
    ("mounts", c.Mount(kind=c.MountKind.TMPFS, target="/t"), "tmpfs_mode", 0o1777),
    ("mounts", c.Mount(kind=c.MountKind.TMPFS, target="/t"), "tmpfs_options", "noexec"),
    ("mounts", c.Mount(kind=c.MountKind.TMPFS, target="/t", tmpfs_options="noexec"), "tmpfs_size_bytes", 4096),
    ("mounts", c.Mount(kind=c.MountKind.TMPFS, target="/t", tmpfs_options="noexec"), "tmpfs_mode", 0o700),
    ("networks", c.NetworkAttachment(network="n"), "network", "m"),
    ("networks", c.NetworkAttachment(network="n"), "aliases", ("a",)),
    ("networks", c.NetworkAttachment(network="n"), "ipv4_address", "10.0.0.9"),
    ("networks", c.NetworkAttachment(network="n"), "ipv6_address", "fd00::9"),
    ("networks", c.NetworkAttachment(network="n"), "link_local_ips", ("169.254.1.1",)),
    ("networks", c.NetworkAttachment(network="n"), "mac_address", "02:42:ac:11:65:43"),
    ("networks", c.NetworkAttachment(network="n"), "driver_opts", (("a", "b"),)),
    ("networks", c.NetworkAttachment(network="n"), "gw_priority", 2),
    ("networks", c.NetworkAttachment(network="n"), "interface_name", "eth9"),
    ("ports", c.PortBinding(target=80), "target", 81),
    ("ports", c.PortBinding(target=80), "published", "8000-8010"),
    ("ports", c.PortBinding(target=80), "host_ip", "127.0.0.1"),
    ("ports", c.PortBinding(target=80), "protocol", "udp"),
    ("healthcheck", c.Healthcheck(test=("CMD", "x")), "test", ("NONE",)),
    ("healthcheck", c.Healthcheck(test=("CMD", "x")), "interval_seconds", 1.5),
    ("healthcheck", c.Healthcheck(test=("CMD", "x")), "timeout_seconds", 1.0),
    ("healthcheck", c.Healthcheck(test=("CMD", "x")), "retries", 9),
    ("healthcheck", c.Healthcheck(test=("CMD", "x")), "start_period_seconds", 1.0),
    ("healthcheck", c.Healthcheck(test=("CMD", "x")), "start_interval_seconds", 1.0),
    ("ulimits", c.Ulimit(name="nofile", soft=1, hard=2), "soft", 2),
    ("ulimits", c.Ulimit(name="nofile", soft=1, hard=2), "hard", 3),
    ("devices", c.Device(source="/a", target="/b"), "source", "/c"),
    ("devices", c.Device(source="/a", target="/b"), "source", "vendor.com/gpu=all"),
    ("devices", c.Device(source="/a", target="/b"), "target", "/c"),
    ("devices", c.Device(source="/a", target="/b"), "permissions", "r"),
    ("device_requests", c.DeviceRequest(), "driver", "nvidia"),
    ("device_requests", c.DeviceRequest(), "count", 1),
    ("device_requests", c.DeviceRequest(), "device_ids", ("0",)),
    ("device_requests", c.DeviceRequest(), "capabilities", (("gpu",),)),
    ("device_requests", c.DeviceRequest(), "options", (("a", "b"),)),
    *(
        ("blkio", c.Blkio(), field.name, 5 if field.name == "weight" else DEVICES)
        for field in dataclasses.fields(c.Blkio)
    ),
]


def made(container: c.Container, **around: Any) -> context.Creation:
    service = ServiceData(name="web", group=Group.CORE, container=container)
    return context.creation(service, dataclasses.replace(AROUND, **around))


def host(container: c.Container, **around: Any) -> dict[str, Any]:
    body: dict[str, Any] = made(container, **around).body["HostConfig"]
    return body


def test_the_table_has_every_field() -> None:
    assert set(CHANGED) == {field.name for field in dataclasses.fields(c.Container)}


@pytest.mark.parametrize("field", sorted(set(CHANGED) - set(context.ELSEWHERE)))
def test_every_field_changes_the_body(field: str) -> None:
    plain = c.Container(image="x:1")
    assert made(dataclasses.replace(plain, **{field: CHANGED[field]})).body != made(plain).body


def test_the_platform_is_a_parameter() -> None:
    assert made(c.Container(image="x", platform="linux/arm64")).platform == "linux/arm64"


@pytest.mark.parametrize(("field", "part", "name", "value"), PARTS)
def test_every_field_of_a_part_changes_the_body(field: str, part: Any, name: str, value: Any) -> None:
    def body(of: Any) -> Any:
        several = field not in ("healthcheck", "blkio")
        return made(c.Container(image="x", **{field: (of,) if several else of})).body

    assert body(dataclasses.replace(part, **{name: value})) != body(part)


@pytest.mark.parametrize(
    ("container", "since"),
    [
        (c.Container(image="x", annotations=(("a", "b"),)), (1, 43)),
        (c.Container(image="x", healthcheck=c.Healthcheck(start_interval_seconds=1)), (1, 44)),
        (c.Container(image="x", mounts=(c.Mount(kind=c.MountKind.VOLUME, target="/t", source="s", subpath="p"),)),
         (1, 45)),
        (c.Container(image="x", networks=(c.NetworkAttachment(network="n", gw_priority=1),)), (1, 48)),
        (c.Container(image="x", networks=(c.NetworkAttachment(network="n", interface_name="e"),)), (1, 49)),
        (c.Container(image="x", networks=(c.NetworkAttachment(network="a"),
                                          c.NetworkAttachment(network="b", mac_address="02:42:ac:11:65:43"))), (1, 44)),
        (c.Container(image="x", mounts=(c.Mount(kind=c.MountKind.BIND, target="/t", source="/a:b"),)), (1, 43)),
    ],
)  # fmt: skip
def test_what_an_older_engine_does_not_know_is_refused_by_name(container: c.Container, since: tuple[int, int]) -> None:
    made(container, api=since)
    with pytest.raises(Uncreatable, match=rf"needs Engine API 1\.{since[1]}, this engine speaks 1\.{since[1] - 1}"):
        made(container, api=(1, since[1] - 1))


def test_the_engine_never_restarts_by_itself() -> None:
    assert host(c.Container(image="x"))["RestartPolicy"] == {"Name": "no"}


def test_several_networks_are_joined_one_by_one_before_api_1_44() -> None:
    container = c.Container(
        image="x",
        networks=(c.NetworkAttachment(network="a"), c.NetworkAttachment(network="b", priority=5, aliases=("bee",))),
        mac_address="02:42:ac:11:65:43",
    )
    old, new = made(container, api=(1, 43)), made(container, api=(1, 44))
    assert old.body["NetworkingConfig"] == {"EndpointsConfig": {"b": {"Aliases": ["web", "bee"]}}}
    assert old.connect == (("a", {"Aliases": ["web"]}),)
    assert old.body["Labels"][labels.JOINS] == '[["a", {"Aliases": ["web"]}]]'
    assert old.body["MacAddress"] == "02:42:ac:11:65:43"
    assert new.connect == ()
    assert new.body["NetworkingConfig"] == {
        "EndpointsConfig": {
            "b": {"Aliases": ["web", "bee"], "MacAddress": "02:42:ac:11:65:43"},
            "a": {"Aliases": ["web"]},
        }
    }
    assert "MacAddress" not in new.body
    assert new.body["HostConfig"]["NetworkMode"] == "b"


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        (c.Mount(kind=c.MountKind.BIND, target="/t", source="/s"), {"Binds": ["/s:/t"]}),
        (c.Mount(kind=c.MountKind.BIND, target="/t", source="/s", read_only=True, selinux="z", propagation="rslave"),
         {"Binds": ["/s:/t:ro,z,rslave"]}),
        (c.Mount(kind=c.MountKind.BIND, target="/t", source="/s", create_host_path=False),
         {"Mounts": [{"Type": "bind", "Source": "/s", "Target": "/t"}]}),
        (c.Mount(kind=c.MountKind.BIND, target="/t", source="/a:b"),
         {"Mounts": [{"Type": "bind", "Source": "/a:b", "Target": "/t", "BindOptions": {"CreateMountpoint": True}}]}),
        (c.Mount(kind=c.MountKind.VOLUME, target="/t", source="v", nocopy=True, read_only=True),
         {"Mounts": [{"Type": "volume", "Source": "v", "Target": "/t", "VolumeOptions": {"NoCopy": True},
                      "ReadOnly": True}]}),
        (c.Mount(kind=c.MountKind.VOLUME, target="/t"), {"Mounts": [{"Type": "volume", "Target": "/t"}]}),
        (c.Mount(kind=c.MountKind.TMPFS, target="/t", tmpfs_size_bytes=9, tmpfs_mode=0o700),
         {"Mounts": [{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 9, "Mode": 0o700}}]}),
        (c.Mount(kind=c.MountKind.TMPFS, target="/t", tmpfs_size_bytes=9, tmpfs_mode=0o700, tmpfs_options="noexec"),
         {"Tmpfs": {"/t": "noexec,size=9,mode=700"}}),
    ],
)  # fmt: skip
def test_a_mount_is_written_in_the_form_that_says_all_of_it(mount: c.Mount, expected: dict[str, Any]) -> None:
    body = host(c.Container(image="x", mounts=(mount,)))
    assert {key: body[key] for key in ("Binds", "Mounts", "Tmpfs") if key in body} == expected


def test_configs_and_secrets_are_bound_read_only() -> None:
    assert host(c.Container(image="x", files=(FILE,)))["Mounts"] == [
        {"Type": "bind", "Source": "/materials/ab", "Target": "/run/secrets/key.pem", "ReadOnly": True}
    ]


@pytest.mark.parametrize(
    ("command", "entrypoint", "expected"),
    [
        (None, None, {}),
        (("a",), None, {"Cmd": ["a"]}),
        (("a",), (), {"Cmd": ["a"], "Entrypoint": [""]}),
        (None, ("/e", "-x"), {"Entrypoint": ["/e", "-x"]}),
        ((), None, {"Entrypoint": ["/entry"]}),
        ((), ("/e",), {"Entrypoint": ["/e"]}),
    ],
)
def test_an_empty_command_is_none_and_not_the_images(
    command: tuple[str, ...] | None, entrypoint: tuple[str, ...] | None, expected: dict[str, Any]
) -> None:
    body = made(c.Container(image="x", command=command, entrypoint=entrypoint)).body
    assert {key: body[key] for key in ("Cmd", "Entrypoint") if key in body} == expected


def test_a_variable_without_a_value_is_taken_away() -> None:
    assert made(c.Container(image="x", environment=(("A", ""), ("B", None)))).body["Env"] == ["A=", "B"]


def test_other_services_containers_are_named_by_id() -> None:
    container = c.Container(
        image="x", network_mode="service:db", ipc="service:db", volumes_from=("db:ro", "container:c"), links=("db",)
    )
    assert context.neighbours(container) == {"db": True}
    assert context.neighbours(c.Container(image="x", volumes_from=("db", "container:c"))) == {"db": False}
    body, db = host(container), "d" * 64
    assert (body["NetworkMode"], body["IpcMode"]) == (f"container:{db}", f"container:{db}")
    assert body["VolumesFrom"] == [f"{db}:ro", "c"]
    assert body["Links"] == [f"{db}:db"]


def test_on_a_network_a_link_is_by_the_short_id_because_its_name_server_knows_no_other() -> None:
    container = c.Container(image="x", links=("db:base",), networks=(c.NetworkAttachment(network="n"),))
    endpoints = made(container).body["NetworkingConfig"]["EndpointsConfig"]
    assert endpoints["n"]["Links"] == [f"{'d' * 12}:base"]


def test_a_seccomp_profile_goes_by_value() -> None:
    options = ("seccomp=/p.json", "seccomp:unconfined", "systempaths=unconfined")
    body = host(c.Container(image="x", security_opt=options))
    assert body["SecurityOpt"] == ["seccomp={}", "seccomp:unconfined"]
    assert (body["MaskedPaths"], body["ReadonlyPaths"]) == ([], [])


@pytest.mark.parametrize(("grace", "timeout"), [(10.0, 10), (0.5, 1), (0.0, 0)])
def test_the_grace_is_the_containers_stop_timeout_in_whole_seconds(grace: float, timeout: int) -> None:
    service = ServiceData(name="w", group=Group.CORE, container=c.Container(image="x"), stop_grace_seconds=grace)
    assert context.creation(service, AROUND).body["StopTimeout"] == timeout


@pytest.mark.parametrize(
    "mount",
    [
        c.Mount(kind=c.MountKind.BIND, target="/t", source="/s", selinux="z", create_host_path=False),
        c.Mount(kind=c.MountKind.VOLUME, target="/t", selinux="z"),
        c.Mount(kind=c.MountKind.VOLUME, target="/t", source="v", selinux="z", subpath="p"),
    ],
)
def test_a_mount_that_the_engine_cannot_express_is_refused(mount: c.Mount) -> None:
    with pytest.raises(Uncreatable):
        made(c.Container(image="x", mounts=(mount,)))


@pytest.mark.parametrize(
    ("options", "config"),
    [
        ((), {"tag": "web", "labels": "zpmd.service,zpmd.tenant"}),
        ((("tag", "front"),), {"tag": "front", "labels": "zpmd.service,zpmd.tenant"}),
        ((("labels", "team,zpmd.tenant"),), {"tag": "web", "labels": "team,zpmd.tenant,zpmd.service"}),
    ],
)
def test_what_goes_to_journald_can_be_read_together_with_zpmds_own_lines(
    options: c.Pairs, config: dict[str, str]
) -> None:
    container = c.Container(image="x:1", log_driver="journald", log_options=options)
    web = ServiceData(name="web", group=Group.CORE, container=container, tenant="acme")
    body = context.creation(web, AROUND).body
    assert body["HostConfig"]["LogConfig"] == {"Type": "journald", "Config": config}
    assert body["Labels"].items() >= {"zpmd.service": "web", "zpmd.tenant": "acme"}.items()


@pytest.mark.parametrize("driver", ["", "json-file"])
def test_what_goes_elsewhere_is_as_its_file_says(driver: str) -> None:
    container = c.Container(image="x:1", log_driver=driver, log_options=(("max-size", "1m"),))
    body = made(container).body
    assert body["HostConfig"]["LogConfig"] == {"Type": driver, "Config": {"max-size": "1m"}}
    assert "zpmd.service" not in body["Labels"]
    assert "LogConfig" not in host(c.Container(image="x:1"))
