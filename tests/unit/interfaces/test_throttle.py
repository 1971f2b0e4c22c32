"""Buckets, and the lines about wrong tokens; the time is the test's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loguru import logger

from zpmd.interfaces.rest.throttle import TOLD_APART, Buckets, Throttle, address_of
from zpmd.settings import Api


class Hand:
    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def lines() -> Iterator[list[str]]:
    said: list[str] = []
    sink = logger.add(lambda message: said.append(message.record["message"]), level="INFO")
    yield said
    logger.remove(sink)


def test_a_bucket_gives_what_is_in_it_and_then_what_flows_in() -> None:
    hand = Hand()
    buckets = Buckets(per_minute=60, burst=2, now=hand)
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 1.0]
    assert buckets.take("b") == 0.0
    hand.at = 0.5
    assert buckets.take("a") == 0.5
    hand.at = 1.0
    assert [buckets.take("a"), buckets.take("a")] == [0.0, 1.0]
    hand.at = 1000.0
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 1.0]


def test_only_so_many_keys_are_remembered_and_the_busy_ones_stay() -> None:
    buckets = Buckets(per_minute=60, burst=1, most=10, now=Hand())
    buckets.take("busy")
    for number in range(10_000):
        buckets.take(str(number))
        assert buckets.take("busy") > 0
    assert len(buckets) == 10


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
    ],
)
def test_an_address_counts_as_what_one_host_has(host: str, key: str) -> None:
    assert address_of(host) == key


def test_wrong_tokens_are_answered_so_often_and_then_not_at_once() -> None:
    hand = Hand()
    throttle = Throttle(Api(failures_per_minute=3), hand)
    assert [throttle.failed("10.0.0.7") for _ in range(4)] == [0.0, 0.0, 0.0, 20.0]
    assert throttle.failed("10.0.0.8") == 0.0


def test_the_log_has_one_line_an_address_and_minute(lines: list[str]) -> None:
    hand = Hand()
    throttle = Throttle(Api(), hand)
    for _ in range(1000):
        throttle.failed("10.0.0.7")
    throttle.failed("10.0.0.8")
    hand.at = 61.0
    throttle.failed("10.0.0.8")
    assert lines == [
        "api: an attempt with a wrong token from 10.0.0.7",
        "api: an attempt with a wrong token from 10.0.0.8",
        "api: 999 more attempts with a wrong token from 10.0.0.7",
        "api: an attempt with a wrong token from 10.0.0.8",
    ]


def test_a_crowd_of_addresses_is_told_as_one(lines: list[str]) -> None:
    hand = Hand()
    throttle = Throttle(Api(), hand)
    for number in range(5000):
        throttle.failed(f"address {number}")
    assert len(lines) == TOLD_APART + 1
    hand.at = 61.0
    throttle.failed("address 1")
    assert lines[TOLD_APART + 1 :] == [
        f"api: {5000 - TOLD_APART - 1} more attempts with a wrong token from other addresses",
        "api: an attempt with a wrong token from address 1",
    ]
