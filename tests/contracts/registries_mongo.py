"""A real MongoDB as the place where rows are: a standalone, which is polled, and a replica set with its streams."""

from __future__ import annotations

from pathlib import Path

from pymongo import WriteConcern
from pymongo.collection import Collection

from tests.contracts.registries import Document, RegistryHarness
from tests.lab.mongod import DATABASE, LabMongod, LabReplicaSet
from zpmd.daemon.clock import SystemClock
from zpmd.settings import Mongo
from zpmd.sources.mongo.registry import MongoRegistry


class MongoHarness(RegistryHarness):
    empty_is_an_answer = False

    def __init__(self, server: LabMongod | LabReplicaSet) -> None:
        super().__init__()
        self.server = server
        server.start()
        self.mongod = server.members[0] if isinstance(server, LabReplicaSet) else server
        settings = Mongo(hosts=(self.mongod.address,), timeout_seconds=2.0, poll_seconds=0.5)
        self.registry = MongoRegistry(settings, SystemClock())

    def put(self, collection: str, document: Document) -> None:
        self._collection(collection).replace_one({"_id": document["_id"]}, document, upsert=True)

    def delete(self, collection: str, row: str) -> None:
        self._collection(collection).delete_one({"_id": row})

    def break_down(self) -> None:
        self.mongod.kill()

    def mend(self) -> None:
        self.mongod.start()
        if isinstance(self.server, LabReplicaSet):
            self.server.primary()

    def close(self) -> None:
        self.server.close()

    def _collection(self, name: str) -> Collection[Document]:
        # acknowledged only when it would survive being broken down
        return self.mongod.direct[DATABASE].get_collection(name, write_concern=WriteConcern(w="majority", j=True))


def standalone(_: Path) -> RegistryHarness:
    return MongoHarness(LabMongod())


def replica_set(_: Path) -> RegistryHarness:
    return MongoHarness(LabReplicaSet(1))
