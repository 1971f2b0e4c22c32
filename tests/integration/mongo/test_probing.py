"""`connection_status` on real mongods: what is found, and what is written of it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from uuid import UUID

import pytest
from bson import Binary, ObjectId
from loguru import logger

from tests.lab.eventually import eventually
from tests.lab.mongod import DATABASE, LabMongod, LabReplicaSet, free_port
from zpmd.daemon.clock import SystemClock
from zpmd.model.secret import Secret
from zpmd.model.tenant import Connection, Rows, Status, Tenant, TenantBackup, TenantDB
from zpmd.sources.mongo.connections import MongoConnections
from zpmd.sources.mongo.direct import Access
from zpmd.sources.mongo.probes import Database, probe
from zpmd.sources.mongo.probing import AT_ONCE, WRITTEN_SECONDS, Prober, Write

CONNECTED, DISCONNECTED, ERROR = Connection.CONNECTED, Connection.DISCONNECTED, Connection.ERROR
PLANTED = "planted-secret"
ACCESS = Access(timeout_seconds=2.0)
SETTLES_SECONDS = 60.0


@pytest.fixture(scope="module")
def guarded() -> Iterator[LabMongod]:
    mongod = LabMongod(auth=True)
    mongod.start()
    mongod.add_user("tenant", PLANTED, "readWriteAnyDatabase")
    yield mongod
    mongod.close()


@pytest.fixture
def said() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="TRACE")
    yield lines
    logger.remove(sink)


class Probing:
    """A prober at work, and all that it wrote. What the rows are can change at any time."""

    def __init__(self, rows: Rows, write: Write | None = None, probe_seconds: float = 1.0) -> None:
        self.rows = rows
        self.written: list[tuple[str, Connection]] = []
        self.instants: dict[str, list[float]] = {}
        self.threads = 0
        self._write = write
        self._stop = threading.Event()
        self.prober = Prober(lambda: self.rows, self.note, ACCESS, probe_seconds, SystemClock())
        self._thread = threading.Thread(target=self.prober.watch, args=(lambda reason: None, self._stop), daemon=True)
        self._thread.start()

    def note(self, collection: str, row: str, connection: Connection) -> None:
        self.threads = max(self.threads, threading.active_count())
        if self._write is not None:
            self._write(collection, row, connection)
        self.instants.setdefault(f"{collection}/{row}", []).append(time.monotonic())
        self.written.append((f"{collection}/{row}", connection))

    def until(self, state: Callable[[], object], what: str = "") -> None:
        eventually(state, SETTLES_SECONDS, what)

    def rounds(self, number: int) -> None:
        """So many more probes of every database, on average, have ended."""
        goal = self.prober.probes + number * len(self.rows.tenants)
        self.until(lambda: self.prober.probes >= goal, "so many rounds")

    def close(self) -> None:
        self._stop.set()
        self._thread.join(SETTLES_SECONDS)
        assert not self._thread.is_alive()


@pytest.fixture
def probing() -> Iterator[Callable[..., Probing]]:
    with ExitStack() as stack:

        def begin(rows: Rows, write: Write | None = None, probe_seconds: float = 1.0) -> Probing:
            begun = Probing(rows, write, probe_seconds)
            stack.callback(begun.close)
            return begun

        yield begin


def tenant(number: int, host: str, password: str = PLANTED, shown: Connection = Connection.UNKNOWN) -> Tenant:
    return Tenant(
        id=number,
        name=f"t{number}",
        tenantcode=f"t{number}",
        status=Status.ACTIVE,
        db_host=host,
        db_username="tenant",
        db_password=Secret(password),
        db_name=f"own-{number}",
        connection_status=shown,
        row=str(number),
    )


def database(host: str, **fields: str) -> Database:
    password = Secret(fields.pop("password", ""))
    return Database(hosts=host, password=password, **fields)


def test_a_database_that_lets_its_user_in_is_connected(guarded: LabMongod) -> None:
    found = probe(database(guarded.address, username="tenant", password=PLANTED, name="own"), ACCESS)
    assert (found.connection, found.why) == (CONNECTED, "")


def test_one_of_several_hosts_is_enough(guarded: LabMongod) -> None:
    hosts = f"127.0.0.1:{free_port()}, {guarded.address}"
    assert probe(database(hosts, username="tenant", password=PLANTED, name="own"), ACCESS).connection is CONNECTED


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"username": "tenant", "password": f"not-{PLANTED}", "name": "own"}, "Authentication failed."),
        ({"username": "nobody", "password": PLANTED, "name": "own"}, "Authentication failed."),
        ({"name": "own"}, "command listCollections requires authentication"),
        ({"username": "tenant", "name": "own"}, "a user without a password"),
        ({"username": "tenant", "password": "\u00ad", "name": "own"}, "string index out of range"),
        ({"username": "tenant", "password": f"{PLANTED}\u0007", "name": "own"}, "prohibited character"),
        ({"username": "tenant", "password": PLANTED, "name": "no such name"}, "database names cannot contain"),
    ],
)
def test_a_database_that_answers_and_refuses_is_an_error(guarded: LabMongod, fields: dict[str, str], why: str) -> None:
    found = probe(database(guarded.address, **fields), ACCESS)
    assert found.connection is ERROR
    assert why in found.why
    assert PLANTED not in found.why


def test_a_member_that_was_never_initiated_is_an_error() -> None:
    mongod = LabMongod(replica_set="rs0")
    try:
        mongod.start()
        found = probe(database(mongod.address, name="own"), ACCESS)
    finally:
        mongod.close()
    assert found.connection is ERROR
    assert "neither primary nor secondary" in found.why


def test_a_secondary_is_connected() -> None:
    rs = LabReplicaSet(2)
    try:
        rs.start()
        assert probe(database(rs.secondaries()[0].address, name="own"), ACCESS).connection is CONNECTED
    finally:
        rs.close()


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such-host.invalid", "127.0.0.1:99999", "a b", ",", "[::1"])
def test_what_nobody_answers_at_is_never_connected_and_never_raises(host: str) -> None:
    assert probe(database(host, username="u", password=PLANTED), ACCESS).connection in (DISCONNECTED, ERROR)


def test_a_uri_in_the_place_of_a_host_is_not_repeated() -> None:
    found = probe(database(f"mongodb://u:{PLANTED}@127.0.0.1:1/own"), ACCESS)
    assert (found.connection, found.why) == (ERROR, "its db_host is no list of host[:port]")


def test_a_frozen_database_is_disconnected(guarded: LabMongod) -> None:
    guarded.pause()
    try:
        found = probe(database(guarded.address, username="tenant", password=PLANTED, name="own"), ACCESS)
    finally:
        guarded.resume()
    assert found.connection is DISCONNECTED
    assert PLANTED not in found.why


def test_hundreds_of_tenants_are_probed_by_few_threads_and_written_once(
    guarded: LabMongod, said: list[str], probing: Callable[..., Probing]
) -> None:
    core = guarded.direct[DATABASE]
    core["tenants"].drop()
    dead = f"127.0.0.1:{free_port()}"
    expected = {n: DISCONNECTED if n % 10 == 3 else ERROR if n % 10 == 7 else CONNECTED for n in range(200)}
    rows = []
    for n, connection in expected.items():
        password = f"not-{PLANTED}-{n}" if connection is ERROR else PLANTED
        rows.append(tenant(n, dead if connection is DISCONNECTED else guarded.address, password))
    core["tenants"].insert_many([{"_id": n, "connection_status": "", "kept": n} for n in expected])
    at_work = probing(Rows(tenants=tuple(rows)), MongoConnections(guarded.direct, DATABASE, 5.0).write)
    at_work.until(lambda: len(at_work.instants) >= len(expected), "every row is written")
    at_work.rounds(2)
    found = {d["_id"]: d for d in core["tenants"].find({})}
    assert found == {n: {"_id": n, "connection_status": str(c), "kept": n} for n, c in expected.items()}
    assert sorted(at_work.instants) == sorted(f"tenants/{n}" for n in expected)
    # nobody reads the rows here, so what was written is not seen, and is written once more after that time alone
    gaps = [b - a for instants in at_work.instants.values() for a, b in itertools.pairwise(instants)]
    assert [gap for gap in gaps if gap < WRITTEN_SECONDS - 1.0] == []
    assert at_work.threads < 5 * AT_ONCE
    assert [line for line in said if PLANTED in line] == []


@pytest.mark.parametrize("identity", [7, "7", "a row", ObjectId(), Binary.from_uuid(UUID(int=7)), 2**40])
def test_a_row_is_found_by_the_text_of_its_id(guarded: LabMongod, identity: object) -> None:
    rows = guarded.direct[DATABASE]["tenant_dbs"]
    rows.delete_many({})
    rows.insert_many([{"_id": identity}, {"_id": "another"}])
    text = str(identity.as_uuid()) if isinstance(identity, Binary) else str(identity)
    MongoConnections(guarded.direct, DATABASE, 5.0).write("tenant_dbs", text, ERROR)
    assert rows.find_one({"_id": identity}) == {"_id": identity, "connection_status": "error"}
    assert rows.find_one({"_id": "another"}) == {"_id": "another"}


def test_what_a_row_says_already_is_not_written(guarded: LabMongod, probing: Callable[..., Probing]) -> None:
    at_work = probing(Rows(tenants=(tenant(1, guarded.address, shown=CONNECTED), tenant(2, guarded.address, "wrong"))))
    at_work.until(lambda: at_work.written == [("tenants/2", ERROR)])
    at_work.rounds(3)
    assert at_work.written == [("tenants/2", ERROR)]


def test_a_database_that_goes_and_comes_is_written_twice(probing: Callable[..., Probing]) -> None:
    mongod = LabMongod()
    try:
        mongod.start()
        row = replace(tenant(1, mongod.address), db_username="", db_password=Secret())
        at_work = probing(Rows(tenants=(row,)))
        at_work.until(lambda: at_work.written == [("tenants/1", CONNECTED)])
        mongod.kill()
        at_work.until(lambda: at_work.written[1:] == [("tenants/1", DISCONNECTED)])
        mongod.start()
        at_work.until(lambda: at_work.written[2:] == [("tenants/1", CONNECTED)])
    finally:
        mongod.close()


def test_databases_and_backups_have_rows_of_their_own(guarded: LabMongod, probing: Callable[..., Probing]) -> None:
    base = tenant(1, guarded.address)
    fields = {name: getattr(base, name) for name in base.__dataclass_fields__}
    rows = Rows(tenants=(base,), databases=(TenantDB(**fields),), backups=(TenantBackup(**fields),))
    at_work = probing(rows)
    subjects = {"tenants/1", "tenant_dbs/1", "tenant_backups/1"}
    at_work.until(lambda: {subject for subject, _ in at_work.written} == subjects)
    assert at_work.prober.counts() == {CONNECTED: 3}


def test_changed_rows_are_probed_long_before_their_turn(guarded: LabMongod, probing: Callable[..., Probing]) -> None:
    at_work = probing(Rows(tenants=(tenant(1, guarded.address, "wrong"),)), probe_seconds=3600.0)
    at_work.until(lambda: at_work.written == [("tenants/1", ERROR)])
    at_work.rows = Rows(tenants=(tenant(1, guarded.address),))
    at_work.until(lambda: at_work.written[1:] == [("tenants/1", CONNECTED)])


def test_what_could_not_be_written_is_written_later(guarded: LabMongod, probing: Callable[..., Probing]) -> None:
    away = threading.Event()
    tried: list[str] = []

    def write(collection: str, row: str, connection: Connection) -> None:
        tried.append(row)
        if not away.is_set():
            raise ConnectionError("away")

    at_work = probing(Rows(tenants=(tenant(1, guarded.address),)), write)
    at_work.until(lambda: len(tried) >= 2, "tried more than once")
    away.set()
    at_work.until(lambda: at_work.written == [("tenants/1", CONNECTED)])
