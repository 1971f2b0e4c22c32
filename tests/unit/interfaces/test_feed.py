"""The feed over a real unix socket: what a browser hears, and what it costs when it does not listen."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.lab.eventually import eventually
from tests.unit.interfaces.given import NOON, Surface, standing
from tests.unit.interfaces.given_access import OPEN, give, stranger
from zpmd.interfaces.rest import feed
from zpmd.model.events import Entry, Result
from zpmd.model.plan import State
from zpmd.model.token import Scope


@dataclass(frozen=True)
class Heard:
    event: str
    id: str
    data: dict[str, object]


def heard(lines: Iterator[str]) -> Iterator[Heard]:
    """Events as a browser reads them."""
    found: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            found[name] = value
        elif "data" in found:
            yield Heard(found["event"], found.get("id", ""), json.loads(found["data"]))
            found = {}
        else:
            found = {}


@contextmanager
def listening(api: httpx.Client, **headers: str) -> Iterator[Iterator[Heard]]:
    """A reader that has heard the first status, so that the feed knows where it begins."""
    with api.stream("GET", "/v1/feed", headers={k.replace("_", "-"): v for k, v in headers.items()}) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield heard(answer.iter_lines())


def begun(surface: Surface, text: str, kind: str = "action") -> int:
    return surface.store.begin(Entry(id=0, at=NOON, kind=kind, verb="start", subject="redis/1", text=text))


def test_a_reader_hears_the_status_and_then_each_that_says_something_new(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    with listening(api) as events:
        first = next(events)
        assert (first.event, first.data["number"], first.data["state"]) == ("status", 1, "converged")
        surface.publish()
        surface.publish(standing("redis", state=State.CRASH_LOOP, ready=0))
        second = next(events)
        assert (second.event, second.data["number"], second.data["troubled"]) == ("status", 3, ["redis"])


def test_a_reader_hears_what_comes_after_it_came_and_each_action_again_with_its_end(
    surface: Surface, api: httpx.Client
) -> None:
    surface.publish()
    begun(surface, "long ago", "note")
    under_way = begun(surface, "begun before")
    with listening(api) as events:
        assert next(events).event == "status"
        mine = begun(surface, "mine")
        told = next(events)
        assert (told.event, told.data["id"], told.data["text"], told.data["result"]) == ("entry", mine, "mine", None)
        surface.store.finish(mine, Result.OK, "", 0.3, "c1")
        told = next(events)
        assert (told.data["id"], told.data["result"], told.data["seconds"]) == (mine, "ok", 0.3)
        surface.store.finish(under_way, Result.OK, "", 9.0, "c2")
        told = next(events)
        assert (told.data["id"], told.data["result"]) == (under_way, "ok")


def test_a_reader_that_comes_back_misses_nothing_that_it_did_not_hear_the_end_of(
    surface: Surface, api: httpx.Client
) -> None:
    surface.publish()
    with listening(api) as events:
        next(events)
        first, second = begun(surface, "one"), begun(surface, "two", "note")
        told = [next(events), next(events)]
        assert [t.data["id"] for t in told] == [first, second]
        assert int(told[-1].id) == first - 1, "the first goes on: from there nothing of it is missed"
    surface.store.finish(first, Result.OK, "", 0.1, "c1")
    third = begun(surface, "three", "note")
    with listening(api, Last_Event_ID=told[-1].id) as events:
        known: dict[object, object] = {}
        while third not in known:
            event = next(events)
            known |= {event.data["id"]: event.data["result"]} if event.event == "entry" else {}
        assert known == {first: "ok", second: None, third: None}
    with api.stream("GET", "/v1/feed", params={"after": second}) as answer:
        assert next(heard(answer.iter_lines())).data["id"] == third


def test_it_ends_with_the_server(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    with listening(api) as events:
        next(events)
        surface.server.stop()
        assert list(events) == []


def test_it_says_now_and_then_that_it_is_there(
    surface: Surface, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_SECONDS", 0.3)
    surface.publish()
    with api.stream("GET", "/v1/feed") as answer:
        assert any(line.startswith(":") for line in answer.iter_lines())


def test_a_reader_that_does_not_read_keeps_nobody_waiting_and_loses_its_place(
    surface: Surface, api: httpx.Client
) -> None:
    surface.publish()
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(str(surface.socket))
        deaf.sendall(b"GET /v1/feed?after=0 HTTP/1.1\r\nHost: zpmd\r\n\r\n")
        with listening(api) as events:
            next(events)
            for _ in range(4):
                last = [begun(surface, "x" * 1000, "note") for _ in range(feed.PAGE)][-1]
                assert any(heard.data.get("id") == last for heard in events)
        deaf.settimeout(20)
        received = 0
        while chunk := deaf.recv(1 << 20):
            received += len(chunk)
            if b"\r\n0\r\n\r\n" in chunk:
                break
        assert received < 3 * feed.PAGE * 1300, "what was not read was not kept"


def test_there_is_an_end_to_how_many_may_follow(
    surface: Surface, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "READERS_MOST", 1)
    surface.publish()
    with listening(api) as events:
        next(events)
        refused = api.get("/v1/feed")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
    eventually(lambda: _follows(api), 10, "a place that is free again", 0.1)


def _follows(api: httpx.Client) -> bool:
    with api.stream("GET", "/v1/feed") as answer:
        return answer.status_code == 200


def test_a_hundred_readers_hear_the_same(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    told: list[object] = []
    ready = threading.Barrier(101)

    def read() -> None:
        transport = httpx.HTTPTransport(uds=str(surface.socket))
        client = httpx.Client(transport=transport, base_url="http://zpmd", timeout=60)
        with client, listening(client) as events:
            next(events)
            ready.wait(60)
            told.append(next(events).data["text"])

    threads = [threading.Thread(target=read) for _ in range(100)]
    for thread in threads:
        thread.start()
    ready.wait(60)
    begun(surface, "to all", "note")
    for thread in threads:
        thread.join()
    assert told == ["to all"] * 100


def test_readers_on_both_sockets_are_not_in_each_others_way(tmp_path: Path) -> None:
    surface = Surface(tmp_path, OPEN)
    surface.server.start()
    key, all_there = give(surface, Scope.READ), threading.Barrier(13, timeout=30)

    def follow(number: int) -> list[object]:
        unix = httpx.Client(transport=httpx.HTTPTransport(uds=str(surface.socket)), base_url="http://zpmd", timeout=30)
        seen = []
        with unix if number % 2 else stranger(surface, key) as client, listening(client) as events:
            for _ in range(4):
                seen.append(next(events).data["number"])
                all_there.wait()
        return seen

    try:
        with ThreadPoolExecutor(12) as readers:
            following = [readers.submit(follow, number) for number in range(12)]
            for restarts in range(4):
                surface.publish(standing("redis", restarts=restarts))
                all_there.wait()
            assert [reader.result(30) for reader in following] == [[1, 2, 3, 4]] * 12
    finally:
        surface.close()
