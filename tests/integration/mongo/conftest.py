"""MongoDB servers of the tests' own, and a fresh core database in them for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.mongo.followed import integration, tenant
from tests.lab.mongod import LabMongod, LabReplicaSet


@pytest.fixture
def standalone() -> Iterator[LabMongod]:
    server = LabMongod()
    try:
        server.start()
        seed(server)
        yield server
    finally:
        server.close()


@pytest.fixture
def one_member() -> Iterator[LabReplicaSet]:
    server = LabReplicaSet(1)
    try:
        server.start()
        seed(server)
        yield server
    finally:
        server.close()


@pytest.fixture
def three_members() -> Iterator[LabReplicaSet]:
    server = LabReplicaSet(3)
    try:
        server.start()
        seed(server)
        yield server
    finally:
        server.close()


def seed(server: LabMongod | LabReplicaSet) -> None:
    """Two tenants with an integration each."""
    server.fill("tenants", [tenant("acme", 1), tenant("globex", 2)])
    server.fill("integrations", [integration("acme", 1), integration("globex", 2, "jira")])
