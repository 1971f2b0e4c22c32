"""The lab's own promises: what a test may rely on when it breaks a MongoDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo.errors import OperationFailure, PyMongoError

from tests.lab.engine import ComponentMissing
from tests.lab.mongod import LabMongod, LabReplicaSet
from tests.lab.proxy import Proxy


@pytest.fixture
def three() -> Iterator[LabReplicaSet]:
    found = LabReplicaSet(3)
    try:
        found.start()
        yield found
    finally:
        found.close()


def test_a_standalone_keeps_its_rows_over_a_kill() -> None:
    server = LabMongod()
    try:
        server.start()
        server.fill("tenants", [{"tenantcode": "acme"}])
        server.direct.admin.command("fsync")
        server.kill()
        assert not server.running
        assert server.hello() == {}
        server.start()
        assert [row["tenantcode"] for row in server.direct.zona.tenants.find()] == ["acme"]
    finally:
        server.close()
    assert not server.folder.exists()


@pytest.mark.parametrize("size", [0, 1], ids=["standalone", "replica set"])
def test_a_server_with_users_lets_only_them_in(size: int) -> None:
    server: LabMongod | LabReplicaSet = LabReplicaSet(size, auth=True) if size else LabMongod(auth=True)
    try:
        server.start()
        server.fill("tenants", [{"tenantcode": "acme"}])
        single = server.members[0] if isinstance(server, LabReplicaSet) else server
        with single.client(username="lab-root", password="wrong") as stranger, pytest.raises(OperationFailure):
            stranger.zona.tenants.find_one()
    finally:
        server.close()


def test_a_set_of_three_has_another_primary_when_one_is_killed_or_steps_down(three: LabReplicaSet) -> None:
    first = three.primary()
    first.kill()
    second = three.primary(other_than=first)
    first.start()
    three.fill("tenants", [{"tenantcode": "acme"}])
    second.step_down()
    assert three.primary(other_than=second) is not second


def test_a_wire_can_be_cut_and_mended() -> None:
    server = LabMongod()
    wire = Proxy(server.address)
    try:
        server.start()
        with server.client() as plain, type(plain)(wire.address, serverSelectionTimeoutMS=500) as client:
            assert client.admin.command("ping")["ok"] == 1
            wire.cut()
            with pytest.raises(PyMongoError):
                client.admin.command("ping")
            wire.calm()
            assert client.admin.command("ping")["ok"] == 1
    finally:
        wire.close()
        server.close()


def test_a_machine_without_mongod_is_told_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZPMD_LAB", str(tmp_path))
    with pytest.raises(ComponentMissing, match="scripts/mongod --install-only"):
        LabMongod()
