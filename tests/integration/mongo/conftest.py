"""MongoDB servers of the tests' own, and a fresh core database in them for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.conftest import FAILED
from tests.integration.conftest import keep
from tests.integration.daemon import Daemon
from tests.integration.mongo.followed import integration, tenant
from tests.integration.mongo.product import Product
from tests.lab.engine import LabEngine
from tests.lab.mongo_image import load_mongod
from tests.lab.mongod import LabMongod, LabReplicaSet

Server = TypeVar("Server", LabMongod, LabReplicaSet)


@pytest.fixture
def standalone() -> Iterator[LabMongod]:
    yield from seeded(LabMongod())


@pytest.fixture
def one_member() -> Iterator[LabReplicaSet]:
    yield from seeded(LabReplicaSet(1))


@pytest.fixture
def three_members() -> Iterator[LabReplicaSet]:
    yield from seeded(LabReplicaSet(3))


def seeded(server: Server) -> Iterator[Server]:
    """Running, with a core database in it."""
    try:
        server.start()
        seed(server)
        yield server
    finally:
        server.close()


@pytest.fixture
def product(engine_host: LabEngine, daemon: Daemon) -> Product:
    """Not declared and not started yet; the engine has an image of MongoDB."""
    load_mongod(engine_host)
    daemon.inside = True
    return Product(daemon)


@pytest.fixture(scope="module")
def site(lab_engine: LabEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One that was started from nothing, for all tests of a module; they ask for `running`."""
    lab_engine.cleanup()
    load_mongod(lab_engine)
    one = Product(Daemon(lab_engine, tmp_path_factory.mktemp("site"), inside=True))
    try:
        one.begin()
        yield one
    finally:
        one.daemon.close()
        lab_engine.cleanup()


@pytest.fixture
def running(site: Product, artifacts: Path, request: pytest.FixtureRequest) -> Iterator[Product]:
    """The site with the rows and services of its beginning, whatever another test did to it."""
    site.restore()
    yield site
    if request.node.stash.get(FAILED, False):
        keep(site.daemon, artifacts)
        site.daemon.engine.keep_artifacts(artifacts)


def seed(server: LabMongod | LabReplicaSet) -> None:
    """Two tenants with an integration each."""
    server.fill("tenants", [tenant("acme", 1), tenant("globex", 2)])
    server.fill("integrations", [integration("acme", 1), integration("globex", 2, "jira")])
