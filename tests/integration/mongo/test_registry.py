"""The rows of a real MongoDB, whatever happens to it: they are read, they stand while it is away, and it comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from bson import encode
from bson.raw_bson import RawBSONDocument
from loguru import logger
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.write_concern import WriteConcern

from tests.integration.mongo.followed import Followed, integration, tenant
from tests.lab.eventually import eventually, settled
from tests.lab.mongod import LabMongod, LabReplicaSet
from zpmd.daemon.clock import SystemClock
from zpmd.model.tenant import IntegrationKey, PortLease
from zpmd.settings import Mongo
from zpmd.sources.mongo.client import deployment
from zpmd.sources.mongo.streams import Follower, Heard, Scope, What

BOTH = ("splunk-acme-1", "jira-globex-2")
CHANGE_STREAM_HISTORY_LOST = 286


def settings(*hosts: str, **fields: object) -> Mongo:
    return Mongo(hosts=hosts, timeout_seconds=3.0, poll_seconds=0.5, **fields)  # type: ignore[arg-type]


# where nothing is wrong


def test_a_changed_row_of_a_replica_set_is_in_the_next_reading_at_once(one_member: LabReplicaSet) -> None:
    with Followed(settings(*one_member.hosts)) as followed:
        first = followed.has(*BOTH)
        eventually(followed.registry.watching, what="a stream")
        assert followed.registry.watched() == "change stream"
        for number in range(10, 20):
            one_member.shared.zona.integrations.with_options(write_concern=WriteConcern("majority")).insert_one(
                integration("acme", number)
            )
            followed.read(lambda r, n=number: any(i.integration_id == n for i in r.rows.integrations))  # type: ignore[misc]
        assert followed.registry.reading() is not first


def test_a_standalone_is_polled_and_says_so(standalone: LabMongod) -> None:
    with Followed(settings(standalone.address)) as followed:
        first = followed.has(*BOTH)
        said = "polling every 0.5 s: a standalone MongoDB has no change streams"
        eventually(lambda: followed.registry.watched() == said and followed.registry.watching(), what=said)
        standalone.direct.zona.integrations.update_one({"integration_id": 1}, {"$set": {"serviceName": "qradar"}})
        assert followed.has("qradar-acme-1", BOTH[1]) is not first


def test_a_reading_is_the_same_object_and_wakes_nobody_while_nothing_changed(one_member: LabReplicaSet) -> None:
    with Followed(settings(*one_member.hosts)) as followed:
        first = followed.has(*BOTH)
        eventually(followed.registry.watching, what="a stream")
        wakes = settled(lambda: followed.wakes)
        one_member.shared.zona.tenants.update_one({"id": 1}, {"$set": {"motto": "extra fields mean nothing"}})
        one_member.shared.zona.invoices.insert_one({"a": 1})
        assert settled(lambda: followed.wakes) == wakes
        assert followed.registry.reading() is first


def test_a_row_that_is_no_good_in_any_way_stops_no_other(one_member: LabReplicaSet) -> None:
    torn = RawBSONDocument(encode(integration("acme", 3, title="fooX", _id=7)).replace(b"fooX", b"foo\xff"))
    one_member.shared.zona.integrations.insert_one(torn)
    one_member.shared.zona.integrations.insert_one({"integration_id": "x", "tenantcode": "acme"})
    with Followed(settings(*one_member.hosts)) as followed:
        reading = followed.has(*BOTH)
        assert ("7", "title") in [(t.row, t.field) for t in reading.troubles]


# where MongoDB is away


def test_a_mongodb_that_starts_later_is_read_as_soon_as_it_is_there(standalone: LabMongod) -> None:
    standalone.stop()
    with Followed(settings(standalone.address)) as followed:
        assert followed.gone("does not answer") == f"does not answer at {standalone.address}: connection refused"
        assert followed.registry.reading() is None
        standalone.start()
        followed.has(*BOTH)


FAULTS = {
    "stopped": (LabMongod.stop, LabMongod.start, "does not answer"),
    "killed": (LabMongod.kill, LabMongod.start, "does not answer"),
    "frozen": (LabMongod.pause, LabMongod.resume, "does not answer"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["standalone", "one_member"])
def test_while_it_is_away_the_reading_stands_and_it_returns(
    fault: str, kind: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(kind)
    single = server.members[0] if isinstance(server, LabReplicaSet) else server
    breaks, mends, words = FAULTS[fault]
    with Followed(settings(single.address)) as followed:
        before = followed.has(*BOTH)
        breaks(single)
        said = followed.gone(words)
        assert single.address in said
        assert "\n" not in said
        assert followed.registry.reading() is before
        assert not followed.registry.watching()
        mends(single)
        followed.has(*BOTH)
        server.fill("integrations", [integration("acme", 1)])
        followed.has(BOTH[0])


def test_another_primary_is_followed(three_members: LabReplicaSet) -> None:
    with Followed(settings(*three_members.hosts)) as followed:
        followed.has(*BOTH)
        for breaks in (LabMongod.step_down, LabMongod.kill, LabMongod.pause):
            first = three_members.primary()
            breaks(first)
            three_members.primary(other_than=first)
            number = int(time.monotonic() * 1000)
            eventually(lambda n=number: written(three_members, integration("acme", n)), 30, "a write")  # type: ignore[misc]
            followed.read(lambda r, n=number: any(i.integration_id == n for i in r.rows.integrations))  # type: ignore[misc]
            first.resume()
            first.start()


def written(server: LabReplicaSet, row: dict[str, object]) -> bool:
    """Whether the row is there now; the set may be about to elect."""
    try:
        server.shared.zona.integrations.replace_one({"integration_id": row["integration_id"]}, row, upsert=True)
    except PyMongoError:
        return False
    return True


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Every line that is logged meanwhile, exceptions included."""
    lines: list[str] = []
    sink = logger.add(lines.append, level=0)  # type: ignore[arg-type]
    yield lines
    logger.remove(sink)


