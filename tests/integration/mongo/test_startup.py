"""The whole start-up of a product, from a host on which nothing runs to integrations that answer; and what becomes of
it as its rows change. MongoDB is one of the services that zpmd starts, and knows nothing of a replica set before."""

from __future__ import annotations

from tests.integration.mongo.followed import integration
from tests.integration.mongo.product import APPS, HIGH, LOW, PORT, Product
from tests.lab.eventually import eventually


def test_mongodb_comes_first_then_what_needs_no_rows_then_what_they_say(site: Product) -> None:
    journal = sorted(site.daemon.journal(), key=lambda e: int(e["id"]))
    runs = [e["service"] for e in journal if e["verb"] == "run"]
    first = list(dict.fromkeys(runs))
    assert first[:3] == ["mongo_metadb", "zona_user", "sla_breach_monitor"], first
    assert sorted(first[3:]) == sorted(APPS)
    assert len(runs) == len(first), "something was started twice"


def test_the_replica_set_is_initiated_by_zpmd_and_says_so(running: Product) -> None:
    member = f"{running.daemon.engine.address}:{PORT}"
    with running.database() as database:
        config = database.client.admin.command("replSetGetConfig")["config"]
    assert (config["_id"], [m["host"] for m in config["members"]]) == ("rs0", [member])
    assert f"rs0: primary {member}, 1 of 1 healthy" in running.daemon.ctl("status").out


def test_every_integration_answers_on_its_own_port_and_the_product_knows_it(running: Product) -> None:
    ports = running.ports()
    assert sorted(ports) == sorted(APPS)
    assert len(set(ports.values())) == len(APPS)
    assert all(LOW <= port <= HIGH for port in ports.values())
    for name, port in ports.items():
        assert running.containers()[name][0][:12] in running.answers(port), name
    eventually(lambda: mirrored(running) == ports, 15, "the ports in integration_ports")


def test_each_tenants_connection_is_written_to_its_row(running: Product) -> None:
    def told() -> dict[str, str]:
        return {row["tenantcode"]: row.get("connection_status", "") for row in running.rows("tenants")}

    eventually(lambda: told() == {"acme": "connected", "globex": "disconnected"}, 15, "what probing found")
    running.change("tenants", {"id": 2}, db_host=f"127.0.0.1:{PORT}")
    eventually(lambda: told() == {"acme": "connected", "globex": "connected"}, 15, "what probing found then")


def test_an_edited_row_replaces_exactly_its_own_container(running: Product) -> None:
    before, ports = running.containers(), running.ports()
    running.change("integrations", {"integration_id": 2}, title="Jira of the new office")
    changed = eventually(lambda: {n for n, c in running.containers().items() if c != before.get(n)}, 20, "a new one")
    running.up(*APPS)
    running.daemon.converged()
    after = running.containers()
    assert changed == {"jira-acme-2"} == {n for n, c in after.items() if c != before[n]}
    environment = running.daemon.engine.inspect(after["jira-acme-2"][0])["Config"]["Env"]
    assert "TITLE=Jira of the new office" in environment
    assert running.ports() == ports


def test_a_change_that_no_container_would_notice_replaces_none(running: Product) -> None:
    before = running.containers()
    running.change("integrations", {"integration_id": 2}, action="poll", colour="green")
    eventually(lambda: running.integrations()["jira-acme-2"]["action"] == "poll", 15, "the row taken up")
    running.daemon.converged()
    assert running.containers() == before


def test_a_new_row_starts_a_service_and_a_deleted_one_stops_it_and_its_port_rests(running: Product) -> None:
    before = running.containers()
    running.insert("integrations", integration("globex", 5, "qradar"))
    port = running.up(*APPS, "qradar-globex-5") and running.ports()["qradar-globex-5"]
    assert running.remove("integrations", {"integration_id": 5}) == 1
    assert running.up(*APPS) == before
    (resting,) = [p for p in running.daemon.ctl("ports", "--json").json["ports"] if p["port"] == port]
    assert (resting["state"], resting["tenantcode"], resting["integration_id"]) == ("released", "globex", 5)
    running.insert("integrations", integration("globex", 5, "qradar"))
    running.up(*APPS, "qradar-globex-5")
    assert running.ports()["qradar-globex-5"] == port


def test_a_suspended_tenants_integrations_stop_and_come_back_to_their_ports(running: Product) -> None:
    before, ports = running.containers(), running.ports()
    running.change("tenants", {"id": 1}, status="suspended")
    rest = running.up("misp-globex-4", "splunk-globex-3")
    assert rest == {name: c for name, c in before.items() if "acme" not in name}
    assert running.ports() == ports
    running.change("tenants", {"id": 1}, status="active")
    after = running.up(*APPS)
    assert {n: c for n, c in after.items() if "acme" not in n} == rest
    assert running.ports() == ports


def test_killed_in_the_middle_of_a_change_it_goes_on_and_touches_nothing_else(running: Product) -> None:
    before, ports = running.containers(), running.ports()
    running.insert("integrations", *(integration("acme", n, "misp") for n in range(6, 9)))
    eventually(lambda: len(running.daemon.containers()) > len(before), 20, "the first of the new containers", 0.005)
    running.daemon.kill()
    running.daemon.start()
    new = [f"misp-acme-{n}" for n in range(6, 9)]
    after = running.up(*APPS, *new)
    assert {n: c for n, c in after.items() if n not in new} == before
    leased = running.ports()
    assert leased.items() >= ports.items()
    assert len(set(leased.values())) == len(leased) == len(APPS) + 3
    eventually(lambda: mirrored(running).items() >= leased.items(), 15, "the new ports in integration_ports")


def mirrored(product: Product) -> dict[str, int]:
    """What `integration_ports` has of the integrations that are there."""
    names = {row["integration_id"]: row for row in product.integrations().values()}
    rows = product.rows("integration_ports")
    return {names[r["integration_id"]]["service"]: r["port"] for r in rows if r["integration_id"] in names}
