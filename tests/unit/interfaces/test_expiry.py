"""The end of the API's certificate is told in time, once a day, and never costs a pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from loguru import logger

from tests.lab.certificates import certificate
from tests.unit.interfaces.given import Surface
from zpmd.interfaces.rest.expiry import DAY_SECONDS, WARN_SECONDS, Expiry, ends_at
from zpmd.messages import Message
from zpmd.model.events import Snapshot


@pytest.fixture
def told() -> Iterator[list[str]]:
    lines: list[str] = []
    logger.enable("zpmd")
    sink = logger.add(
        lambda m: (
            lines.append(m.record["message"])
            if m.record["extra"].get("message_id") == Message.CERTIFICATE_ENDS.id
            else None
        )
    )
    yield lines
    logger.remove(sink)


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    surface = Surface(tmp_path)
    surface.publish()
    found = surface.board.latest()
    assert found is not None
    return found


def test_it_is_told_three_weeks_before_and_once_a_day(tmp_path: Path, snapshot: Snapshot, told: list[str]) -> None:
    certificate(tmp_path)
    path = tmp_path / "zpmd.pem"
    ends = ends_at(path)
    assert ends is not None
    expiry = Expiry(path)
    for before in (WARN_SECONDS + 60, WARN_SECONDS - 60, WARN_SECONDS - 120, WARN_SECONDS - 60 - DAY_SECONDS, -60):
        expiry.passed(replace(snapshot, at=ends - before))
    assert [line.partition(str(path))[2].split(",")[-1] for line in told[:2]] == [" in 20 days", " in 19 days"]
    assert len(told) == 3
    assert " has ended on " in told[2]


@pytest.mark.parametrize("text", ["", "no certificate"])
def test_what_cannot_be_read_is_not_told_of(tmp_path: Path, snapshot: Snapshot, told: list[str], text: str) -> None:
    path = tmp_path / "zpmd.pem"
    path.write_text(text)
    for expiry in (Expiry(path), Expiry(tmp_path / "nowhere.pem"), Expiry(None)):
        expiry.passed(snapshot)
    assert told == []