def test_a_wrong_password_is_told_without_it_and_a_right_one_is_taken_when_it_is_there(
    tmp_path: Path, logged: list[str]
) -> None:
    server = LabReplicaSet(1, auth=True)
    try:
        server.start()
        server.fill("tenants", [tenant("acme", 1)])
        server.fill("integrations", [integration("acme", 1)])
        server.members[0].add_user("zpmd", "right/one", {"role": "readWrite", "db": "zona"})
        file = tmp_path / "password"
        access = {"username": "zpmd", "password_file": file}
        with Followed(settings(*server.hosts, **access)) as followed:
            followed.gone(f"cannot read the password of user zpmd: {file}: No such file or directory")
            file.write_text("planted-wrong-one\n")
            assert "planted-wrong-one" not in followed.gone("refuses user zpmd")
            file.write_text("right/one\n")
            followed.has("splunk-acme-1")
            # it may not follow all databases at once, so it follows the one
            eventually(lambda: followed.registry.watched() == "change stream" and followed.registry.watching())
            server.fill("integrations", [integration("acme", 2)])
            followed.has("splunk-acme-2")
        assert any("refuses user zpmd" in line for line in logged)
        assert [line for line in logged if "planted" in line or "right/one" in line] == []
    finally:
        server.close()


def test_a_wrong_or_empty_database_removes_nothing(one_member: LabReplicaSet) -> None:
    with Followed(settings(*one_member.hosts, database="elsewhere")) as followed:
        followed.gone("has no tenants in database elsewhere: it is empty, or not the right one")
        assert followed.registry.reading() is None
        one_member.fill("tenants", [tenant("acme", 1)], "elsewhere")
        followed.read(lambda r: r.rows.tenants)
    with Followed(settings(*one_member.hosts)) as followed:
        before = followed.has(*BOTH)
        one_member.shared.zona.tenants.delete_many({})
        followed.gone("has no tenants")
        assert followed.registry.reading() is before
        one_member.fill("tenants", [tenant("acme", 1)])
        followed.read(lambda r: len(r.rows.tenants) == 1)


def test_a_set_that_is_not_initiated_is_told(tmp_path: Path) -> None:
    server = LabReplicaSet(1, initiate=False)
    try:
        server.start()
        with Followed(settings(*server.hosts)) as followed:
            followed.gone("its replica set is not initiated")
    finally:
        server.close()


# where the stream ends


def drop(server: LabReplicaSet) -> None:
    server.shared.zona.app_params.drop()


def rename(server: LabReplicaSet) -> None:
    server.shared.zona.servers.rename("old_servers")


def drop_database(server: LabReplicaSet) -> None:
    server.shared.drop_database("zona")
    server.fill("tenants", [tenant("acme", 1), tenant("globex", 2)])
    server.fill("integrations", [integration("acme", 1), integration("globex", 2, "jira")])


def test_a_history_that_is_lost_leads_to_a_new_stream_and_a_full_reading() -> None:
    server = LabReplicaSet(1, oplog_megabytes=1, options=["--syncdelay", "1"])
    try:
        server.start()
        with server.shared.watch() as stream:
            token = stream.resume_token
        assert token is not None
        eventually(lambda: forgotten(server, token), 60, "an oplog that has gone round", 0.0)
        heard: list[Heard] = []
        where = deployment(settings(*server.hosts))
        follower = Follower(Scope(where), lambda: server.shared, heard.append, 1.0, SystemClock(), token=token)
        follower.start()
        try:
            eventually(lambda: any(h.what is What.OPENED and h.everything for h in heard), what="a stream from now on")
            server.shared.zona.integrations.insert_one(integration("acme", 3))
            eventually(lambda: heard[-1].what is What.CHANGED and heard[-1].database == "zona", what="the change")
        finally:
            follower.end()
    finally:
        server.close()


