"""`zpmd init` on a host where a Compose project runs: what it writes runs under zpmd as it ran before, with its data,
and the commands that it prints do what it says. The project is made by docker-compose itself.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.integration.daemon import CHECKOUT, Daemon
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually

COMPOSE = """\
version: "2.4"
services:
  redis:
    image: appliance/service:1.0
    environment:
      PORT: "6379"
      REDIS_PASSWORD: "pa$$wörd \\"quoted\\" \\\\ 'x'"
    volumes: ["cache:/data", /nameless]
    healthcheck:
      test: ["CMD-SHELL", "wget -q -O /dev/null http://127.0.0.1:$$PORT/health"]
      interval: 1s
      timeout: 2s
      retries: 3
      start_period: 5s
    restart: always
    mem_limit: 64m
    ulimits: {nofile: {soft: 512, hard: 1024}}
  web:
    image: appliance/service:1.0
    entrypoint: ["/bin/sh", "-c"]
    command: ['echo "costs $$5"; exec /bin/main']
    user: "0:0"
    working_dir: /tmp
    environment: {PORT: "8080", GREETING: "costs $$5", DATABASE_URL: "postgres://app:geheim@db/x"}
    ports: ["18080:8080", "127.0.0.1:18081:9"]
    volumes: ["./conf:/conf:ro", {type: tmpfs, target: /scratch, tmpfs: {size: 1048576}}]
    tmpfs: ["/run/x:size=64k"]
    depends_on: {redis: {condition: service_healthy}}
    networks: {front: {aliases: [www]}, default: {}}
    links: ["redis:cache"]
    restart: on-failure:3
    stop_grace_period: 3s
    stop_signal: SIGINT
    cap_add: [NET_ADMIN]
    cap_drop: [MKNOD]
    sysctls: {net.core.somaxconn: "256"}
    extra_hosts: ["backend:10.0.0.9"]
    dns: [10.0.0.53]
    labels: {com.example.team: "a b: c"}
    logging: {driver: json-file, options: {max-size: 1m}}
    init: true
    hostname: webhost
    cpus: 0.5
    pids_limit: 100
  worker:
    image: appliance/worker:1.0
    scale: 2
    restart: unless-stopped
    environment: {INTERVAL: "5"}
  migrate:
    image: appliance/oneshot:1.0
volumes:
  cache:
networks:
  front:
"""
OF_THE_MAKER = {"RestartPolicy", "Binds", "Mounts", "NetworkMode", "Links", "PortBindings", "CpuQuota", "CpuPeriod"}
"""Of HostConfig: the policy is zpmd's own way, mounts and networks are compared by what came of them."""
UNSAID: tuple[Any, ...] = (None, "", 0, False, [], {})


