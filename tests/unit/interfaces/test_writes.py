"""What holds for every write: once for a key, only on the plan that was looked at, and waiting that tells the truth."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.lab.eventually import eventually
from tests.unit.interfaces.given import NOON, Surface, replica, standing
from zpmd.interfaces.rest.writes import KEY, MATCH, REPLAYED
from zpmd.model.cause import Cause, Code
from zpmd.model.container import Container
from zpmd.model.observed import InFlight, Phase, World
from zpmd.model.plan import Plan, State, Waiting
from zpmd.model.service import Desired, Group, ServiceData

RESTART = "/v1/services/redis/restart"


def generations(surface: Surface) -> dict[str, int]:
    return dict(surface.store.memory().intent.generations)


# Idempotency-Key


def test_a_write_with_a_key_is_done_once_and_answered_alike(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    first = api.post(RESTART, headers={KEY: "k-1"})
    surface.clock.at += 60
    again = api.post(RESTART, headers={KEY: "k-1"})
    assert generations(surface) == {"redis": 1}
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert (again.headers.get(REPLAYED), first.headers.get(REPLAYED)) == ("true", None)
    assert api.post(RESTART, headers={KEY: "k-2"}).status_code == 202
    assert generations(surface) == {"redis": 2}


def test_a_key_survives_the_daemon(surface: Surface, api: httpx.Client, tmp_path: Path) -> None:
    surface.publish()
    first = api.post(RESTART, headers={KEY: "k"})
    surface.close()
    next_one = Surface(tmp_path)
    next_one.server.start()
    next_one.publish()
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(next_one.socket)), base_url="http://zpmd") as client:
            assert client.post(RESTART, headers={KEY: "k"}).json() == first.json()
        assert generations(next_one) == {"redis": 1}
    finally:
        next_one.close()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/services/redis/scale", {"replicas": 3}),
        ("/v1/services/zona_user/scale", {"replicas": 2}),
        ("/v1/services/redis/scale?wait=0", {"replicas": 2}),
    ],
)
def test_a_key_is_for_one_request(surface: Surface, api: httpx.Client, path: str, body: object) -> None:
    surface.publish()
    assert api.post("/v1/services/redis/scale", json={"replicas": 2}, headers={KEY: "k"}).status_code == 202
    refused = api.post(path, json=body, headers={KEY: "k"})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"pointer": f"/{KEY}", "in": "header", "message": "it was used for another request"}
    ]
    assert dict(surface.store.memory().intent.scaled) == {"redis": 2}


def test_what_was_refused_may_be_asked_again_with_its_key(surface: Surface, api: httpx.Client) -> None:
    assert api.post(RESTART, headers={KEY: "k"}).status_code == 409, "no pass has ended yet"
    surface.publish()
    assert api.post(RESTART, headers={KEY: "k"}).status_code == 202


def test_a_key_is_good_for_a_day(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    api.post(RESTART, headers={KEY: "k"})
    surface.clock.at += 86_400
    surface.publish()
    assert REPLAYED not in api.post(RESTART, headers={KEY: "k"}).headers
    assert generations(surface) == {"redis": 2}


def test_of_two_at_once_one_is_told_to_come_again(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    codes: list[int] = []

    def ask() -> None:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(surface.socket)), base_url="http://zpmd") as client:
            codes.append(client.post(f"{RESTART}?wait=30", headers={KEY: "k"}, timeout=60).status_code)

    first = threading.Thread(target=ask)
    first.start()
    eventually(lambda: generations(surface) == {"redis": 1}, 10, "the first request", 0.05)
    second = api.post(f"{RESTART}?wait=30", headers={KEY: "k"})
    assert (second.status_code, second.headers["retry-after"]) == (409, "1")
    surface.publish(world=World(replicas=(replica("redis", generation=1),)))
    first.join()
    assert codes == [200]
    assert generations(surface) == {"redis": 1}


def test_an_answer_with_a_secret_is_not_kept(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    body = {"name": "ci", "scopes": ["read"]}
    key = api.post("/v1/tokens", json=body, headers={KEY: "k"}).json()["key"]
    again = api.post("/v1/tokens", json=body, headers={KEY: "k"})
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "it was done before, and what it was answered with is shown once",
    )
    assert len(api.get("/v1/tokens").json()) == 1
    kept = surface.store.answers.find(api.get("/v1/whoami").json()["name"], "k", surface.clock.at)
    assert key not in str(kept)


@pytest.mark.parametrize("key", ["", "two words", "x" * 256])
def test_a_key_that_is_none_is_refused(surface: Surface, api: httpx.Client, key: str) -> None:
    surface.publish()
    assert api.post(RESTART, headers={KEY: key}).json()["errors"][0]["pointer"] == f"/{KEY}"
    assert generations(surface) == {}


# If-Match


def plan_of(api: httpx.Client) -> str:
    answer = api.get("/v1/plan")
    assert answer.headers["etag"] == f'"{answer.json()["id"]}"'
    return answer.headers["etag"]


def test_a_write_is_done_only_while_the_plan_is_the_one_that_was_looked_at(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    seen = plan_of(api)
    assert api.post(RESTART, headers={MATCH: seen}).status_code == 202
    surface.publish()
    moved = api.post(RESTART, headers={MATCH: seen})
    assert (moved.status_code, moved.headers["etag"]) == (412, plan_of(api))
    assert api.post(RESTART, headers={MATCH: moved.headers["etag"]}).status_code == 202
    assert api.post(RESTART, headers={MATCH: "*"}).status_code == 202
    assert api.post(RESTART, headers={MATCH: "W/x"}).status_code == 422
    assert generations(surface) == {"redis": 3}


def test_a_write_that_has_moved_the_world_itself_is_answered_again(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    headers = {MATCH: plan_of(api), KEY: "k"}
    first = api.post(RESTART, headers=headers)
    surface.publish()
    assert api.post(RESTART, headers=headers).json() == first.json()


OTHER_REDIS = ServiceData(name="redis", group=Group.SYSTEM, container=Container(image="redis:2"))
WAITING = Waiting(subject="redis/1", service="redis", cause=Cause(Code.BACKOFF, "until 12:01"), until=NOON + 60)


@pytest.mark.parametrize(
    ("more", "moves"),
    [
        ({"at": NOON + 3600, "number": 9}, False),
        ({"plan": Plan(waiting=(WAITING,), standings=(standing("redis", Group.SYSTEM),))}, True),
        ({"in_flight": (InFlight(subject="redis/1", verb="run", since=NOON, progress="50 %"),)}, True),
        ({"desired": Desired(services=(OTHER_REDIS,))}, True),
    ],
)  # fmt: skip
def test_the_id_of_a_plan_moves_with_the_world_and_not_with_time(
    surface: Surface, api: httpx.Client, more: dict[str, Any], moves: bool
) -> None:
    surface.publish()
    seen = plan_of(api)
    surface.publish(**more)
    assert (plan_of(api) != seen) is moves


def test_the_id_of_a_plan_stays_while_an_action_is_begun_and_its_reason_ticks(
    surface: Surface, api: httpx.Client
) -> None:
    surface.publish(plan=Plan(waiting=(WAITING,)))
    seen = plan_of(api)
    later = Waiting(subject="redis/1", service="redis", cause=Cause(Code.BACKOFF, "until 12:02"), until=NOON + 120)
    surface.publish(plan=Plan(waiting=(later,)))
    assert plan_of(api) == seen


# ?wait=


def running(*names: str, phase: Phase = Phase.RUNNING) -> World:
    return World(replicas=tuple(replica(name, phase=phase) for name in names))


def test_without_wait_a_verb_is_answered_when_it_is_durable(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    answer = api.post("/v1/services/redis/stop")
    assert (answer.status_code, answer.json()["met"], answer.json()["outcome"]) == (202, None, "")


def test_with_wait_it_is_answered_when_it_is_true(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    stopped = standing("redis", Group.SYSTEM, state=State.STOPPED, ready=0, desired=0)

    def go_on() -> None:
        eventually(lambda: "redis" in surface.store.memory().intent.stopped, 10, "the stop", 0.05)
        surface.publish(standing("redis", Group.SYSTEM), world=running("redis"))
        surface.publish(stopped, world=running("redis", phase=Phase.EXITED))

    loop = threading.Thread(target=go_on)
    loop.start()
    answer = api.post("/v1/services/redis/stop?wait=15s")
    loop.join()
    assert (answer.status_code, answer.json()["met"], answer.json()["outcome"]) == (200, True, "redis is stopped")


def test_a_wait_that_is_over_says_what_it_waits_for(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    answer = api.post("/v1/services/redis/stop?wait=0")
    assert (answer.status_code, answer.json()["met"]) == (202, None)
    assert answer.json()["outcome"] == "zpmd has not looked yet"


def test_what_will_not_be_true_by_itself_is_not_waited_for(surface: Surface, api: httpx.Client) -> None:
    surface.publish()

    def go_on() -> None:
        eventually(lambda: generations(surface) == {"redis": 1}, 10, "the restart", 0.05)
        while not answered.wait(0.05):  # pass after pass: the first may be over before the waiting begins
            surface.publish(standing("redis", state=State.CRASH_LOOP, ready=0, reason="exited with 1"))

    answered = threading.Event()
    loop = threading.Thread(target=go_on)
    loop.start()
    answer = api.post(f"{RESTART}?wait=15")
    answered.set()
    loop.join()
    assert (answer.status_code, answer.json()["met"]) == (200, False)
    assert answer.json()["outcome"] == "redis is crash-loop, 0 of 1 ready: exited with 1"


@pytest.mark.parametrize("wait", ["1m", "301", "-1", "soon", "0.5", "030"])
def test_a_wait_that_is_none_is_refused(surface: Surface, api: httpx.Client, wait: str) -> None:
    surface.publish()
    assert api.post(RESTART, params={"wait": wait}).json()["errors"][0]["pointer"] == "/wait"
    assert generations(surface) == {}


def test_the_servers_end_ends_a_wait(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    found: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: found.append(api.post(f"{RESTART}?wait=300", timeout=60)))
    asking.start()
    eventually(lambda: generations(surface) == {"redis": 1}, 10, "the restart", 0.05)
    surface.server.stop()
    asking.join()
    assert [(a.status_code, a.json()["met"]) for a in found] == [(202, None)]


# what a body must be


@pytest.mark.parametrize(
    ("content", "kind", "status", "pointers"),
    [
        (b'{"reason": "x"}', "text/plain", 415, None),
        (b'{"reason": "x"}', "", 415, None),
        (b"reason=x", "application/x-www-form-urlencoded", 415, None),
        (b'{"reason": "x"}', "application/json; charset=utf-8", 202, None),
        (b'{"reason": "x", "reason": "y"}', "application/json", 400, [""]),
        (b'{"for_seconds": NaN}', "application/json", 400, [""]),
        (b'{"for_seconds": 1%s}' % (b"0" * 400), "application/json", 400, [""]),
        (b'{"reason": "\\ud800"}', "application/json", 400, [""]),
        (b'{"reason": "\xff"}', "application/json", 400, [""]),
        (b"[" * 100_000, "application/json", 400, None),
        (b'{"reason": 3, "for_seconds": -1, "a/b~c": 0}', "application/json", 422,
         ["/reason", "/for_seconds", "/a~1b~0c"]),
    ],
)  # fmt: skip
def test_a_body_is_json_and_all_that_is_wrong_with_it_is_pointed_at(
    surface: Surface, api: httpx.Client, content: bytes, kind: str, status: int, pointers: list[str] | None
) -> None:
    surface.publish()
    answer = api.post("/v1/services/redis/hold", content=content, headers={"Content-Type": kind} if kind else {})
    assert answer.status_code == status, answer.text
    if pointers is not None:
        assert [e["pointer"] for e in answer.json()["errors"]] == pointers


def test_a_parameter_that_nobody_knows_or_that_is_there_twice_is_refused(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    assert api.get("/v1/status?pretty=1").json()["errors"][0]["pointer"] == "/pretty"
    assert api.get("/v1/journal?limit=1&limit=2").json()["errors"][0]["pointer"] == "/limit"
    assert api.post("/v1/services/redis/stop?wiat=30").status_code == 422
    assert surface.store.memory().intent.stopped == frozenset()


def test_a_path_tells_every_method_that_it_has(surface: Surface, api: httpx.Client) -> None:
    assert api.put("/v1/patches").headers["allow"] == "GET, POST"
    assert api.delete("/v1/services/redis").headers["allow"] == "GET"


def test_an_integer_may_be_written_as_json_allows_it(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    answer = api.post(
        "/v1/services/zona_user/scale",
        content=json.dumps({"replicas": 3.0}),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 202
    assert dict(surface.store.memory().intent.scaled) == {"zona_user": 3}
