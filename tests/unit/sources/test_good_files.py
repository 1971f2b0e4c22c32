"""Files of the kinds that public projects ship: what is understood of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.sources.given import container, lines, service
from zpmd.model.container import (
    BlkioDevice,
    Container,
    Device,
    DeviceRequest,
    FileKind,
    Healthcheck,
    Hook,
    Mount,
    MountKind,
    NetworkAttachment,
    PortBinding,
    Ulimit,
)  # fmt: skip
from zpmd.model.service import (
    Condition,
    Dependency,
    FailureAction,
    Group,
    IpamPool,
    Order,
    PullPolicy,
    PullWhen,
    RestartCondition,
    UpdateConfig,
)  # fmt: skip
from zpmd.model.spechash import spec_hash
from zpmd.model.watch import WatchPace, WatchRule
from zpmd.sources.compose.desired import Understood, understand
from zpmd.sources.compose.service import Host
from zpmd.sources.disk import Disk

GOOD = Path(__file__).parents[2] / "data/compose/good"
VARIABLES = {"OAUTH_TOKEN": "t", "GRAFANA_PASSWORD": "g", "TAG": "1", "HOME": "/home/zona"}


def read(name: str, *profiles: str, role: str = "active", **variables: str) -> Understood:
    path = str(GOOD / f"{name}.yaml")
    host = Host(role=role, profiles=profiles)
    result = understand([(path, f"{name}.yaml")], Disk(), VARIABLES | variables, "app", host)
    assert lines(result.problems) == []
    return result


def of(result: Understood, name: str) -> Container:
    found = result.desired.service(name)
    assert found is not None
    return found.container


def test_there_are_enough_of_them() -> None:
    names = sorted(path.stem for path in GOOD.glob("*.yaml"))
    assert len(names) >= 25
    for name in names:
        assert read(name).desired.services


def test_wordpress() -> None:
    result = read("wordpress", WORDPRESS_TABLE_PREFIX="wp_")
    web, db = of(result, "wordpress"), of(result, "db")
    assert dict(web.environment) == {
        "WORDPRESS_DB_HOST": "db:3306", "WORDPRESS_DEBUG": "", "WORDPRESS_TABLE_PREFIX": "wp_",
    }  # fmt: skip
    assert web.mounts == (Mount(kind=MountKind.VOLUME, source="app_wordpress_data", target="/var/www/html"),)
    assert web.ports == (PortBinding(target=80, published="8000"),)
    assert web.networks == (NetworkAttachment(network="app_default"),)
    assert db.command == ("--default-authentication-plugin=mysql_native_password",)
    assert db.expose == ("3306/tcp", "33060/tcp")
    assert [v.name for v in result.desired.volumes] == ["app_db_data", "app_wordpress_data"]
    assert "wordpress.yaml:1:1: version: has had no meaning since Compose v2: remove it" in lines(result.notes)


def test_nextcloud() -> None:
    result = read("nextcloud")
    app, db, cron = of(result, "app"), of(result, "db"), of(result, "cron")
    found = result.desired.service("app")
    assert found is not None
    assert found.depends_on == (
        Dependency(service="db", condition=Condition.HEALTHY, restart=True),
        Dependency(service="redis"),
    )
    assert [(m.source, m.selinux, m.read_only) for m in app.mounts] == [
        ("app_nextcloud", "", False), (str(GOOD / "apps"), "Z", True),
    ]  # fmt: skip
    assert db.healthcheck == Healthcheck(
        test=("CMD-SHELL", "pg_isready -U ${POSTGRES_USER:-nextcloud}"), interval_seconds=10, start_period_seconds=90
    )
    assert db.shm_size_bytes == 128 * 1024**2
    assert cron.volumes_from == ("app",)
    assert result.contents[app.files[0].digest] == b"hunter2"
    assert "hunter2" not in repr(result)


def test_gitea() -> None:
    result = read("gitea")
    assert of(result, "server").container_name == "gitea"
    assert [(p.published, p.target) for p in of(result, "server").ports] == [("222", 22), ("3000", 3000)]
    assert of(result, "db").networks == (NetworkAttachment(network="app_gitea", aliases=("database", "postgres")),)
    assert [(n.name, n.external) for n in result.desired.networks] == [("app_gitea", False)]


def test_a_monitoring_stack() -> None:
    result = read("monitoring", RETENTION="30d")
    prometheus, exporter, grafana = (of(result, n) for n in ("prometheus", "node-exporter", "grafana"))
    assert prometheus.command is not None
    assert prometheus.command[1] == "--storage.tsdb.retention.time=30d"
    assert (prometheus.files[0].target, prometheus.files[0].mode, prometheus.files[0].uid) == (
        "/etc/prometheus/prometheus.yml", 0o440, "65534",
    )  # fmt: skip
    assert prometheus.ports == (
        PortBinding(target=9090, published="9090", host_ip="127.0.0.1", mode="host", name="web"),
    )
    assert (prometheus.log_driver, prometheus.log_options) == ("json-file", (("max-file", "3"), ("max-size", "10m")))
    assert (exporter.network_mode, exporter.networks, exporter.pid) == ("host", (), "host")
    assert exporter.mounts[0].propagation == "rslave"
    assert ("GF_USERS_ALLOW_SIGN_UP", "false") in grafana.environment
    assert result.desired.volumes[0].labels == (("backup", "no"),)


def test_elk() -> None:
    result = read("elk")
    elastic, kibana, logstash = (of(result, n) for n in ("elasticsearch", "kibana", "logstash"))
    assert elastic.ulimits == (Ulimit(name="memlock", soft=-1, hard=-1), Ulimit(name="nofile", soft=65536, hard=65536))
    assert elastic.mem_limit_bytes == elastic.memswap_limit_bytes == kibana.mem_limit_bytes == 1024**3
    assert elastic.healthcheck is not None
    assert elastic.healthcheck.test[0] == "CMD-SHELL"
    assert (kibana.cpus, kibana.mem_reservation_bytes) == (0.75, 512 * 1024**2)
    assert [(p.target, p.protocol, p.published) for p in logstash.ports] == [
        (5000, "tcp", "5000"), (5000, "udp", "5000"), (5044, "tcp", "5044"), (9600, "tcp", ""),
    ]  # fmt: skip
    found = result.desired.service("logstash")
    assert found is not None
    assert found.depends_on == (Dependency(service="elasticsearch", restart=True),)


def test_kafka_with_anchors_and_merges() -> None:
    result = read("kafka")
    two, topics = result.desired.service("kafka2"), result.desired.service("topics")
    assert two is not None
    assert topics is not None
    assert dict(two.container.environment) == {
        "KAFKA_ZOOKEEPER_CONNECT": "zookeeper:2181", "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "2",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false", "KAFKA_BROKER_ID": "2",
    }  # fmt: skip
    assert two.stop_grace_seconds == 60
    assert [d.service for d in topics.depends_on] == ["kafka1", "kafka2", "zookeeper"]
    assert topics.container.command == ("kafka-topics", "--create", "--if-not-exists", "--topic", "my events")
    assert topics.restart.condition is RestartCondition.NONE


def test_traefik() -> None:
    result = read("traefik")
    labels = dict(of(result, "whoami").labels)
    assert labels["traefik.http.routers.whoami.rule"] == "Host(`whoami.example.com`) && PathPrefix(`/a=b`)"
    assert labels["traefik.http.middlewares.auth.basicauth.users"] == "user:$apr1$x"
    assert of(result, "whoami").networks == (NetworkAttachment(network="edge", priority=10),)
    assert PortBinding(target=8080, published="8080", host_ip="::1") in of(result, "traefik").ports
    assert [(n.name, n.external) for n in result.desired.networks] == [("app_default", False), ("edge", True)]


def test_a_stack_heavy_with_deploy_keys() -> None:
    result = read("voting")
    vote, worker = result.desired.service("vote"), result.desired.service("worker")
    assert vote is not None
    assert worker is not None
    assert vote.replicas == 4
    assert vote.update == UpdateConfig(
        parallelism=2, delay_seconds=10, order=Order.START_FIRST, monitor_seconds=30, max_failure_ratio=0.25
    )
    assert vote.rollback == UpdateConfig(parallelism=0, failure_action=FailureAction.CONTINUE)
    assert (vote.restart.condition, vote.restart.delay_seconds, vote.restart.max_attempts) == (
        RestartCondition.ON_FAILURE, 5, 3,
    )  # fmt: skip
    assert vote.restart.window_seconds == 120
    assert worker.replicas == 1
    assert (worker.container.cpus, worker.container.pids_limit) == (0.5, 100)
    assert worker.container.device_requests == (
        DeviceRequest(driver="nvidia", count=1, capabilities=(("gpu", "utility"),)),
    )
    assert {n.path.rpartition(".")[2] for n in result.notes} >= {
        "endpoint_mode", "placement", "constraints", "preferences", "max_replicas_per_node", "labels", "cpus",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("active", "running"),
    [((), ["metrics", "web"]), (("tools",), ["adminer", "db", "metrics", "web"]), (("db",), ["db", "metrics", "web"]),
     (("*",), ["adminer", "db", "metrics", "web"])],
)  # fmt: skip
def test_profiles(active: tuple[str, ...], running: list[str]) -> None:
    assert [s.name for s in read("profiles", *active).desired.services] == running


def test_healthchecks() -> None:
    result = read("healthchecks")
    assert of(result, "text").healthcheck == Healthcheck(test=("CMD-SHELL", "curl -f http://localhost"))
    assert spec_hash(of(result, "text")) == spec_hash(of(result, "shell"))
    assert of(result, "exec").healthcheck == Healthcheck(
        test=("CMD", "curl", "-f", "http://localhost"), interval_seconds=90, timeout_seconds=0.5, retries=3
    )
    assert of(result, "none").healthcheck == of(result, "disabled").healthcheck == Healthcheck(test=("NONE",))
    assert of(result, "numbers").healthcheck == Healthcheck(
        interval_seconds=5, start_period_seconds=3600, start_interval_seconds=2
    )


def test_short_and_long_forms_mean_the_same() -> None:
    result = read("long-forms")
    short, long = of(result, "short"), of(result, "long")
    assert [p.published for p in short.ports] == ["8080", ""]
    same = replace(long, ports=short.ports)
    assert same == short
    assert spec_hash(same) == spec_hash(short)


def test_secrets_and_configs() -> None:
    result = read("secrets", DEBUG="on")
    files = of(result, "app").files
    assert [(f.kind, f.target, f.mode, f.uid, result.contents[f.digest]) for f in files] == [
        (FileKind.CONFIG, "/etc/app.conf", 0o444, "", b"debug=on\nproject=app\n"),
        (FileKind.CONFIG, "/httpd", 0o444, "", b"Listen 80\n"),
        (FileKind.SECRET, "/etc/ssl/server.crt", 0o555, "", b"CERT\n"),
        (FileKind.SECRET, "/run/secrets/server.crt", 0o440, "103", b"CERT\n"),
        (FileKind.SECRET, "/run/secrets/token", 0o444, "", b"t"),
    ]
    assert spec_hash(of(read("secrets"), "app")) != spec_hash(of(result, "app"))


def test_extends() -> None:
    result = read("extends")
    cli, other = of(result, "cli"), of(result, "other")
    assert (cli.image, cli.command, cli.dns) == ("busybox", ("c",), ("1.1.1.1", "8.8.8.8"))
    assert cli.environment == (("NEW", "1"), ("PORT", "8080"), ("TZ", "utc"))
    assert cli.mounts == (
        Mount(kind=MountKind.VOLUME, source="app_cli", target="/var/lib/backup/data", read_only=True),
    )
    assert cli.security_opt == ("label:role:ROLE", "label:user:USER")
    assert cli.labels == (("x", "1"), ("y", "2"))
    assert (other.image, other.tty) == ("base", False)
    assert other.mounts[0].source == str(GOOD / "files/data")
    assert ("QUOTED", "x y") in other.environment


def test_include() -> None:
    result = read("include")
    included, merged = of(result, "included"), of(result, "merged")
    assert included.mounts[0].source == str(GOOD / "files/x")
    assert included.networks == (NetworkAttachment(network="app_side"),)
    assert merged.image == "from-other"
    assert [p.published for p in merged.ports] == ["8443"]
    assert merged.environment == (("B", "1"), ("C", "1"))
    assert merged.cap_add == ("A", "B")
    assert {s.group for s in result.desired.services} == {Group.BATCH}


def test_our_own_keys() -> None:
    result = read("appliance")
    mongo, user = result.desired.services
    assert (mongo.name, mongo.group, mongo.required) == ("mongo_metadb", Group.SYSTEM, True)
    assert mongo.container.post_start == (
        Hook(command=("mongosh", "--eval", "rs.initiate()"), user="root", environment=(("A", "1"),)),
    )
    assert mongo.container.pre_stop == (Hook(command=("sync",)),)
    assert (user.group, user.required) == (Group.CORE, False)
    assert user.watch == (WatchRule(str(GOOD / "files/httpd.conf"), ("*.bak", "!keep.bak"), ("*.conf",)),)
    assert user.watch_pace == WatchPace(quiet_seconds=5, at_most_seconds=120)
    assert user.container.labels == ()
    assert result.desired.volumes[0].name == "appliance_mongo"
    assert dict(result.desired.volumes[0].driver_opts)["type"] == "nfs"
    assert [s.name for s in read("appliance", role="secondary-active").desired.services] == ["standby"]


def test_services_that_run_once() -> None:
    result = read("jobs")
    found = {s.name: (s.restart.condition, s.restart.max_attempts, s.one_shot) for s in result.desired.services}
    assert found == {
        "migrate": (RestartCondition.ON_FAILURE, 0, True),
        "seed": (RestartCondition.ON_FAILURE, 5, True),
        "web": (RestartCondition.ANY, 0, False),
    }


def test_images_and_when_they_are_pulled() -> None:
    result = read("build")
    found = {s.name: (s.container.image.partition("@")[0], s.pull) for s in result.desired.services}
    assert found == {
        "api": ("app-api", PullPolicy(built=True)),
        "ui": ("registry.example.com:5000/team/ui:2.0", PullPolicy(built=True)),
        "proxy": ("nginx", PullPolicy(when=PullWhen.EVERY, every_seconds=36 * 3600)),
        "daily": ("nginx", PullPolicy(when=PullWhen.EVERY, every_seconds=86400)),
        "cached": ("nginx", PullPolicy()),
    }


def test_shared_namespaces() -> None:
    result = read("namespaces")
    torrent = result.desired.service("torrent")
    assert torrent is not None
    assert torrent.depends_on == (Dependency(service="vpn", restart=True),)
    assert (torrent.container.network_mode, torrent.container.pid) == ("service:vpn", "container:other")
    assert of(result, "vpn").cap_add == ("NET_ADMIN", "SYS_MODULE")
    assert of(result, "vpn").devices == (Device(source="/dev/net/tun", target="/dev/net/tun"),)
    assert of(result, "isolated").privileged


def test_resources() -> None:
    a = of(read("resources"), "a")
    assert (a.cpu_period, a.cpu_quota, a.cpu_rt_runtime, a.cpu_rt_period) == (100_000, 50_000, 400_000, 11_000)
    assert (a.mem_swappiness, a.memswap_limit_bytes, a.pids_limit, a.oom_score_adj) == (0, -1, -1, -500)
    assert a.blkio is not None
    assert a.blkio.weight_device == (BlkioDevice(path="/dev/sda", value=400),)
    assert a.blkio.device_read_bps == (BlkioDevice(path="/dev/sdb", value=12 * 1024**2),)
    assert a.storage_opt == (("size", "1G"),)


def test_networks() -> None:
    result = read("networks")
    first, second = of(result, "app").networks
    assert first == NetworkAttachment(
        network="app_net", ipv4_address="172.16.238.10", ipv6_address="2001:3984:3989::10", gw_priority=1,
        link_local_ips=("57.123.22.11", "57.123.22.13"), driver_opts=(("com.example.baz", "1"),), interface_name="eth7",
    )  # fmt: skip
    assert second.network == "shared"
    net, shared = result.desired.networks
    assert (net.internal, net.attachable, net.enable_ipv6, net.enable_ipv4) == (True, True, True, None)
    assert net.ipam_pools[0] == IpamPool(
        subnet="172.16.238.0/24", gateway="172.16.238.1", aux_addresses=(("host1", "172.16.238.5"),)
    )
    assert shared.driver_opts == (("com.docker.network.bridge.name", "br7"),)


def test_gpus() -> None:
    result = read("gpus")
    requests = {s.name: s.container.device_requests for s in result.desired.services}
    gpu = (("gpu",),)
    assert requests == {
        "all": (DeviceRequest(count=-1, capabilities=gpu),),
        "some": (DeviceRequest(driver="nvidia", count=2, capabilities=gpu),),
        "ids": (DeviceRequest(device_ids=("0", "3"), capabilities=gpu),),
        "cdi": (DeviceRequest(driver="cdi", device_ids=("vendor1.com/device=gpu",)),),
    }


def test_environment_files_and_variables() -> None:
    result = read("env", REGISTRY="r.example.com")
    app = of(result, "app")
    assert app.image == "r.example.com/app:1"
    assert dict(app.environment) == {
        "A": "1", "OVER": "from-file", "QUOTED": "x y", "RAW": '"$A"', "UNSET": None, "HOME": "/home/zona",
    }  # fmt: skip
    assert app.labels == (("b", "2"), ("c", "3"))
    assert app.tty
    assert result.desired.services[0].replicas == 3


def test_a_mail_server() -> None:
    mail = of(read("mail"), "mail")
    assert mail.mounts == (
        Mount(kind=MountKind.TMPFS, target="/cache", tmpfs_size_bytes=100 * 1024**2, tmpfs_mode=0o1770),
        Mount(kind=MountKind.BIND, source=str(GOOD.parent / "certs"), target="/etc/ssl", read_only=True,
              propagation="rslave"),
        Mount(kind=MountKind.TMPFS, target="/tmp", tmpfs_options="mode=1777,noexec,size=64m"),
        Mount(kind=MountKind.BIND, source="/home/zona/mail", target="/var/mail"),
        Mount(kind=MountKind.TMPFS, target="/var/tmp"),
    )  # fmt: skip
    assert (mail.hostname, mail.domainname, mail.stop_signal, mail.init) == ("mail", "example.com", "SIGINT", True)
    assert mail.dns_search == ("dc1.example.com", "dc2.example.com")


def test_what_other_yaml_readers_get_wrong() -> None:
    app = of(read("yaml-surprises"), "app")
    assert dict(app.environment) == {
        "COUNTRY": "no", "VERSION": "1.10", "OCTAL": "010", "TIME": "12:30:45", "ON": "on", "BIG": "1_000",
        "EXP": "1e3", "T": "true", "EMPTY": "",
    }  # fmt: skip
    assert [(p.published, p.target) for p in app.ports] == [("22", 22), ("2222", 2222)]
    assert app.command == ("echo", 'a "b" c', "d e", "f g", "$HOME")
    assert app.labels == (("enabled", "true"), ("none", ""), ("port", "8080"))


def test_a_registry_stack() -> None:
    result = read("registry-stack")
    assert [s.name for s in result.desired.services] == ["core", "database", "proxy", "redis"]
    assert all(s.container.cap_drop == ("ALL",) for s in result.desired.services)
    assert [(p.published, p.target) for p in of(result, "proxy").ports] == [("8088", 8080), ("8089", 8081)]
    assert of(result, "core").log_driver == "syslog"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mem_limit: 512m", "deploy: {resources: {limits: {memory: 512M}}}"),
        ("environment: {A: 1, B: 2}", "environment: [B=2, A=1]"),
        ("cap_add: [NET_ADMIN, SYS_TIME]", "cap_add: [CAP_SYS_TIME, net_admin]"),
        ("ports: ['80:80', '81:81']", "ports: ['80-81:80-81']"),
        ("volumes: ['/a:/b']", "volumes: [{type: bind, source: /a, target: /b/}]"),
        ("command: a 'b c'", "command: [a, b c]"),
        ("healthcheck: {interval: 90s}", "healthcheck: {interval: 1m30s}"),
        ("networks: [default]", "networks: {default: {}}"),
        ("tmpfs: '/a:b,a'", "tmpfs: ['/a:a,b']"),
        ("extra_hosts: ['a:1.1.1.1']", "extra_hosts: {a: [1.1.1.1]}"),
        ("expose: [80]", "expose: ['80/tcp']"),
    ],
)
def test_two_ways_of_writing_the_same_have_one_hash(one: str, other: str) -> None:
    assert spec_hash(container(one)) == spec_hash(container(other))


@pytest.mark.parametrize(
    ("written", "condition"),
    [("", "any"), ("restart: always", "any"), ("restart: unless-stopped", "any"), ("restart: 'no'", "none"),
     ("restart: no", "none"), ("restart: on-failure", "on-failure"), ("deploy: {restart_policy: {}}", "any"),
     ("restart: always\ndeploy: {restart_policy: {condition: none}}", "none")],
)  # fmt: skip
def test_restart_policies(written: str, condition: str) -> None:
    assert service(f"image: a\n{written}").restart.condition.value == condition
