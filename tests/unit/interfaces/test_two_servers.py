"""The unix socket and TCP have event loops of their own: what requests share works in both at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.lab.eventually import eventually
from tests.unit.interfaces.given import Surface
from tests.unit.interfaces.given_access import give, stranger, surface_for_strangers
from zpmd.model.token import Scope

PATIENCE = 60
READERS = 10


@pytest.fixture
def surface(tmp_path: Path) -> Iterator[Surface]:
    made = surface_for_strangers(tmp_path)
    made.publish()
    yield made
    made.close()


def test_the_feed_is_read_on_both_at_once(surface: Surface) -> None:
    """More readers than one look serves: they wait for each other, on either side."""
    seen: dict[int, int] = {}
    over = threading.Event()

    def read(number: int) -> None:
        client = (
            stranger(surface, give(surface, Scope.READ))
            if number % 2
            else httpx.Client(
                transport=httpx.HTTPTransport(uds=str(surface.socket)), base_url="http://zpmd", timeout=30
            )
        )
        with client, client.stream("GET", "/v1/feed") as answer:
            for line in answer.iter_lines():
                seen[number] = seen.get(number, 0) + line.startswith("event: status")
                if over.is_set():
                    return

    threads = [threading.Thread(target=read, args=(number,)) for number in range(2 * READERS)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(seen) == 2 * READERS, PATIENCE, "readers on both")
    for changes in range(1, 6):
        before = dict(seen)
        surface.publish(patches_trouble=f"change {changes}")
        eventually(lambda: all(seen[n] > before[n] for n in seen), PATIENCE, "a status for each")  # noqa: B023
    over.set()
    surface.publish(patches_trouble="the last")
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
