"""The API over a real unix socket."""

from __future__ import annotations

import getpass
import grp
import json
import os
import socket
import stat
import threading
from pathlib import Path

import httpx
import pytest

from tests.lab.eventually import eventually
from tests.unit.interfaces.given import NOON, Surface, service
from zpmd.errors import Refused, ZpmdError
from zpmd.interfaces.rest.server import ApiServer
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Entry, Reason, Result
from zpmd.model.memory import Attempt, Down, Tried
from zpmd.model.observed import LogLine, Slot
from zpmd.model.plan import Plan, Waiting
from zpmd.model.service import Desired

ME = "root" if os.getuid() == 0 else f"uid:{os.getuid()}({getpass.getuser()})"


def test_before_the_first_pass_everything_is_refused_politely(api: httpx.Client) -> None:
    answer = api.get("/v1/status")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "code": "refused",
        "detail": "zpmd has not ended its first pass yet: try again in a moment",
    }


def test_status_has_groups_in_order(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    view = api.get("/v1/status").json()
    assert view["state"] == "converged"
    assert [(g["name"], g["ready"], g["desired"]) for g in view["groups"]] == [("system", 1, 1), ("core", 2, 2)]
    assert [r["slot"] for r in view["groups"][1]["services"][0]["replicas"]] == [1, 2]
    assert api.get("/status").json()["services"][0]["name"] == "redis"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/services/redis/stop", None),
        ("/v1/services/redis/stop", {}),
        ("/service/stop", {"serviceName": "redis"}),
    ],
)
def test_a_verb_is_stored_journalled_with_its_actor_and_wakes(
    surface: Surface, api: httpx.Client, path: str, body: object
) -> None:
    surface.publish()
    answer = api.post(path, json=body)
    assert answer.status_code in (200, 202), answer.text
    assert surface.store.memory().intent.stopped == {"redis"}
    (entry,) = surface.store.journal()
    assert (entry.kind, entry.verb, entry.subject, entry.actor) == ("note", "stop", "redis", ME)
    assert surface.woken == [Reason.OPERATOR]


