"""Every write through the API has its row, before its answer."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

import httpx

from tests.unit.interfaces.conftest import Ctl
from tests.unit.interfaces.given import Surface
from tests.unit.interfaces.test_api import ME
from zpmd.interfaces.rest.access import RULES
from zpmd.model.audit import Head, Link, Record, verify
from zpmd.model.cause import Cause, Code
from zpmd.model.plan import Plan, Waiting


def database(surface: Surface) -> Path:
    return surface.socket.with_name("zpmd.db")


def rows(surface: Surface) -> list[Record]:
    return [row.record for row in surface.recorder.audit.rows(0, 1000)]


def test_a_write_is_recorded_with_who_what_before_after_and_outcome(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    api.post("/v1/services/redis/stop")
    api.post("/v1/services/redis/scale", json={"replicas": 3})
    stop, scale = rows(surface)
    assert (stop.actor, stop.address, stop.token) == (ME, "unix", "")
    assert stop.scopes == ("admin", "deploy", "operate", "read")
    assert (stop.method, stop.route, stop.subject) == ("POST", "/v1/services/{name}/stop", "redis")
    assert (stop.before, stop.after, stop.status, stop.code) == ({}, {"stopped": True}, 202, "")
    assert (scale.before, scale.after) == ({"stopped": True}, {"stopped": True, "scale": 3})
    assert [entry.id for entry in surface.store.journal()] == [*stop.journal, *scale.journal]


def test_what_is_asked_and_not_done_is_recorded_too(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    answers = [
        api.post("/v1/services/reddis/stop"),
        api.post("/v1/approve"),
        api.post("/v1/services/redis/scale", json={"replicas": -1}),
        api.post("/service/stop", json={"serviceName": "redis"}),
        api.post("/v1/down"),
        api.post("/v1/services/redis/start"),
        api.post("/v1/patches/h/revert"),
    ]
    assert [(r.status, r.code) for r in rows(surface)] == [
        (404, "not-found"),
        (409, "refused"),
        (422, "invalid"),
        (200, ""),
        (202, ""),
        (409, "refused"),
        (404, "not-found"),
    ]
    assert [a.status_code for a in answers] == [r.status for r in rows(surface)]
    assert [r.subject for r in rows(surface)] == ["reddis", "*", "redis", "redis", "*", "redis", "patch:h"]
    assert rows(surface)[3].after == {"stopped": True}
    assert rows(surface)[4].after == {"down": "containers", "stopped": ["redis"]}


def test_what_cannot_even_be_read_is_recorded_where_it_is_known_who_asked(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    api.post("/v1/services/redis/scale", content=b"{", headers={"Content-Type": "application/json"})
    api.post("/v1/services/redis/scale", content=b"x" * (2 << 20), headers={"Content-Type": "application/json"})
    headers = {"Idempotency-Key": "once"}
    for _ in range(2):
        assert api.post("/v1/services/redis/stop", headers=headers).status_code == 202
    api.post("/nowhere")
    assert [(r.subject, r.status) for r in rows(surface)] == [("redis", 400), ("redis", 202), ("redis", 202)]
    assert rows(surface)[2].before == rows(surface)[2].after == {"stopped": True}


def test_what_happens_to_a_token_is_recorded_by_its_id_and_never_with_its_key(
    surface: Surface, api: httpx.Client
) -> None:
    made = api.post("/v1/tokens", json={"name": "ci", "scopes": ["operate"]}).json()
    key, id = made["key"], made["token"]["id"]
    surface.publish()
    headers = {"Authorization": f"Bearer {key}"}
    assert api.post("/v1/services/redis/stop", headers=headers).status_code == 202
    assert api.post("/v1/down", headers=headers).status_code == 403
    assert api.post("/v1/services/redis/stop", headers={"Authorization": "Bearer zpmd_x"}).status_code == 401
    api.post(f"/v1/tokens/{id}/revoke")
    make, stop, down, wrong, revoke = rows(surface)
    assert (make.subject, make.after) == (f"token:{id}", {"name": "ci", "scopes": ["operate"], "tenant": ""})
    assert (stop.actor, stop.token, stop.scopes, stop.status) == ("token:ci", id, ("operate",), 202)
    assert (down.kind, down.token, down.status) == ("refused", id, 403)
    assert (wrong.kind, wrong.actor, wrong.status, wrong.code) == ("refused", ME, 401, "unauthorized")
    assert (revoke.subject, revoke.after) == (f"token:{id}", {"name": "ci", "revoked": True})
    assert key not in "".join(row.body for row in surface.recorder.audit.rows(0, 100))


def test_whoever_looks_is_not_recorded(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    for path in ("/v1/status", "/v1/plan", "/metrics", "/v1/audit", "/nowhere"):
        api.get(path)
    assert rows(surface) == []


def test_every_route_that_writes_is_recorded(surface: Surface, api: httpx.Client) -> None:
    """Of the table of all routes, so that a new one is, too."""
    waiting = Waiting(subject="gone", service="gone", cause=Cause(code=Code.MASS_REMOVAL, text="held"))
    surface.publish(plan=Plan(waiting=(waiting,)))
    writes = sorted(rule for rule in RULES if not rule.startswith("GET "))
    for rule in writes:
        method, _, path = rule.partition(" ")
        api.request(method, path.replace("{name}", "redis").replace("{id}", "h"), json={})
    assert sorted(f"{r.method} {r.route}" for r in rows(surface)) == writes


def test_the_row_is_on_disk_before_the_answer(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    api.post("/v1/services/redis/stop")
    with sqlite3.connect(database(surface)) as other:
        assert other.execute("SELECT count(*) FROM audit").fetchone() == (1,)
        assert other.execute("SELECT count(*) FROM audit_begun").fetchone() == (0,)


def test_what_cannot_be_recorded_is_not_done(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    with sqlite3.connect(database(surface)) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON audit_begun BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    answer = api.post("/v1/services/redis/stop")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "store", "1")
    assert surface.store.memory().intent.stopped == frozenset()
    assert api.get("/v1/status").status_code == 200


def test_nobody_is_told_of_a_success_that_could_not_be_recorded(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    with sqlite3.connect(database(surface)) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    answer = api.post("/v1/services/redis/stop")
    assert (answer.status_code, answer.json()["code"]) == (503, "store")
    assert "cannot be recorded" in answer.json()["detail"]
    with sqlite3.connect(database(surface)) as other:
        other.execute("DROP TRIGGER full")
    api.post("/v1/services/redis/start")
    assert [(r.route.rpartition("/")[2], r.status) for r in rows(surface)] == [("stop", 202), ("start", 202)]


def test_writes_at_once_have_a_row_each_in_one_chain(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    threads = [
        threading.Thread(target=api.post, args=("/v1/services/redis/scale",), kwargs={"json": {"replicas": n}})
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    audit = surface.recorder.audit
    assert len(rows(surface)) == 12
    assert verify(audit.rows(0, 100), audit.head()) == ()


def without_a_right(surface: Surface, path: str, times: int = 1) -> set[int]:
    """Answers of the application to a write, without the server that says who is there."""

    async def ask() -> set[int]:
        transport = httpx.ASGITransport(surface.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://zpmd") as client:
            return {(await client.post(path)).status_code for _ in range(times)}

    return asyncio.run(ask())


def test_who_is_not_let_in_is_counted(surface: Surface) -> None:
    surface.publish()
    assert without_a_right(surface, "/v1/services/redis/stop", 100) == {401}
    found = rows(surface)
    assert {(r.kind, r.actor, r.status, r.route) for r in found} == {("refused", "", 401, "/v1/services/{name}/stop")}
    assert len(found) == 20


def test_the_api_tells_rows_as_they_are_kept(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    for n in range(5):
        api.post("/v1/services/redis/scale", json={"replicas": n})
    told = api.get("/v1/audit", params={"limit": 2}).json()
    assert [row["id"] for row in told["rows"]] == [4, 5]
    assert told["rows"][1]["after"] == {"scale": 4}
    assert (told["head_id"], told["head_hash"]) == (5, told["rows"][1]["hash"])
    page = api.get("/v1/audit", params={"after": 0, "limit": 3}).json()["rows"]
    assert [row["id"] for row in page] == [1, 2, 3]
    links = [Link(row["id"], row["previous"], row["hash"], row["body"]) for row in page]
    assert verify(links, Head(3, page[2]["hash"])) == ()
    assert api.get("/v1/audit", params={"limit": 0}).status_code == 422


def touch(surface: Surface, statement: str) -> None:
    with sqlite3.connect(database(surface)) as other:
        other.execute(statement)


def test_zpmctl_shows_the_rows_and_what_they_changed(surface: Surface, api: httpx.Client, ctl: Ctl) -> None:
    assert ctl("audit").out == "nobody has asked for anything yet\n"
    surface.publish()
    api.post("/v1/services/redis/stop")
    api.post("/v1/services/reddis/stop")
    without_a_right(surface, "/v1/reload")
    lines = [" ".join(line.split()) for line in ctl("audit").out.splitlines()]
    assert lines == [
        f"1 12:00:01 {ME} POST /v1/services/{{name}}/stop redis 202 stopped: - -> true",
        f"2 12:00:01 {ME} POST /v1/services/{{name}}/stop reddis 404 not-found",
        "3 12:00:01 nobody POST /v1/reload 401 refused",
    ]
    told: dict[str, Any] = json.loads(ctl("audit", "--json", "-n", "1").out)
    assert [row["id"] for row in told["rows"]] == [3]


def test_zpmctl_shows_more_rows_than_a_page_has(surface: Surface, api: httpx.Client, ctl: Ctl) -> None:
    surface.publish()
    api.post("/v1/services/redis/stop")
    (row,) = rows(surface)
    for _ in range(1100):
        surface.recorder.audit.add(row)
    told: dict[str, Any] = json.loads(ctl("audit", "--json", "-n", "1050").out)
    assert [row["id"] for row in told["rows"]] == list(range(52, 1102))
    assert ctl("audit", "--verify").out.startswith("the chain holds: 1101 rows")


def test_zpmctl_verifies_the_chain_itself(surface: Surface, api: httpx.Client, ctl: Ctl) -> None:
    surface.publish()
    for verb in ("stop", "start", "stop"):
        api.post(f"/v1/services/redis/{verb}")
    said = ctl("audit", "--verify")
    head = surface.recorder.audit.head()
    assert (said.code, said.out) == (0, f"the chain holds: 3 rows, up to 3, whose hash is {head.hash}\n")
    touch(surface, "UPDATE audit SET body = replace(body, 'stop', 'hold') WHERE id = 1")
    said = ctl("audit", "--verify")
    assert (said.code, said.err) == (1, "zpmctl: the audit was changed: row 1 was changed\n")
    assert json.loads(ctl("audit", "--verify", "--json").out)["faults"] == ["row 1 was changed"]


def test_doctor_verifies_it_as_well(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    api.post("/v1/services/redis/stop")

    def said() -> tuple[str, str]:
        (check,) = [c for c in api.get("/v1/doctor").json() if c["name"] == "audit"]
        return check["level"], check["text"]

    assert said() == ("ok", "the chain holds, up to row 1")
    touch(surface, "DELETE FROM audit")
    assert said()[0] == "fail"
