"""What every store keeps, and how. One suite for all of them."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

from tests.contracts.stores import Open
from zpmd.model.container import Container, Healthcheck, Mount, MountKind
from zpmd.model.events import Entry, Lines, Result
from zpmd.model.memory import Attempt, Down, Hold, Memory, Revision, Tried, Verdict
from zpmd.model.observed import Change, ContainerLimits, Dossier, Neighbour, Slot
from zpmd.model.secret import Secret
from zpmd.model.service import Dependency, Desired, Group, NetworkSpec, ServiceData, VolumeSpec
from zpmd.model.tenant import (
    Connection,
    Integration,
    IntegrationKey,
    Param,
    PortLease,
    PortRow,
    Rows,
    Server,
    Status,
    Tenant,
    TenantBackup,
    TenantDB,
)
from zpmd.ports import Store

REDIS = ServiceData(
    name="redis",
    group=Group.SYSTEM,
    container=Container(
        image="redis:7",
        command=("redis-server", "--save", ""),
        environment=(("HTTP_PROXY", None), ("MODE", "ünïcode")),
        healthcheck=Healthcheck(test=("CMD", "redis-cli", "ping"), interval_seconds=0.5),
        mounts=(Mount(kind=MountKind.VOLUME, source="zpmd_redis", target="/data"),),
    ),
    replicas=2,
    depends_on=(Dependency(service="mongo_metadb"),),
)
DESIRED = Desired(
    services=(REDIS,),
    volumes=(VolumeSpec(name="zpmd_redis", driver_opts=(("o", "addr=10.0.0.1"), ("type", "nfs"))),),
    networks=(NetworkSpec(name="zpmd_default", enable_ipv6=False),),
)
ACME = Tenant(id=7, name="Acme", tenantcode="acme", status=Status.ACTIVE, db_password=Secret("hunter2"), row="65f0")
SPLUNK = Integration(integration_id=7, tenantcode="acme", service_name="splunk", status=Status.ACTIVE, row="65f1")
ROWS = Rows(
    tenants=(ACME,),
    databases=(TenantDB(id=7, name="Acme", tenantcode="acme", status=Status.SUSPENDED, uuid="u-1"),),
    backups=(TenantBackup(id=7, name="Acme", tenantcode="acme", status=Status.INACTIVE, uuid="u-2"),),
    integrations=(SPLUNK,),
    params=(Param(build_name="splunk", values=(("MODE", "ünïcode"),), secrets=(("TOKEN", Secret("t0ken")),)),),
    servers=(Server(name="vm1", role="active", vms=("service", "database"), db_host="10.0.0.1:27017"),),
    ports=(PortRow(key=SPLUNK.key, port=9100),),
    unknown=(("globex", "its database did not answer"),),
)
LEASE = PortLease(key=SPLUNK.key, port=9100, leased_at=5.25)


def note(text: str, service: str = "redis", at: float = 1.0) -> Entry:
    return Entry(id=0, at=at, kind="note", verb="note", subject=service, service=service, text=text)


def test_the_owner_is_made_once_and_kept(reopen: Open) -> None:
    owner = reopen().owner()
    assert len(owner) == 12
    assert reopen().owner() == owner


def test_a_new_store_remembers_nothing(store: Store) -> None:
    assert store.memory() == Memory()
    assert store.journal() == ()
    assert store.last_good("files") is None
    assert store.dossiers("redis") == ()


def test_operator_intent_is_there_at_once_and_after_a_restart(reopen: Open) -> None:
    store = reopen()
    hold = Hold(service="*", owner="uid:0(root)", reason="disk swap", since=5.0, until=90.5)
    store.set_stopped("redis", True)
    store.set_stopped("kafka", True)
    store.set_stopped("kafka", False)
    store.set_scale("zona_user", 0)
    store.set_scale("zona_siem", 4)
    store.set_scale("zona_siem", None)
    assert [store.raise_generation("redis"), store.raise_generation("redis")] == [1, 2]
    store.hold(Hold(service="*", owner="somebody", reason="old", since=1.0))
    store.hold(hold)
    store.approve(["gone", "lost"])
    store.set_down(Down.VOLUMES)
    for memory in (store.memory(), reopen().memory()):
        assert memory.intent.stopped == {"redis"}
        assert dict(memory.intent.scaled) == {"zona_user": 0}
        assert dict(memory.intent.generations) == {"redis": 2}
        assert memory.intent.holds == (hold,)
        assert memory.intent.approved == {"gone", "lost"}
        assert memory.intent.down is Down.VOLUMES


def test_a_generation_is_raised_above_what_containers_carry(store: Store) -> None:
    assert store.raise_generation("redis", above=7) == 8
    assert store.raise_generation("redis", above=3) == 9


def test_an_approval_can_end_and_leaves_other_intent_alone(store: Store) -> None:
    store.approve({"redis", "kafka"})
    store.set_stopped("redis", True)
    store.disapprove({"redis"})
    intent = store.memory().intent
    assert (intent.approved, intent.stopped) == ({"kafka"}, {"redis"})


def test_a_release_tells_whether_there_was_a_hold(store: Store) -> None:
    store.hold(Hold(service="redis", owner="me", reason="", since=1.0))
    assert store.release("redis")
    assert not store.release("redis")
    assert store.memory().intent.holds == ()


def test_attempts_verdicts_hooks_and_pulls_are_kept(reopen: Open) -> None:
    store = reopen()
    attempt = Attempt(tried=Tried.START, count=3, at=7.25, spec="1:abc", generation=1, failed=True, error="no space")
    revision = Revision(
        service="redis", stable=REDIS, judged="1:abc", verdict=Verdict.FAILED, generation=2, at=9.0, reason="unhealthy"
    )
    store.attempt(Slot("redis", 1), attempt)
    store.attempt(Slot("redis", 2), attempt)
    store.attempt(Slot("redis", 2), None)
    store.judge(revision)
    store.hooked("c1", 1.0)
    store.hooked("c1", 2.0)
    store.pulled("redis:7", 8.0)
    for memory in (store.memory(), reopen().memory()):
        assert dict(memory.attempts) == {Slot("redis", 1): attempt}
        assert dict(memory.revisions) == {"redis": revision}
        assert memory.hooked == {("c1", 2.0)}
        assert dict(memory.pulls) == {"redis:7": 8.0}


def test_a_memory_once_given_does_not_change(store: Store) -> None:
    before = store.memory()
    assert store.memory() is before, "an unchanged memory costs nothing"
    store.set_scale("redis", 3)
    store.hooked("c1", 1.0)
    assert before == Memory()
    assert store.memory() != before


def test_what_has_left_is_forgotten_and_the_rest_stays(reopen: Open) -> None:
    store = reopen()
    attempt = Attempt(tried=Tried.RUN, count=0, at=1.0, spec="1:a", generation=0)
    for name in ("stays", "leaves"):
        store.set_stopped(name, True)
        store.set_scale(name, 2)
        store.raise_generation(name)
        store.attempt(Slot(name, 1), attempt)
        store.judge(Revision(service=name))
        store.hold(Hold(service=name, owner="me", reason="", since=1.0))
        store.hooked(f"container of {name}", 1.0)
    store.hold(Hold(service="*", owner="me", reason="", since=1.0))
    store.approve(["leaves"])
    store.forget({"stays"}, {"container of stays"})
    for memory in (store.memory(), reopen().memory()):
        assert memory.intent.stopped == {"stays"}
        assert set(memory.intent.scaled) == set(memory.intent.generations) == {"stays"}
        assert [h.service for h in memory.intent.holds] == ["*", "stays"]
        assert memory.intent.approved == frozenset()
        assert set(memory.attempts) == {Slot("stays", 1)}
        assert set(memory.revisions) == {"stays"}
        assert memory.hooked == {("container of stays", 1.0)}


def test_a_journal_entry_comes_back_as_it_was_and_gets_its_outcome(reopen: Open) -> None:
    store = reopen()
    entry = Entry(
        id=99,
        at=3.5,
        kind="action",
        verb="start",
        subject="redis/1",
        service="redis",
        code="died",
        text="exited with 137",
        attempt=2,
    )
    number = store.begin(entry)
    (begun,) = store.journal()
    assert begun.id == number
    assert begun.result is None
    store.finish(number, Result.TRANSIENT, "engine is busy", 0.25, "c1")
    (ended,) = reopen().journal()
    assert ended == Entry(
        id=number,
        at=3.5,
        kind="action",
        verb="start",
        subject="redis/1",
        service="redis",
        code="died",
        text="exited with 137",
        attempt=2,
        result=Result.TRANSIENT,
        detail="engine is busy",
        seconds=0.25,
        container_id="c1",
    )


def test_the_journal_is_asked_by_service_id_time_and_number(store: Store) -> None:
    ids = [store.begin(note(f"n{n}", service=("redis", "kafka")[n % 2], at=float(n))) for n in range(10)]

    def texts(**question: object) -> list[str]:
        return [e.text for e in store.journal(**question)]  # type: ignore[arg-type]

    assert texts(limit=3) == ["n7", "n8", "n9"]
    assert texts(service="kafka", limit=2) == ["n7", "n9"]
    assert texts(since_id=ids[7]) == ["n8", "n9"]
    assert texts(since=8.0, service="redis") == ["n8"]
    assert texts(service="nobody") == []


def test_lines_of_the_journal_are_asked_in_every_way_from_either_end(store: Store) -> None:
    ids = [
        store.begin(replace(note(f"n{n}", at=float(n)), kind=("action", "note")[n % 2], code=f"c{n % 3}", actor="ann"))
        for n in range(10)
    ]

    def texts(**question: object) -> str:
        return "".join(e.text for e in store.lines(Lines(**question)))  # type: ignore[arg-type]

    assert texts(limit=2) == "n8n9"
    assert texts(limit=2, oldest=True) == "n0n1"
    assert texts(after=ids[3], limit=2, oldest=True) == "n4n5"
    assert texts(before=ids[3], limit=2) == "n1n2"
    assert texts(since=7.0, until=9.0) == "n7n8"
    assert texts(kind="note", code="c0") == "n3n9"
    assert texts(actor="ann", service="redis", limit=1) == "n9"
    assert texts(actor="bob") == ""


def test_the_journal_is_bounded_and_ids_go_on_rising(store: Store) -> None:
    last = 0
    for number in range(1200):
        last = store.begin(note(str(number)))
    kept = store.journal(limit=5000)
    assert 1000 <= len(kept) < 1064
    assert kept[-1].id == last
    assert kept[-1].text == "1199"


def test_the_noise_of_one_service_does_not_push_out_what_others_said(store: Store) -> None:
    kept_back = [store.begin(note(f"of {name}", service=name)) for name in ("redis", "kafka", "") for _ in range(50)]
    for number in range(2000):
        store.begin(note(str(number), service="noisy"))
    counts = Counter(e.service for e in store.journal(limit=5000))
    assert {name: counts[name] for name in ("redis", "kafka", "")} == {"redis": 50, "kafka": 50, "": 50}
    assert 850 <= counts["noisy"] < 914
    assert [e.id for e in store.journal(limit=5000)][:150] == kept_back
    assert store.journal(service="noisy", limit=1)[0].text == "1999"


def test_what_is_older_than_the_weeks_goes_a_little_at_a_time(store: Store) -> None:
    week = 7 * 86_400.0
    for number in range(300):
        store.begin(note(f"old {number}", at=1000.0 + number))
    for number in range(64):
        store.begin(note(f"young {number}", at=1000.0 + 9 * week))
    assert sum(e.text.startswith("old") for e in store.journal(limit=1000)) == 300 - 256
    for number in range(64):
        store.begin(note(f"younger {number}", at=1000.0 + 9 * week))
    assert [e for e in store.journal(limit=1000) if e.text.startswith("old")] == []


def test_a_line_is_told_how_the_old_one_ended_and_when_the_new_one_was_ready(reopen: Open) -> None:
    store = reopen()
    stop, run = store.begin(note("stop")), store.begin(note("run"))
    store.finish(stop, Result.OK, "", 0.4, "c1", exit_code=143, lived_seconds=777_600.0)
    store.finish(run, Result.OK, "", 0.3, "c2")
    store.ready(run, 2.1)
    store.ready(12345, 1.0)
    told = [(e.exit_code, e.lived_seconds, e.ready_seconds) for e in reopen().journal()]
    assert told == [(143, 777_600.0, None), (None, None, 2.1)]


def test_dossiers_of_all_services_come_newest_first_and_bounded(reopen: Open) -> None:
    store = reopen()
    for number, service in enumerate(("redis", "kafka", "redis", "web")):
        store.keep_dossier(
            Dossier(
                service=service,
                slot=1,
                container_id=f"c{number}",
                at=float(number),
                limits=ContainerLimits(memory_bytes=1 << 28, cpus=0.5),
                changes=(Change(at=1.0, text="stop redis: it is to be stopped", actor="root"),),
                dependencies=(Neighbour(service="kafka", state="crash-loop", ready=0, desired=1),),
            )
        )
    store = reopen()
    assert [d.container_id for d in store.dossiers(None)] == ["c3", "c2", "c1", "c0"]
    assert [d.container_id for d in store.dossiers(None, 2)] == ["c3", "c2"]
    assert [d.container_id for d in store.dossiers("redis", 1)] == ["c2"]
    (newest,) = store.dossiers(None, 1)
    assert (newest.limits, len(newest.changes), newest.dependencies[0].state) == (
        ContainerLimits(memory_bytes=1 << 28, cpus=0.5), 1, "crash-loop",
    )  # fmt: skip


def test_the_last_ten_dossiers_of_a_service_are_kept_newest_first(reopen: Open) -> None:
    store = reopen()
    for number in range(12):
        store.keep_dossier(
            Dossier(service="redis", slot=1, container_id=f"c{number}", at=float(number), log_tail=("a", "\x1bb"))
        )
    store.keep_dossier(Dossier(service="kafka", slot=1, container_id="k", at=1.0, exit_code=137, oom_killed=True))
    kept = reopen().dossiers("redis")
    assert [d.container_id for d in kept] == [f"c{n}" for n in range(11, 1, -1)]
    assert kept[0].log_tail == ("a", "\x1bb")


def test_the_last_known_good_comes_back_equal(reopen: Open) -> None:
    store = reopen()
    store.keep_good("files", Desired())
    store.keep_good("files", DESIRED)
    assert reopen().last_good("files") == DESIRED
    assert reopen().last_good("rows") is None


def test_the_last_known_good_follows_services_that_come_change_and_go(reopen: Open) -> None:
    store = reopen()
    kafka = replace(REDIS, name="kafka", group=Group.CORE)
    app = replace(REDIS, name="app", group=Group.APP)
    versions = [
        Desired(services=(REDIS, kafka, app), retired=(("splunk-acme-7", "row 65f1 says inactive"),)),
        Desired(services=(REDIS, replace(kafka, replicas=5), app), retired=(("splunk-acme-7", "row 65f1"),)),
        Desired(services=(kafka,), held=(("app", "its row has vanished"),)),
        Desired(services=(app, replace(app, name="brand-new"))),
        Desired(complete=False, project="other"),
        DESIRED,
    ]
    for version in versions:
        store.keep_good("files", version)
        store.keep_good("integrations", DESIRED)
        assert store.last_good("files") == version
        store = reopen()
        assert store.last_good("files") == version
        assert store.last_good("integrations") == DESIRED


def test_nothing_is_known_of_tenants_at_first(store: Store) -> None:
    assert store.last_rows() is None
    assert dict(store.leases()) == {}
    assert dict(store.connections()) == {}


def test_the_rows_that_counted_come_back_equal_with_their_secrets(reopen: Open) -> None:
    store = reopen()
    store.keep_rows(Rows())
    assert store.last_rows() == reopen().last_rows() == Rows()
    store = reopen()
    store.keep_rows(ROWS)
    kept = reopen().last_rows()
    assert kept == ROWS
    assert kept.tenants[0].db_password.value == "hunter2"
    assert isinstance(kept.ports[0].key, IntegrationKey)
    without = replace(ROWS, integrations=(), unknown=())
    reopen().keep_rows(without)
    assert reopen().last_rows() == without


def test_leases_are_kept_replaced_and_forgotten(reopen: Open) -> None:
    store = reopen()
    other = PortLease(key=IntegrationKey("globex", 7), port=9101, leased_at=6.0)
    store.keep_leases([LEASE, other], [])
    released = replace(LEASE, released_at=9.5)
    before = store.leases()
    store.keep_leases([released], [other.key, IntegrationKey("nobody", 1)])
    assert dict(before) == {LEASE.key: LEASE, other.key: other}, "what was once given does not change"
    for leases in (store.leases(), reopen().leases()):
        assert dict(leases) == {LEASE.key: released}
    reopen().keep_leases([LEASE], [LEASE.key])
    assert dict(reopen().leases()) == {LEASE.key: LEASE}, "forgetting comes first"


def test_probed_connections_are_kept_by_row(reopen: Open) -> None:
    store = reopen()
    store.keep_connection("tenant_dbs/65f2", Connection.CONNECTED)
    store.keep_connection("tenant_dbs/65f3", Connection.ERROR)
    store.keep_connection("tenant_dbs/65f2", Connection.DISCONNECTED)
    for connections in (store.connections(), reopen().connections()):
        assert dict(connections) == {
            "tenant_dbs/65f2": Connection.DISCONNECTED,
            "tenant_dbs/65f3": Connection.ERROR,
        }


def test_the_salt_is_made_once_and_kept(reopen: Open) -> None:
    salt = reopen().salt()
    assert salt
    assert reopen().salt() == salt


def test_many_threads_lose_nothing(store: Store) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(8)

    def work(worker: int) -> None:
        try:
            start.wait()
            for number in range(50):
                entry = store.begin(note("x", service=f"s{worker}"))
                store.raise_generation("shared")
                store.hooked(f"{worker}-{number}", 1.0)
                store.finish(entry, Result.OK, "", 0.1, "c")
                store.memory()
                store.journal(service=f"s{worker}", limit=5)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.memory().intent.generations["shared"] == 400
    assert len(store.memory().hooked) == 400
    assert all(e.result is Result.OK for e in store.journal(limit=1000))
