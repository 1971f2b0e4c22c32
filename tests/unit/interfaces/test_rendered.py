"""What is kept of an answer is of its own snapshot and reader, and tells the instant at which it is asked."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx
from pydantic import TypeAdapter

from tests.unit.interfaces.given import NOON, Surface, snapshot, standing
from zpmd.interfaces import status
from zpmd.interfaces.rest.rendered import KEPT_SECONDS, Rendered
from zpmd.interfaces.views import StatusView
from zpmd.model.events import Snapshot
from zpmd.model.plan import State


class Looks:
    """Counts how often a view was worked out."""

    def __init__(self) -> None:
        self.times = 0
        self.rendered = Rendered(StatusView, self._view)

    def _view(self, of: Snapshot, now: float) -> StatusView:
        self.times += 1
        return status.status(of, now)

    def ask(self, of: Snapshot, now: float, tenant: str = "") -> Any:
        return json.loads(bytes(asyncio.run(self.rendered.answer(of, now, tenant)).body))


def test_a_snapshot_is_rendered_once_and_tells_each_time_when_it_was_asked() -> None:
    looks, made = Looks(), snapshot()
    for now in (NOON + 1, NOON + 2.25, NOON + 3):
        expected = json.loads(TypeAdapter(StatusView).dump_json(status.status(made, now)))
        assert looks.ask(made, now) == expected
    assert looks.times == 1


def test_a_newer_snapshot_is_never_answered_with_an_older_one() -> None:
    looks = Looks()
    for number in range(1, 6):
        assert looks.ask(snapshot(number=number), NOON)["number"] == number
        assert looks.ask(snapshot(number=number), NOON)["number"] == number
    assert looks.times == 5
    assert looks.ask(snapshot(number=1), NOON)["number"] == 1, "as after a restart"


def test_what_is_kept_for_one_tenant_is_given_to_no_other() -> None:
    looks = Looks()
    mine, all_of_it = snapshot(standing("acme-1")), snapshot(standing("acme-1"), standing("beta-1"))
    for _ in range(2):
        for tenant, seen, names in (("acme", mine, ["acme-1"]), ("", all_of_it, ["acme-1", "beta-1"])):
            told = looks.ask(seen, NOON, tenant)
            assert [s["name"] for group in told["groups"] for s in group["services"]] == names
    assert looks.times == 2


def test_it_is_worked_out_anew_after_a_while_and_where_the_clock_was_set_back() -> None:
    looks, made = Looks(), snapshot()
    looks.ask(made, NOON)
    looks.ask(made, NOON + KEPT_SECONDS)
    looks.ask(made, NOON - 5)
    assert looks.times == 3


def test_a_name_that_looks_like_the_instant_changes_nothing() -> None:
    looks = Looks()
    made = snapshot(standing('"now":1', state=State.BLOCKED, reason='{"now":2}'))
    for now in (NOON, NOON + 1):
        told = looks.ask(made, now)
        assert told["now"] == now
        assert told["groups"][0]["services"][0]["reason"] == '{"now":2}'


def test_many_who_ask_at_once_wait_for_one_rendering() -> None:
    looks, made = Looks(), snapshot()
    threads = [threading.Thread(target=looks.ask, args=(made, NOON)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert looks.times == 1


def test_over_the_api_it_follows_every_pass(surface: Surface, api: httpx.Client) -> None:
    for ready in (0, 1, 2):
        surface.publish(standing("zona_user", ready=ready, desired=2))
        for path in ("/v1/status", "/status"):
            told = api.get(path)
            assert told.headers["content-type"] == "application/json"
        assert told.json()["services"][0]["ready"] == ready
        assert api.get("/v1/status").json()["groups"][0]["ready"] == ready
