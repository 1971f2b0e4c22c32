"""The page on a real zpmd with real containers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Page
from tests.integration.appliance import worker
from tests.integration.daemon import Daemon
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually
from tests.lab.proxy import Proxy


@pytest.fixture
def daemon(engine_host: LabEngine, tmp_path: Path) -> Iterator[Daemon]:
    one = Daemon(engine_host, tmp_path / "zpmd")
    yield one
    one.close()


@pytest.fixture
def url(daemon: Daemon, browser: Page) -> Iterator[str]:
    """Its unix socket, forwarded as `ssh -L` does."""
    with browser.network.inside():
        wire = Proxy(str(daemon.socket))
    yield f"http://localhost:{wire.port}/"
    wire.close()


def test_a_death_is_seen_live_and_a_stop_by_the_button_stops_the_container(
    daemon: Daemon, page: Page, url: str
) -> None:
    daemon.file("10-db.yaml", worker("db", "system"))
    daemon.file("20-web.yaml", worker("web", "core"))
    daemon.start()
    daemon.converged()
    page.open(url)
    page.says("#headline", "All 2 services are as wanted")
    page.says("#connection", "live")
    (first,) = daemon.running("web")
    daemon.engine.client().kill(first)
    page.says("#events", "web/1", 30)
    page.says("#events", "exited with 137")
    page.says("#headline", "All 2 services are as wanted", 30)
    page.find('[data-service="web"] .name').click()
    page.says("#detail", "web runs since", 30)
    page.says("#detail", "exited with 137", 30)
    page.find('[data-verb="stop"]').click()
    page.find("#confirm-yes").click()
    page.says("#asked", "done after", 30)
    assert page.text('[data-service="web"] .state') == "stopped"
    eventually(lambda: daemon.running("web") == [], 10, "no container of web that runs")
    assert page.complaints() == []
