"""A wire to MongoDB that is slow, and then silent. By itself, because at this pace a minute goes by."""

from __future__ import annotations

from tests.integration.mongo.followed import Followed, integration, tenant
from tests.lab.mongod import LabReplicaSet
from tests.lab.proxy import Proxy
from zpmd.settings import Mongo


def test_a_wire_that_is_slow_by_two_seconds_is_no_reason_to_be_away() -> None:
    username = "reader"
    server = LabReplicaSet(1, auth=True)
    wire = Proxy(server.members[0].address)
    server.hosts = (wire.address,)
    try:
        server.start()
        server.fill("tenants", [tenant("acme", 1)])
        server.fill("integrations", [integration("acme", 1)])
        password = server.members[0].folder / "password"
        server.members[0].add_user(username, "s3cret/pa%ss", {"role": "read", "db": "zona"})
        password.write_text("s3cret/pa%ss\n")
        access = Mongo(
            hosts=(wire.address,), timeout_seconds=3.0, poll_seconds=0.5, username=username, password_file=password
        )
        with Followed(access) as followed:
            wire.slow(2.0)
            followed.has("splunk-acme-1", timeout_seconds=60)
            server.members[0].fill("integrations", [integration("acme", 2)])
            followed.has("splunk-acme-2", timeout_seconds=60)
            wire.hang()
            followed.gone("does not answer")
            wire.calm()
            followed.has("splunk-acme-2")
    finally:
        wire.close()
        server.close()
