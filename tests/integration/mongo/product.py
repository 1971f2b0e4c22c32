"""A product as sites have it: zpmd on a host with nothing but service files, and a MongoDB that zpmd itself starts.

The rows are written by ordinary clients of that MongoDB (`database`), as the product's own programs do.
"""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import docker.errors
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from tests.integration.appliance import service, worker
from tests.integration.daemon import Daemon
from tests.integration.mongo.followed import integration, tenant
from tests.lab.eventually import eventually
from tests.lab.mongo_image import IMAGE
from tests.lab.mongod import DATABASE, Client

Row = dict[str, Any]

AWAY = "away since"
"""What `zpmctl status` says of a MongoDB that is away."""

PORT = 27017
SERVER = "node-1"
LOW, HIGH = 9100, 9131

MONGO = f"""\
services:
  mongo_metadb:
    image: {IMAGE}
    network_mode: host
    command: [mongod, --dbpath, /data/db, --bind_ip_all, --replSet, rs0, --oplogSize, "64",
              --wiredTigerCacheSizeGB, "0.25"]
    volumes: ["metadb:/data/db"]
    stop_grace_period: 3s
    x-zpmd: {{group: system}}
    healthcheck:
      test: nc 127.0.0.1 {PORT} < /dev/null
      interval: 500ms
      timeout: 2s
      retries: 4
volumes:
  metadb:
"""

TEMPLATE = """\
services:
  integration:
    image: appliance/service:1.0
    stop_grace_period: 2s
    environment:
      PORT: ${integration.port}
      TENANT: ${tenant.tenantcode}
      TITLE: ${integration.title}
      URL: ${params.URL:-none}
    ports: ["${integration.port}:${integration.port}"]
    healthcheck:
      test: wget -q -O /dev/null http://127.0.0.1:$$PORT/health
      interval: 500ms
      timeout: 2s
      retries: 3
    x-zpmd: {group: app, for_each: active-integration, ports: {range: LOW-HIGH}}
""".replace("LOW-HIGH", f"{LOW}-{HIGH}")

TENANTS = [
    tenant("acme", 1, db_host=f"127.0.0.1:{PORT}", db_name=DATABASE),
    tenant("globex", 2, db_host="127.0.0.1:1", db_name="zona_globex"),
]
INTEGRATIONS = [
    integration("acme", 1, "splunk"),
    integration("acme", 2, "jira"),
    integration("globex", 3, "splunk"),
    integration("globex", 4, "misp"),
]
APPS = ("jira-acme-2", "misp-globex-4", "splunk-acme-1", "splunk-globex-3")