def test_a_start_ends_the_stop_and_skips_the_backoff(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    attempt = Attempt(tried=Tried.START, count=4, at=NOON, spec="1:a", generation=0)
    surface.store.set_stopped("redis", True)
    surface.store.attempt(Slot("redis", 1), attempt)
    surface.store.attempt(Slot("zona_user", 1), attempt)
    assert api.post("/v1/services/redis/start").status_code == 202
    assert surface.store.memory().intent.stopped == frozenset()
    attempts = surface.store.memory().attempts
    assert (attempts[Slot("redis", 1)].tried, attempts[Slot("redis", 1)].count) == (Tried.STOP, 0)
    assert attempts[Slot("zona_user", 1)] == attempt


def test_up_ends_down_and_every_stop(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    api.post("/v1/services/redis/stop")
    assert api.post("/v1/down", json={"volumes": True}).status_code == 202
    assert surface.store.memory().intent.down is Down.VOLUMES
    refused = api.post("/v1/services/redis/start")
    assert refused.status_code == 409
    assert "zpmctl up" in refused.json()["detail"]
    assert api.post("/v1/up").status_code == 202
    assert surface.store.memory().intent.down is Down.NO
    assert surface.store.memory().intent.stopped == frozenset()


def test_restart_scale_hold_release_and_reload(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    for path, body in (
        ("/v1/services/redis/restart", None),
        ("/v1/services/zona_user/scale", {"replicas": 3}),
        ("/v1/services/*/hold", {"reason": "disk", "for_seconds": 60}),
        ("/v1/reload", None),
    ):
        assert api.post(path, json=body).status_code == 202
    intent = surface.store.memory().intent
    assert dict(intent.generations) == {"redis": 1}
    assert dict(intent.scaled) == {"zona_user": 3}
    (hold,) = intent.holds
    assert (hold.service, hold.owner, hold.reason, hold.until) == ("*", ME, "disk", surface.clock.at + 60)
    assert surface.reloads == 1
    assert surface.woken[-1] is Reason.RELOAD
    assert api.post("/v1/services/*/release").status_code == 202
    again = api.post("/v1/services/*/release")
    assert (again.status_code, again.json()["detail"]) == (409, "cannot release *: it is not held")


def test_approve_takes_what_is_held_and_nothing_else(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    assert api.post("/v1/approve").json()["detail"] == "cannot approve: no removal is held back"
    held = tuple(
        Waiting(subject=f"{name}/1", service=name, cause=Cause(Code.MASS_REMOVAL, "held"))
        for name in ("kafka", "misp", "kafka")
    )
    surface.publish(plan=Plan(waiting=held))
    assert api.get("/v1/status").json()["held_removals"] == ["kafka", "misp"]
    assert api.post("/v1/approve").json()["services"] == ["kafka", "misp"]
    assert surface.store.memory().intent.approved == {"kafka", "misp"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "detail"),
    [
        ("POST", "/v1/services/zona_usr/stop", None, 404, "no service zona_usr: did you mean zona_user?"),
        ("POST", "/v1/services/*/stop", None, 409,
         "cannot stop everything one by one: `zpmctl down` does it, in reverse order"),
        ("GET", "/v1/services/qqqq", None, 404, "no service qqqq: `zpmctl status --all` has those that there are"),
        ("GET", "/v1/services/qqqq/why", None, 404, "no service qqqq: `zpmctl status --all` has those that there are"),
        ("POST", "/v1/services/redis/scale", {"replicas": -1}, 422,
         "replicas: Input should be greater than or equal to 0"),
        ("POST", "/v1/services/redis/scale", {"replicas": True}, 422, "replicas: Input should be a valid integer"),
        ("POST", "/v1/services/redis/scale", {}, 422, "replicas: Field required"),
        ("POST", "/v1/services/redis/stop", {"now": 1}, 422, "now: Extra inputs are not permitted"),
        ("POST", "/v1/services/redis/hold", {"for_seconds": 0}, 422, "for_seconds: Input should be greater than 0"),
        ("GET", "/v1/events?limits=3", None, 422, "limits: Extra inputs are not permitted"),
        ("GET", "/v2/status", None, 404, "Not Found"),
        ("DELETE", "/v1/status", None, 405, "Method Not Allowed"),
        ("GET", "/docs", None, 404, "Not Found"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_a_problem(
    surface: Surface, api: httpx.Client, method: str, path: str, body: object, status: int, detail: str
) -> None:
    surface.publish()
    answer = api.request(method, path, json=body)
    assert (answer.status_code, answer.json()["detail"]) == (status, detail)
    assert answer.headers["content-type"] == "application/problem+json"
    assert surface.store.journal() == ()


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b'{"replicas": NaN}', 400),
        (b'{"replicas": 1, "replicas": 2}', 400),
        (b'{"replicas": ' + b"9" * 5000 + b"}", 400),
        (b"\xff\xfe", 400),
        (b"[1]", 422),
        (b'{"replicas": 1e400}', 422),
        (b" " * (1 << 20) + b"{}", 413),
    ],
)
def test_a_body_that_is_no_good_is_refused(surface: Surface, api: httpx.Client, content: bytes, status: int) -> None:
    surface.publish()
    answer = api.post("/v1/services/redis/scale", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == status


def test_a_body_of_unannounced_length_is_bounded_too(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    chunks = (b" " * 65_536 for _ in range(40))
    headers = {"content-type": "application/json"}
    assert api.post("/v1/services/redis/scale", content=chunks, headers=headers).status_code == 413


def test_a_bug_tells_its_number_and_nothing_else(
    surface: Surface, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("password is hunter2")

    monkeypatch.setattr(surface.control, "snapshot", broken)
    answer = api.get("/v1/status")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert answer.json()["detail"].startswith("an error of zpmd: its log has it as ")


def test_a_store_that_cannot_write_is_a_503(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    surface.store.close()
    answer = api.post("/v1/services/redis/stop")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_container_name_allows_one_replica(surface: Surface, api: httpx.Client) -> None:
    surface.publish(desired=Desired(services=(service("redis", container_name="the-redis"),)))
    assert api.post("/v1/services/redis/scale", json={"replicas": 1}).status_code == 202
    answer = api.post("/v1/services/redis/scale", json={"replicas": 2})
    assert answer.status_code == 409
    assert answer.json()["detail"] == (
        "cannot scale redis to 2: its container_name the-redis allows one replica;"
        " remove container_name from redis.yaml:1"
    )


def test_wait_answers_with_the_next_snapshot_or_with_204(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    assert api.get("/v1/wait", params={"after": 1, "timeout": 0}).status_code == 204
    threading.Timer(0.2, surface.publish).start()
    assert api.get("/v1/wait", params={"after": 1, "timeout": 10}).json()["number"] == 2


def test_logs_come_as_lines_of_json(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    surface.engine.lines = {"zona_user100": [b"one\n", b"tw\xffo"], "zona_user200": [b"three"]}
    answer = api.get("/v1/services/zona_user/logs")
    assert [json.loads(line) for line in answer.text.splitlines()] == [
        {"replica": "zpmd-zona_user-1", "line": "one\n", "service": "zona_user", "at": NOON},
        {"replica": "zpmd-zona_user-2", "line": "three", "service": "zona_user", "at": NOON},
        {"replica": "zpmd-zona_user-1", "line": "tw\ufffdo", "service": "zona_user", "at": NOON + 1},
    ]
    assert api.get("/v1/services/zona_user/logs", params={"slot": 7}).json()["detail"] == "zona_user/7 has no container"


def test_followed_logs_go_on_with_the_next_run_of_the_slot(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    surface.engine.lines = {"redis1000000": [b"before"]}
    ended = surface.engine.more["redis1000000"] = threading.Event()
    with api.stream("GET", "/v1/services/redis/logs", params={"follow": "1"}) as answer:
        lines = answer.iter_lines()
        assert json.loads(next(lines))["line"] == "before"
        surface.engine.lines["redis1000000"] = [LogLine(NOON + 60, b"after")]
        ended.set()
        surface.publish()
        assert json.loads(next(lines))["line"] == "after"


def test_followed_events_tell_an_entry_again_with_its_outcome(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    entry = Entry(id=0, at=NOON, kind="action", verb="start", subject="redis/1", service="redis", text="it died")
    first = surface.store.begin(entry)
    with api.stream("GET", "/v1/events", params={"follow": "1", "service": "redis"}) as answer:
        lines = answer.iter_lines()
        told = json.loads(next(lines))
        assert (told["id"], told["result"]) == (first, None)
        surface.store.finish(first, Result.OK, "", 0.3, "c1")
        told = json.loads(next(lines))
        assert (told["id"], told["result"], told["seconds"]) == (first, "ok", 0.3)
        second = surface.store.begin(entry)
        assert json.loads(next(lines))["id"] == second


def test_a_stop_is_not_held_up_by_streams(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    surface.engine.lines = {"redis1000000": [b"x"]}
    with (
        api.stream("GET", "/v1/services/redis/logs", params={"follow": "1"}) as logs,
        api.stream("GET", "/v1/events", params={"follow": "1"}) as events,
    ):
        assert next(logs.iter_lines())
        assert events.status_code == 200
        surface.server.stop()
        assert not surface.server.alive()
    assert not surface.socket.exists()


def test_the_socket_is_its_owners_alone_where_the_group_does_not_exist(surface: Surface) -> None:
    assert stat.S_IMODE(surface.socket.stat().st_mode) == 0o600


def test_the_socket_is_its_groups_too_where_the_group_exists(surface: Surface, tmp_path: Path) -> None:
    group = grp.getgrgid(os.getgid())
    server = ApiServer(surface.app, tmp_path / "group.sock", group.gr_name)
    server.start()
    found = (tmp_path / "group.sock").stat()
    server.stop()
    assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o660, group.gr_gid)


def test_a_stale_socket_is_replaced_and_a_live_one_left_alone(surface: Surface, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="another zpmd answers there"):
        ApiServer(surface.app, surface.socket, group="").start()
    stale = tmp_path / "stale.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(stale))
    left.close()
    second = ApiServer(surface.app, stale, group="")
    second.start()
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(stale)), base_url="http://zpmd") as client:
        assert client.get("/v1/openapi.json").status_code == 200
    second.stop()
    assert not stale.exists()


def test_a_socket_that_is_taken_away_is_made_again_and_who_is_connected_stays(
    surface: Surface, api: httpx.Client
) -> None:
    surface.publish()
    assert api.get("/v1/status").is_success
    surface.socket.unlink()
    eventually(surface.socket.exists, 10, "a socket that is there again", 0.05)
    assert api.get("/v1/status").is_success, "on the connection of before"
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(surface.socket)), base_url="http://zpmd") as fresh:
        assert fresh.get("/v1/status").is_success
    surface.close()
    assert not surface.socket.exists(), "its end takes the new one away as it would the first"


def test_a_file_in_the_place_of_the_socket_is_never_replaced(surface: Surface, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    with pytest.raises(ZpmdError, match="something else is there"):
        ApiServer(surface.app, tmp_path / "precious", group="").start()
    assert (tmp_path / "precious").read_text() == "data"


def test_a_hundred_watchers_do_not_keep_others_waiting(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    numbers: list[int] = []

    def watch() -> None:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(surface.socket)), base_url="http://zpmd") as client:
            numbers.append(client.get("/v1/wait", params={"after": 1, "timeout": 30}, timeout=40).json()["number"])

    threads = [threading.Thread(target=watch) for _ in range(100)]
    for thread in threads:
        thread.start()
    assert api.get("/v1/status").json()["number"] == 1
    surface.publish()
    for thread in threads:
        thread.join()
    assert numbers == [2] * 100