def compose(engine: LabEngine, command: str) -> str:
    """Run a command line of Compose's as an operator of this engine would."""
    done = subprocess.run(
        shlex.split(command),
        env={**os.environ, "DOCKER_HOST": engine.url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def zpmd(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zpmd", *words], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def shop(engine_host: LabEngine, tmp_path: Path) -> Path:
    """The Compose file of a project that runs."""
    path = tmp_path / "shop" / "docker-compose.yml"
    (path.parent / "conf").mkdir(parents=True)
    (path.parent / "conf" / "site").write_text("of the host")
    path.write_text(COMPOSE)
    compose(engine_host, f"docker-compose -f {path} up -d")
    eventually(lambda: health(engine_host, "shop_redis_1") == "healthy", 30, "a healthy redis")
    return path


def health(engine: LabEngine, name: str) -> str:
    found: str = engine.inspect(name)["State"]["Health"]["Status"]
    return found


def inside(engine: LabEngine, container: str, script: str) -> str:
    client = engine.client()
    made = client.exec_create(container, ["/bin/sh", "-c", script])
    out: bytes = client.exec_start(made["Id"])
    assert client.exec_inspect(made["Id"])["ExitCode"] == 0, out
    return out.decode()


def meaning(inspected: dict[str, Any], made_by: str) -> dict[str, Any]:
    """What a container is, whoever made it."""
    config, host = inspected["Config"], inspected["HostConfig"]
    labels = {k: v for k, v in config["Labels"].items() if not k.startswith(("com.docker.compose", "io.zpmd."))}
    kept = {
        k: v for k, v in config.items() if k not in ("Labels", "Hostname", "Volumes") and not k.startswith("Attach")
    }
    if not inspected["Id"].startswith(config["Hostname"]):
        kept["Hostname"] = config["Hostname"]
    kept["Env"] = sorted(config["Env"])
    kept["StopTimeout"] = kept.get("StopTimeout") or 10
    mounts = {(m["Type"], m["Destination"], m.get("Name") or m["Source"], m["RW"]) for m in inspected["Mounts"]}
    tmpfs = {m["Target"]: m["TmpfsOptions"]["SizeBytes"] for m in host.get("Mounts") or () if m["Type"] == "tmpfs"}
    networks = inspected["NetworkSettings"]["Networks"]
    ports = {
        port: sorted((b["HostIp"].replace("0.0.0.0", ""), b["HostPort"]) for b in bindings)
        for port, bindings in (host["PortBindings"] or {}).items()
    }
    return {
        "config": {k: v for k, v in kept.items() if v not in UNSAID},
        "host": {k: v for k, v in host.items() if k not in OF_THE_MAKER and v not in UNSAID},
        "labels": labels,
        "mounts": mounts,
        "tmpfs": tmpfs,
        "ports": ports,
        "image": inspected["Image"],
        "networks": {name: "www" in (endpoint["Aliases"] or ()) for name, endpoint in networks.items()},
        "cpus": host["NanoCpus"],
    }


def test_a_compose_project_goes_on_under_zpmd_as_it_was_and_back(
    shop: Path, daemon: Daemon, engine_host: LabEngine
) -> None:
    before = {c: engine_host.inspect(c) for c in ("shop_redis_1", "shop_web_1", "shop_worker_1", "shop_worker_2")}
    inside(engine_host, "shop_redis_1", "echo kept > /data/kept; echo kept > /nameless/kept")

    # it writes, and touches nothing
    said = zpmd("init", "--dir", str(daemon.folder), "--engine", engine_host.url, "--json")
    assert said.returncode == 0, said.stdout + said.stderr
    document = json.loads(said.stdout)
    assert (document["lost"], document["problems"], document["notes"]) == ([], [], [])
    assert {name: engine_host.inspect(name)["State"]["StartedAt"] for name in before} == {
        name: told["State"]["StartedAt"] for name, told in before.items()
    }
    checked = zpmd("check", "--settings", str(daemon.folder / "zpmd.yaml"))
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "4 services in 1 group: ok" in checked.stdout
    for path in daemon.services_dir.iterdir():
        secret = any(word in path.read_text() for word in ("geheim", "wörd"))
        assert path.stat().st_mode & 0o777 == (0o640 if secret else 0o644), path

    # the command that it prints stops the project, and zpmd runs the files
    (project,) = document["projects"]
    assert project["stop"] == [f"docker-compose -p shop --project-directory {shop.parent} -f {shop} down"]
    for command in project["stop"]:
        compose(engine_host, command)
    daemon.settings = {"project": "shop"}
    daemon.start()
    daemon.converged()
    after = {
        f"shop_{c['Labels']['io.zpmd.service']}_{c['Labels']['io.zpmd.slot']}": engine_host.inspect(c["Id"])
        for c in daemon.containers()
        if c["Labels"]["io.zpmd.service"] != "migrate"
    }
    assert {name: meaning(told, "zpmd") for name, told in after.items()} == {
        name: meaning(told, "compose") for name, told in before.items()
    }
    redis, web = after["shop_redis_1"]["Id"], after["shop_web_1"]["Id"]
    assert inside(engine_host, redis, "cat /data/kept /nameless/kept") == "kept\nkept\n"
    assert inside(engine_host, web, "cat /conf/site; wget -q -O - http://cache:6379/health") == "of the hostOK\n"
    assert health(engine_host, redis) == "healthy"
    with urllib.request.urlopen(f"http://{engine_host.address}:18080/health", timeout=5) as answer:
        assert answer.read() == b"OK\n"

    # and back
    assert daemon.ctl("down", "--yes", "--wait").code == 0
    daemon.stop()
    for command in project["back"]:
        compose(engine_host, command)
    assert inside(engine_host, "shop_redis_1", "cat /data/kept") == "kept\n"


def test_nothing_is_replaced_without_being_asked(daemon: Daemon, engine_host: LabEngine) -> None:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    engine_host.run_stranger("shop-web-1", labels=labels)
    words = ("init", "--dir", str(daemon.folder), "--engine", engine_host.url)
    assert zpmd(*words, "--dry-run").returncode == 0
    assert list(daemon.services_dir.iterdir()) == []
    mine = daemon.file("10-shop.yaml", "services: {mine: {image: x}}\n")
    refused = zpmd(*words)
    assert refused.returncode == 1
    assert refused.stdout.splitlines()[0] == f"{mine} is there already"
    assert [path.name for path in daemon.services_dir.iterdir()] == ["10-shop.yaml"]
    assert zpmd(*words, "--force").returncode == 0
    assert "mine" not in mine.read_text()


def test_a_container_that_no_project_has_is_taken_by_name(daemon: Daemon, engine_host: LabEngine) -> None:
    client = engine_host.client()
    host = client.create_host_config(
        binds=["notes:/notes"], restart_policy={"Name": "always"}, port_bindings={8000: 18090}
    )
    engine_host.run_stranger(
        "notes-1", "appliance/service:1.0", environment={"API_TOKEN": "geheim-0815"}, host_config=host, ports=[8000]
    )
    engine_host.run_stranger("other")
    words = ("init", "--dir", str(daemon.folder), "--engine", engine_host.url)
    nothing = zpmd(*words, "--dry-run")
    assert "nothing runs that could be carried over" in nothing.stdout
    assert "notes-1: not of a Compose project" in nothing.stdout
    assert zpmd(*words, "--container", "notes-2").returncode == 1
    said = zpmd(*words, "--container", "notes-1", "--json")
    assert said.returncode == 0, said.stdout + said.stderr
    assert (daemon.services_dir / "10-containers.yaml").read_text().partition("services:\n")[2] == textwrap.dedent(
        """\
          # what looks like a secret is in 10-containers.notes-1.env
          notes-1:
            image: appliance/service:1.0
            container_name: notes-1
            env_file:
              - '10-containers.notes-1.env'
            network_mode: bridge
            ports:
              - '18090:8000'
            volumes:
              - notes:/notes

        volumes:
          notes:
            name: notes
            external: true
        """
    )
    (project,) = json.loads(said.stdout)["projects"]
    for command in project["stop"]:
        compose(engine_host, command)
    daemon.start()
    daemon.converged()
    assert [c["Names"] for c in daemon.containers("notes-1")] == [["/notes-1"]]
    assert daemon.ctl("down", "--yes", "--wait").code == 0
    for command in project["back"]:
        compose(engine_host, command)
    assert engine_host.inspect("notes-1")["State"]["Running"]
