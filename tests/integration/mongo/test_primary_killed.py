"""The primary of a replica set of three is killed while a dozen integrations are on their way."""

from __future__ import annotations

from tests.integration.daemon import Daemon
from tests.integration.mongo.followed import integration, tenant
from tests.integration.mongo.product import TEMPLATE, healthy
from tests.lab.eventually import eventually
from tests.lab.mongod import DATABASE, LabReplicaSet

DOZEN = [f"{name}-acme-{number}" for number, name in enumerate(("splunk", "jira", "misp", "qradar") * 3, 1)]


def test_every_integration_comes_up_once_on_a_port_of_its_own(daemon: Daemon, three_members: LabReplicaSet) -> None:
    rows = [integration("acme", number, name.split("-")[0]) for number, name in enumerate(DOZEN, 1)]
    three_members.fill("tenants", [tenant("acme", 1)])
    three_members.fill("integrations", rows[:1])
    daemon.file("app.yaml", TEMPLATE)
    daemon.settings["mongodb"] = {"hosts": list(three_members.hosts), "timeout_seconds": 2, "probe_seconds": 0}
    daemon.start()
    eventually(lambda: healthy(daemon) == DOZEN[:1], 30, "the first of them", 0.1)

    three_members.shared[DATABASE]["integrations"].insert_many(rows[1:])
    eventually(lambda: len(daemon.containers()) > 2, 30, "some of them on their way", 0.01)
    old = three_members.primary()
    old.kill()
    new = three_members.primary(other_than=old)
    eventually(lambda: healthy(daemon) == sorted(DOZEN), 60, "all of them", 0.1)

    runs = [e["service"] for e in daemon.journal() if e["verb"] == "run"]
    assert sorted(runs) == sorted(DOZEN), "something was started twice"
    leased = {p["service"]: p["port"] for p in daemon.ctl("ports", "--json").json["ports"]}
    assert sorted(leased) == sorted(DOZEN)
    assert len(set(leased.values())) == len(DOZEN)

    def mirrored() -> dict[int, int]:
        return {row["integration_id"]: row["port"] for row in new.direct[DATABASE]["integration_ports"].find()}

    wanted = {int(name.rpartition("-")[2]): port for name, port in leased.items()}
    eventually(lambda: mirrored() == wanted, 30, "their ports, with the new primary")

    three_members.shared[DATABASE]["integrations"].update_one({"integration_id": 12}, {"$set": {"status": "inactive"}})
    eventually(lambda: healthy(daemon) == sorted(DOZEN[:-1]), 30, "a change that the new primary told of", 0.1)
