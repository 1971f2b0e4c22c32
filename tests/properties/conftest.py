"""Simulated daemons log nothing while these tests run; their transcripts say it all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loguru import logger


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logger.disable("zpmd")
    yield
    logger.enable("zpmd")
