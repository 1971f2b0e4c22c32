"""One browser for all tests of a worker, and a site of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import DESKTOP, Page
from tests.browser.site import Site
from tests.conftest import FAILED


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    one = Page(tmp_path_factory.mktemp("chromium"))
    yield one
    one.close()


@pytest.fixture
def page(browser: Page, artifacts: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Logged out, of a desktop's size, light. Whatever a test does, the page must not complain."""
    browser.forget()
    browser.resize(*DESKTOP)
    browser.scheme("light")
    yield browser
    if request.node.stash.get(FAILED, False):
        artifacts.mkdir(parents=True, exist_ok=True)
        browser.picture(artifacts / "page.png")


@pytest.fixture
def site(tmp_path: Path, browser: Page) -> Iterator[Site]:
    made = Site(tmp_path, browser.network)
    yield made
    made.close()
