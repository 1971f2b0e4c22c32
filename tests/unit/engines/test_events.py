"""The event stream wakes, survives whatever an engine or a proxy does to it, and says when it missed something."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.lab.eventually import eventually
from tests.unit.engines.conftest import RealTime
from tests.unit.engines.scripted_engine import Conversation, ScriptedEngine
from zpmd.engines import labels
from zpmd.engines.docker import DockerEngine
from zpmd.engines.dockerd import events
from zpmd.engines.dockerd.events import EventStream
from zpmd.engines.dockerd.observing import Observer
from zpmd.engines.dockerd.wire import Pool
from zpmd.model.events import Reason


def event(kind: str = "container", action: str = "die", container_id: str = "c1") -> bytes:
    return json.dumps({"Type": kind, "Action": action, "Actor": {"ID": container_id}}).encode() + b"\n"


@contextmanager
def watching(stream: EventStream | DockerEngine) -> Iterator[list[Reason]]:
    reasons: list[Reason] = []
    stop = threading.Event()
    thread = threading.Thread(target=stream.watch, args=(reasons.append, stop))
    thread.start()
    try:
        yield reasons
    finally:
        stop.set()
        thread.join(5)
        assert not thread.is_alive(), "it does not end at once"


def stay_open_after(*chunks: bytes) -> Callable[[Conversation], None]:
    def answer(conversation: Conversation) -> None:
        conversation.send_chunks(*chunks, finish=False)
        conversation.hang()

    return answer


@pytest.mark.parametrize(
    "first",
    [
        lambda c: c.send_chunks(event()),
        lambda c: c.send_chunks(event(), finish=False),
        lambda c: c.send_chunks(event()[:10], finish=False),
        lambda c: c.send_chunks(b"not json\n"),
        lambda c: c.send_chunks(b"[1]\n"),
        lambda c: c.send_chunks(b'{"message": "context canceled"}\n'),
        lambda c: c.send_json({"message": "broken"}, 500),
        lambda c: c.send_bytes(b"<html>", 502),
        lambda c: setattr(c, "close_connection", True),
    ],
    ids=["clean end", "cut", "half an event", "no json", "no object", "error as event", "500", "html", "closed"],
)
def test_every_end_of_the_stream_is_told_and_followed_by_another(
    scripted: ScriptedEngine, engine: DockerEngine, first: Callable[[Conversation], None]
) -> None:
    opened: list[int] = []

    def answer(conversation: Conversation) -> None:
        opened.append(1)
        (first if len(opened) == 1 else stay_open_after(event()))(conversation)

    scripted.answers["/events"] = answer
    with watching(engine) as reasons:
        eventually(lambda: len(opened) == 2 and reasons[-1:] == [Reason.ENGINE], 5)
        assert Reason.STREAM_LOST in reasons
        assert engine.stream_alive()
    assert not engine.stream_alive()


@pytest.mark.parametrize(
    ("kind", "action", "wakes"),
    [
        ("container", "die", True),
        ("container", "destroy", True),
        ("container", "health_status: unhealthy", True),
        ("container", "exec_start: true", False),
        ("container", "exec_die", False),
        ("container", "top", False),
        ("image", "pull", True),
        ("volume", "create", True),
        ("volume", "mount", False),
        ("network", "destroy", True),
        ("network", "connect", False),
    ],
)
def test_only_what_changes_the_world_wakes(
    scripted: ScriptedEngine, engine: DockerEngine, kind: str, action: str, wakes: bool
) -> None:
    sentinel = threading.Event()

    def answer(conversation: Conversation) -> None:
        conversation.send_chunks(event(kind, action), finish=False)
        sentinel.wait(5)
        chunk = event()
        conversation.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        conversation.hang()

    scripted.answers["/events"] = answer
    with watching(engine) as reasons:
        if wakes:
            eventually(lambda: len(reasons) == 2, 5)
        sentinel.set()
        eventually(lambda: len(reasons) == (3 if wakes else 2), 5)


def test_a_silent_stream_is_opened_anew_at_once(scripted: ScriptedEngine, clock: RealTime) -> None:
    scripted.answers["/events"] = stay_open_after()
    pool = Pool(scripted.url, 1.0)
    stream = EventStream(pool, Observer("me", clock), clock, idle_seconds=0.2)
    with watching(stream) as reasons:
        eventually(lambda: scripted.requests.count("GET /events") >= 4, 5)
        assert reasons[:3] == [Reason.ENGINE, Reason.STREAM_LOST, Reason.STREAM_LOST]
        assert stream.alive()


def test_an_engine_that_never_answers_is_noticed(scripted: ScriptedEngine, clock: RealTime) -> None:
    scripted.answers["/events"] = Conversation.hang
    stream = EventStream(Pool(scripted.url, 1.0), Observer("me", clock), clock, idle_seconds=0.2)
    with watching(stream) as reasons:
        eventually(lambda: scripted.requests.count("GET /events") >= 2, 5)
        assert reasons == [Reason.STREAM_LOST]
        assert not stream.alive()


def test_a_stream_that_has_not_been_heard_of_for_long_is_not_alive(
    scripted: ScriptedEngine, engine: DockerEngine, clock: RealTime
) -> None:
    scripted.answers["/events"] = stay_open_after()
    with watching(engine):
        eventually(engine.stream_alive, 5)
        clock.ahead_seconds = 3600.0
        assert not engine.stream_alive()


def test_a_stream_that_breaks_again_and_again_is_opened_ever_more_slowly(
    scripted: ScriptedEngine, engine: DockerEngine
) -> None:
    opened_at: list[float] = []

    def answer(conversation: Conversation) -> None:
        opened_at.append(time.monotonic())
        conversation.send_chunks(event())

    scripted.answers["/events"] = answer
    with watching(engine):
        eventually(lambda: len(opened_at) == 5, 10)
    gaps = [after - before for before, after in pairwise(opened_at)]
    assert gaps[3] > 2 * gaps[0]


def test_stop_ends_a_stream_that_waits_at_once(scripted: ScriptedEngine, engine: DockerEngine) -> None:
    scripted.answers["/events"] = stay_open_after()
    with watching(engine):
        eventually(engine.stream_alive, 5)


def test_stop_ends_the_pause_after_a_failure_at_once(
    tmp_path: Path, make_engine: Callable[..., DockerEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "FIRST_PAUSE_SECONDS", 300.0)
    monkeypatch.setattr(events, "LONGEST_PAUSE_SECONDS", 300.0)
    engine = make_engine(f"unix://{tmp_path}/absent.sock")
    with watching(engine) as reasons:
        eventually(lambda: reasons == [Reason.STREAM_LOST], 5)


def test_an_event_makes_the_container_it_names_old(scripted: ScriptedEngine, engine: DockerEngine) -> None:
    marked = {labels.OWNER: "me", labels.SERVICE: "web", labels.SLOT: "1"}
    state: dict[str, Any] = {"Status": "running", "StartedAt": "2026-11-22T10:00:00Z"}
    scripted.answers["/containers/json"] = [
        {"Id": i, "Names": [f"/{i}"], "Labels": marked, "State": "running", "Status": "Up 1 hour"} for i in ("c1", "c2")
    ]
    for container_id in ("c1", "c2"):
        scripted.answers[f"/containers/{container_id}/json"] = {"Id": container_id, "Name": "/x", "State": state}
    go_on = threading.Event()

    def answer(conversation: Conversation) -> None:
        conversation.send_chunks(finish=False)
        go_on.wait(5)
        chunk = event(container_id="c2")
        conversation.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        conversation.hang()

    scripted.answers["/events"] = answer
    with watching(engine) as reasons:
        eventually(lambda: len(reasons) == 1, 5)
        engine.observe(())
        scripted.requests.clear()
        go_on.set()
        eventually(lambda: len(reasons) == 2, 5)
        engine.observe(())
        assert [r for r in scripted.requests if "containers" in r] == [
            "GET /containers/json",
            "GET /containers/c2/json",
        ]
