"""A site for each test, and what a bundle is made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.patches.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Watched."""
    site = Site(tmp_path)
    site.start()
    yield site
    site.close()


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Site]:
    """Not started yet."""
    site = Site(tmp_path)
    yield site
    site.close()