@dataclass(slots=True)
class Product:
    """`settings` are of `mongodb:`."""

    daemon: Daemon

    def declare(self, **settings: Any) -> None:
        """The service files, and where MongoDB will be once it is started."""
        self.daemon.file("10-mongo.yaml", MONGO)
        self.daemon.file("20-user.yaml", service("zona_user", "core", "depends_on: [mongo_metadb]\n"))
        self.daemon.file("30-batch.yaml", worker("sla_breach_monitor", "batch"))
        self.daemon.file("40-app.yaml", TEMPLATE)
        wish = {"name": "rs0", "members": [f"{self.daemon.engine.address}:{PORT}"]}
        mongodb = {"hosts": [f"127.0.0.1:{PORT}"], "database": DATABASE, "timeout_seconds": 2, "probe_seconds": 1}
        self.daemon.settings["server_name"] = SERVER
        self.daemon.settings["mongodb"] = {**mongodb, "replica_set": wish, **settings}

    def begin(self) -> None:
        """Start zpmd on a host with nothing on it, and write the rows once the services that need none are there."""
        self.declare()
        self.daemon.start()
        eventually(lambda: self.daemon.running("sla_breach_monitor"), 60, "the services without rows", 0.1)
        self.insert("tenants", *TENANTS)
        self.insert("integrations", *INTEGRATIONS)
        self.up(*APPS)

    def restore(self) -> dict[str, tuple[str, str]]:
        """The rows as they were in the beginning, and all that they say up, and nothing left to be done: what
        `containers` says."""
        with self.database() as database:
            database["app_params"].delete_many({})
            database["servers"].delete_many({})
            for collection, key, rows in (("tenants", "id", TENANTS), ("integrations", "integration_id", INTEGRATIONS)):
                for row in rows:
                    database[collection].update_one({key: row[key]}, {"$set": row}, upsert=True)
                database[collection].delete_many({key: {"$nin": [row[key] for row in rows]}})
        wanted = {row["integration_id"]: row["title"] for row in INTEGRATIONS}
        eventually(
            lambda: {i["integration_id"]: i["title"] for i in self.integrations().values()} == wanted,
            20,
            "the old rows",
        )
        self.up(*APPS)
        self.daemon.converged()
        return self.containers()

    # the product's own programs

    @contextmanager
    def database(self) -> Iterator[Database[Row]]:
        """By a client of its own, once the server takes writes: one that has just been started is elected first."""
        with client_of(self.daemon) as client:
            eventually(lambda: takes_writes(client), 60, "a primary", 0.1)
            yield client[DATABASE]

    def insert(self, collection: str, *rows: Row) -> None:
        with self.database() as database:
            database[collection].insert_many([dict(row) for row in rows])

    def change(self, collection: str, which: Row, **fields: Any) -> None:
        """Set fields of the one row that this finds."""
        with self.database() as database:
            assert database[collection].update_one(which, {"$set": fields}).matched_count == 1

    def remove(self, collection: str, which: Row) -> int:
        with self.database() as database:
            return database[collection].delete_many(which).deleted_count

    def rows(self, collection: str) -> list[Row]:
        with self.database() as database:
            return list(database[collection].find())

    # what came of it

    def containers(self) -> dict[str, tuple[str, str]]:
        """Of each service that runs, its container and since when that has been running."""
        return started(self.daemon)

    def up(self, *services: str, timeout_seconds: float = 60.0) -> dict[str, tuple[str, str]]:
        """Once exactly these integrations run and are healthy, each in one container: what `containers` says."""
        eventually(lambda: healthy(self.daemon) == sorted(services), timeout_seconds, f"{services} and no other", 0.1)
        return self.containers()

    def ports(self) -> dict[str, int]:
        """The leased ports by services, as zpmctl has them."""
        said = self.daemon.ctl("ports", "--json")
        assert said.code == 0, said.err
        return {row["service"]: row["port"] for row in said.json["ports"] if row["state"] == "leased"}

    def integrations(self) -> dict[str, Row]:
        return {row["service"]: row for row in self.daemon.ask("/v1/integrations")["integrations"]}

    def answers(self, port: int) -> str:
        """What an integration says on its port of this host; "" while there is none."""
        connection = http.client.HTTPConnection(self.daemon.engine.address, port, timeout=2)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/")
            return connection.getresponse().read().decode()
        return ""


def takes_writes(client: Client) -> bool:
    """Not yet where nobody answers: it has just been started."""
    try:
        return bool(client.admin.command("hello")["isWritablePrimary"])
    except PyMongoError:
        return False


def client_of(daemon: Daemon, **options: Any) -> Client:
    """Of the MongoDB that zpmd started on its host. The caller closes it."""
    return MongoClient(
        f"{daemon.engine.address}:{PORT}", directConnection=True, serverSelectionTimeoutMS=10_000, **options
    )


def started(daemon: Daemon) -> dict[str, tuple[str, str]]:
    """Of each service that runs, its container and since when that has been running."""
    found: dict[str, tuple[str, str]] = {}
    for container in daemon.containers():
        with contextlib.suppress(docker.errors.NotFound):  # it has just gone
            state = daemon.engine.inspect(container["Id"])["State"]
            if state["Running"]:
                found[container["Labels"]["io.zpmd.service"]] = (container["Id"], state["StartedAt"])
    return found


def healthy(daemon: Daemon) -> list[str]:
    """The integrations that run, once for each container; those that are not healthy yet with a mark."""
    return sorted(
        c["Labels"]["io.zpmd.service"] + ("" if "(healthy)" in c["Status"] else "?")
        for c in daemon.containers()
        if c["Labels"]["io.zpmd.group"] == "app" and c["State"] == "running"
    )


def told_away(daemon: Daemon, *words: str) -> str:
    """What zpmctl says of MongoDB, once that has one of these words; a program is told the same."""

    def says(text: str) -> bool:
        return any(word in text for word in words)

    def said() -> str:
        """On a slow machine a refusal may come too late and be told as silence, now and then."""
        status = daemon.status()
        entries = [d for d in status["degraded"] if d["what"] == "registry" and says(d["text"])]
        lines = [line for line in daemon.ctl("status").out.splitlines() if AWAY in line and says(line)]
        if not entries or not lines:
            return ""
        assert status["state"] == "degraded"
        assert 0 <= time.time() - entries[0]["since"] < 60
        return lines[0]

    return eventually(said, 30, f"a status that says {words}; it says {daemon.ctl('status').out}", 0.1)
