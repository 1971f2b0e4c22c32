"""The role of this host stands in its row of `servers`: services that are bound to roles follow it, and so does the
priority of its member of the replica set."""

from __future__ import annotations

from tests.integration.appliance import worker
from tests.integration.mongo.product import APPS, PORT, SERVER, Product
from tests.lab.eventually import eventually

ROLES = {
    "on-active": "active",
    "on-active-2": "active",
    "on-active-3": "active",
    "on-passive": "passive",
    "on-database": "database-vm",
}


def test_services_and_priorities_follow_the_role_of_the_host(running: Product) -> None:
    daemon, before = running.daemon, running.containers()
    for name, role in ROLES.items():
        daemon.file(f"50-{name}.yaml", worker(name, "batch").replace("group: batch", f"group: batch, roles: [{role}]"))
    as_active = ["on-active", "on-active-2", "on-active-3", "on-database"]
    eventually(lambda: bound(running) == as_active, 30, "what an active host runs")

    member = f"{daemon.engine.address}:{PORT}"
    running.insert("servers", {"name": SERVER, "role": "passive", "vms": ["service"], "db_host": member})
    eventually(lambda: bound(running) == ["on-passive"], 30, "what a passive service VM runs")
    eventually(lambda: priority(running) == 1.0, 30, "the priority of a passive host")

    running.change("servers", {"name": SERVER}, role="active", vms=["service", "database"])
    eventually(lambda: bound(running) == as_active, 30, "what an active host runs, again")
    eventually(lambda: priority(running) == 10.0, 30, "the priority of an active host")
    running.up(*APPS)
    daemon.converged()
    assert {name: c for name, c in running.containers().items() if name not in ROLES} == before
    assert not any(e["code"] == "mass-removal" for e in daemon.journal())
    for name in ROLES:
        (daemon.services_dir / f"50-{name}.yaml").unlink()


def bound(product: Product) -> list[str]:
    return sorted(name for name in product.containers() if name in ROLES)


def priority(product: Product) -> float:
    with product.database() as database:
        (member,) = database.client.admin.command("replSetGetConfig")["config"]["members"]
    return float(member["priority"])