def forgotten(server: LabReplicaSet, token: Mapping[str, Any]) -> bool:
    """Write a little more of what nobody follows, and see whether a stream can still begin where the token was. What is
    older than the last checkpoint may go."""
    server.shared.other.filler.insert_many([{"text": "x" * 100_000} for _ in range(20)])
    server.shared.admin.command("fsync")
    try:
        with server.shared.watch(resume_after=token) as stream:
            stream.try_next()
    except OperationFailure as error:
        return error.code == CHANGE_STREAM_HISTORY_LOST
    return False


@pytest.mark.parametrize("end", [drop, rename, drop_database], ids=lambda end: end.__name__)
def test_a_stream_that_ends_is_followed_by_a_new_one_and_a_full_reading(
    end: Callable[[LabReplicaSet], None], one_member: LabReplicaSet
) -> None:
    one_member.fill("app_params", [{"paramType": "env", "name": "A", "value": "1"}])
    one_member.fill("servers", [{"name": "one", "role": "active"}])
    with Followed(settings(*one_member.hosts)) as followed:
        followed.read(lambda r: r.rows.params and r.rows.servers)
        eventually(followed.registry.watching, what="a stream")
        end(one_member)
        followed.read(lambda r: not (r.rows.params and r.rows.servers) and len(r.rows.integrations) == 2)
        one_member.shared.zona.integrations.insert_one(integration("acme", 9))
        followed.has(*BOTH, "splunk-acme-9")


def test_integrations_that_were_dropped_or_renamed_are_unknown_and_not_gone(one_member: LabReplicaSet) -> None:
    with Followed(settings(*one_member.hosts)) as followed:
        before = followed.has(*BOTH)
        one_member.shared.zona.integrations.rename("kept_aside")
        followed.gone("has no collection integrations in database zona any more")
        assert followed.registry.reading() is before
        one_member.shared.zona.kept_aside.rename("integrations")
        assert followed.has(*BOTH) is before


# databases of tenants


def test_each_tenants_own_database_is_read_and_one_that_is_away_is_unknown_alone(one_member: LabReplicaSet) -> None:
    other = LabMongod()
    try:
        other.start()
        other.fill("integrations", [integration("globex", 5, "misp")], "globex_db")
        one_member.fill("integrations", [integration("acme", 3)], "acme_db")
        rows = [
            tenant("acme", 1, db_name="acme_db"),
            tenant("globex", 2, db_name="globex_db", db_host=other.address),
            tenant("initech", 3, db_name="x", db_host="no host"),
            tenant("umbrella", 4),
        ]
        one_member.fill("tenants", rows)
        one_member.fill("integrations", [integration("acme", 1), integration("umbrella", 4, "jira")])
        with Followed(settings(*one_member.hosts, mode="mssp")) as followed:
            reading = followed.has("splunk-acme-3", "misp-globex-5", "jira-umbrella-4")
            assert reading.rows.unknown == (("initech", "db_host is no list of host[:port]"),)
            other.kill()
            followed.has("splunk-acme-3", "jira-umbrella-4")
            said = f"does not answer at {other.address}: connection refused"
            followed.read(lambda r: dict(r.rows.unknown).get("globex") == said)
            one_member.fill("integrations", [integration("acme", 4)], "acme_db")
            followed.has("splunk-acme-4", "jira-umbrella-4")
            other.start()
            followed.has("splunk-acme-4", "misp-globex-5", "jira-umbrella-4")
            other.fill("integrations", [integration("globex", 6, "misp")], "globex_db")
            followed.has("splunk-acme-4", "misp-globex-6", "jira-umbrella-4")
    finally:
        other.close()


# the record of ports


def lease(code: str, number: int, port: int) -> PortLease:
    return PortLease(key=IntegrationKey(code, number), port=port, leased_at=1.0)


def test_the_record_of_ports_follows_the_leases_also_when_mongodb_was_away(one_member: LabReplicaSet) -> None:
    one_member.fill("integration_ports", [{"tenantcode": "acme", "integration_id": "1", "port": 9100}])
    found = one_member.shared.zona.integration_ports

    def ports() -> list[tuple[object, object, object]]:
        return sorted((row["tenantcode"], int(row["integration_id"]), row["port"]) for row in found.find())

    with Followed(settings(*one_member.hosts)) as followed:
        followed.has(*BOTH)
        followed.registry.record_ports([lease("acme", 1, 9101), lease("globex", 2, 9102)], [])
        eventually(lambda: ports() == [("acme", 1, 9101), ("globex", 2, 9102)], what="both ports")
        one_member.members[0].stop()
        followed.gone("does not answer")
        followed.registry.record_ports([lease("acme", 1, 9103)], [IntegrationKey("globex", 2)])
        one_member.members[0].start()
        eventually(lambda: ports() == [("acme", 1, 9103)], 30, "the later ports")
        followed.read(lambda r: [p.port for p in r.rows.ports] == [9103])
