"""Planted passwords get to the containers that need them, and nowhere else: no log, answer, label, journal or file."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

from tests.integration.daemon import Daemon
from tests.integration.mongo.followed import integration, tenant
from tests.integration.mongo.product import TEMPLATE, healthy, told_away
from tests.lab.eventually import eventually
from tests.lab.mongod import DATABASE, LabReplicaSet
from tests.lab.secrets import PLANTED, scan

PATHS = (
    "/status", "/tenant/list", "/integration/list", "/metrics", "/v1/openapi.json", "/v1/status", "/v1/plan",
    "/v1/events", "/v1/tenants", "/v1/integrations", "/v1/ports", "/v1/doctor", "/v1/services/splunk-acme-1/why",
    "/v1/services/jira-acme-2/logs",
)  # fmt: skip
WORDS = (
    ["status"], ["plan"], ["doctor"], ["events"], ["events", "--json"], ["tenants"], ["tenants", "--json"], ["ports"],
    ["integrations"], ["integrations", "--json"], ["why", "splunk-acme-1"], ["logs", "splunk-acme-1"],
)  # fmt: skip
UP = ["jira-acme-2", "splunk-acme-1"]


def test_no_planted_secret_is_found_where_it_does_not_belong(daemon: Daemon) -> None:
    mongo = LabReplicaSet(1, auth=True)
    try:
        mongo.start()
        begin(daemon, mongo)
        eventually(lambda: healthy(daemon) == UP, 60, "both integrations", 0.1)
        assert inside(daemon, "splunk-acme-1", "db_password") == PLANTED["db_password"]
        assert inside(daemon, "splunk-acme-1", "TOKEN") == PLANTED["api_token"]
        eventually(lambda: probed(mongo) == {"connected", "error", "disconnected"}, 30, "every row probed")
        looked = search(daemon)

        mongo.shared[DATABASE]["tenants"].update_one({"id": 1}, {"$set": {"status": PLANTED["db_password"]}})
        mongo.shared[DATABASE]["app_params"].update_one({"name": "TOKEN"}, {"$set": {"name": PLANTED["api_token"]}})
        eventually(lambda: daemon.status()["registry"]["troubles"], 20, "the troubles")
        looked += search(daemon)

        daemon.kill()
        mongo.members[0].add_user("zpmd", "another password", "root")
        daemon.start()
        told_away(daemon, "refuses user zpmd")
        assert healthy(daemon) == UP
        looked += search(daemon)
        assert looked > 100_000
    finally:
        daemon.close()
        mongo.close()


def begin(daemon: Daemon, mongo: LabReplicaSet) -> None:
    (member,) = mongo.members
    member.add_user("zpmd", PLANTED["mongo_password"], "root")
    member.add_user("acme", PLANTED["db_password"], "root")
    at = {"db_host": member.address, "db_name": DATABASE}
    acme = tenant("acme", 1, db_username="acme", db_password=PLANTED["db_password"], **at)
    mongo.fill("tenants", [acme])
    spare = {"id": 1, "tenantcode": "acme", "status": "active", "db_username": "acme", "db_name": DATABASE}
    refused = {**spare, "uuid": "b1", "db_password": PLANTED["backup_password"], "db_host": member.address}
    # what people write there although it is no host
    uri = f"mongodb://acme:{PLANTED['backup_password']}@127.0.0.1:1"
    silent = {**spare, "id": 3, "uuid": "b3", "db_password": PLANTED["backup_password"], "db_host": "127.0.0.1:1"}
    mongo.fill("tenant_backups", [refused, {**refused, "id": 2, "uuid": "b2", "db_host": uri}, silent])
    mongo.fill("app_params", [{"paramType": "app", "name": "TOKEN", "value": PLANTED["api_token"], "secret": True}])
    mongo.fill("integrations", [integration("acme", 1, "splunk"), integration("acme", 2, "jira")])
    password = daemon.folder / "mongo.password"
    password.write_text(PLANTED["mongo_password"])
    daemon.settings["log_level"] = "debug"
    daemon.settings["mongodb"] = {
        "hosts": list(mongo.hosts), "timeout_seconds": 2, "probe_seconds": 1, "username": "zpmd",
        "password_file": str(password),
    }  # fmt: skip
    daemon.file("app.yaml", TEMPLATE)
    daemon.start()


def search(daemon: Daemon) -> int:
    """Through all that anybody can see, and all that zpmd keeps. Returns how many bytes that was."""
    answers = [get(daemon.socket, path) for path in PATHS]
    said = [daemon.ctl(*words) for words in WORDS]
    details = [daemon.engine.inspect(container["Id"]) for container in daemon.containers()]
    state = daemon.folder / "state"
    return scan(daemon.log, *answers, *said, *details, daemon.engine.log, state, but=(state / "materials",))


def get(path: Path, url: str) -> bytes:
    connection = http.client.HTTPConnection("localhost", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    try:
        connection.request("GET", url)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (url, body)
        return body
    finally:
        connection.close()


def inside(daemon: Daemon, service: str, name: str) -> str:
    """What the container of a service finds in the file of a secret."""
    client = daemon.engine.client()
    (container,) = daemon.running(service)
    command = client.exec_create(container, ["cat", f"/run/secrets/{name}"])
    content: bytes = client.exec_start(command["Id"])
    return content.decode()


def probed(mongo: LabReplicaSet) -> set[str]:
    """What rows say of it; the one whose host is a URI is in trouble, and probed by nobody."""
    database = mongo.shared[DATABASE]
    rows = [*database["tenants"].find(), *database["tenant_backups"].find({"id": {"$ne": 2}})]
    return {row.get("connection_status", "") for row in rows}
