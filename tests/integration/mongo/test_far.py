"""MongoDB is somebody else's and away, in every way that it can be: what runs goes on, zpmd says since when and why,
and nothing is removed; when it is back, what was changed meanwhile is taken up, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import FAILED
from tests.integration.conftest import keep
from tests.integration.daemon import Daemon
from tests.integration.mongo.product import APPS, AWAY, INTEGRATIONS, TEMPLATE, TENANTS, healthy, started, told_away
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually
from tests.lab.mongod import DATABASE, LabMongod, LabReplicaSet


class Far:
    """A zpmd whose MongoDB is somebody else's."""

    user, password = "zpmd", "far-away-password"

    def __init__(self, engine: LabEngine, folder: Path) -> None:
        self.mongo = LabReplicaSet(1, auth=True)
        self.daemon = Daemon(engine, folder)
        self.secret = folder / "mongo.password"

    @property
    def only(self) -> LabMongod:
        return self.mongo.members[0]

    def begin(self) -> None:
        self.mongo.start()
        self.only.add_user(self.user, self.password, "root")
        self.daemon.file("app.yaml", TEMPLATE)
        self.settings()
        self.restore()

    def settings(self, database: str = DATABASE, password: str = password) -> None:
        """Start zpmd with these, anew."""
        self.daemon.close()
        self.secret.write_text(password)
        self.daemon.settings["mongodb"] = {
            "hosts": list(self.mongo.hosts), "database": database, "timeout_seconds": 2, "probe_seconds": 0,
            "username": self.user, "password_file": str(self.secret),
        }  # fmt: skip
        self.daemon.start()

    def restore(self) -> None:
        self.mongo.fill("tenants", TENANTS)
        self.mongo.fill("integrations", INTEGRATIONS)
        eventually(lambda: healthy(self.daemon) == sorted(APPS), 60, "all integrations", 0.1)
        eventually(lambda: AWAY not in self.daemon.ctl("status").out, 20, "MongoDB read", 0.1)


@pytest.fixture(scope="module")
def far_site(lab_engine: LabEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    lab_engine.cleanup()
    one = Far(lab_engine, tmp_path_factory.mktemp("far"))
    try:
        one.begin()
        yield one
    finally:
        one.daemon.close()
        one.mongo.close()
        lab_engine.cleanup()


@pytest.fixture
def far(far_site: Far, artifacts: Path, request: pytest.FixtureRequest) -> Iterator[Far]:
    yield far_site
    if request.node.stash.get(FAILED, False):
        keep(far_site.daemon, artifacts)


def emptied(far: Far) -> None:
    for collection in ("tenants", "integrations"):
        far.mongo.fill(collection, [])


WAYS: dict[str, tuple[Callable[[Far], object], str, Callable[[Far], object]]] = {
    "stopped": (lambda f: f.only.stop(), "connection refused", lambda f: f.mongo.start()),
    "killed": (lambda f: f.only.kill(), "connection refused", lambda f: f.mongo.start()),
    "frozen": (lambda f: f.only.pause(), "no answer in time|within 2 s", lambda f: f.only.resume()),
    "wrong password": (lambda f: f.settings(password="an-older-password"), "refuses user zpmd", lambda f: f.settings()),
    "wrong database": (lambda f: f.settings(database="zonna"), "in database zonna", lambda f: f.settings()),
    "emptied": (emptied, "in database zona:", lambda f: f.mongo.fill("tenants", TENANTS)),
}  # fmt: skip
"""How it goes away, what is said then, and how it comes back."""


@pytest.mark.parametrize("way", WAYS)
def test_whatever_is_wrong_with_mongodb_all_goes_on(far: Far, way: str) -> None:
    leave, words, come_back = WAYS[way]
    daemon, before = far.daemon, started(far.daemon)
    leave(far)
    told_away(daemon, *words.split("|"))
    assert started(daemon) == before
    if way in ("killed", "emptied"):
        daemon.kill()
        daemon.start()
        told_away(daemon, *words.split("|"))
        assert started(daemon) == before
    come_back(far)
    far.restore()
    assert started(daemon) == before
    far.mongo.shared[DATABASE]["integrations"].update_one({"integration_id": 2}, {"$set": {"title": way}})
    eventually(lambda: {n for n, c in started(daemon).items() if c != before[n]} == {"jira-acme-2"}, 30, "the change")
    eventually(lambda: healthy(daemon) == sorted(APPS), 30, "all integrations", 0.1)
    changed = started(daemon)["jira-acme-2"]
    far.restore()
    eventually(lambda: started(daemon).get("jira-acme-2", changed) != changed, 30, "the title of before")
    eventually(lambda: healthy(daemon) == sorted(APPS), 30, "all integrations", 0.1)
