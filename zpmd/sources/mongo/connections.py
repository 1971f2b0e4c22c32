"""Where `connection_status` is written: to the row in MongoDB, or to zpmd's own store where rows are data files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import pymongo
from bson import Binary, ObjectId
from pymongo import MongoClient, WriteConcern

from zpmd.model.tenant import Connection
from zpmd.ports import Store


class MongoConnections:
    """Writes the one field of the row, to a majority, within `timeout_seconds`."""

    def __init__(self, client: MongoClient[dict[str, Any]], database: str, timeout_seconds: float) -> None:
        self._database = client.get_database(database, write_concern=WriteConcern("majority"))
        self._timeout_seconds = timeout_seconds

    def write(self, collection: str, row: str, connection: Connection) -> None:
        """A row that is gone is no error. Raises PyMongoError."""
        with pymongo.timeout(self._timeout_seconds):
            self._database[collection].update_one(
                {"_id": {"$in": identities(row)}}, {"$set": {"connection_status": str(connection)}}
            )


def identities(row: str) -> list[object]:
    """Every `_id` whose text this is: other programs choose the type of their ids."""
    found: list[object] = [row]
    if ObjectId.is_valid(row):
        found.append(ObjectId(row))
    if row.removeprefix("-").isdecimal() and str(int(row)) == row and -(2**63) <= int(row) < 2**63:
        found.append(int(row))
    with suppress(ValueError):
        found.append(Binary.from_uuid(UUID(row)))
    return found


def kept_in(store: Store) -> Callable[[str, str, Connection], None]:
    """For registries that take no writing. Raises StoreError."""
    return lambda collection, row, connection: store.keep_connection(f"{collection}/{row}", connection)
