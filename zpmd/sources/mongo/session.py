"""Sessions: which database holds whose rows, and reading all of one.

In shared mode every tenant's session is the core database, which is read once. In MSSP mode a tenant has its own: the
database of its `tenants` row or, where that names none, its first active row of `tenant_dbs`; where neither does, the
core database again. Sessions to the same hosts with the same credentials share a client.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import cast

import pymongo
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from zpmd.model.tenant import Rows, Status, Tenant, TenantDB
from zpmd.sources.mongo.client import Client, Deployment, Unusable, connected, hosts_of
from zpmd.sources.rows import COLLECTIONS, OWN_COLLECTIONS

CORE = ""
"""The key of the core database's session, where tenant codes are the keys of the others."""
POOL = 16

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


@dataclass(frozen=True, slots=True)
class SessionStruct:
    """Where the rows of one tenant are; `tenantcode` is CORE for the core database."""

    tenantcode: str
    deployment: Deployment
    database: str


@dataclass(frozen=True, slots=True)
class Content:
    """All documents of a database that matter, and which of their collections there are."""

    documents: Mapping[str, list[RawBSONDocument]]
    present: frozenset[str]


class Clients:
    """One for each deployment. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Deployment, Client] = {}

    def of(self, where: Deployment, streaming: bool = False) -> Client:
        """Raises what FAILURES names."""
        with self._lock:
            if where not in self._open:
                self._open[where] = connected(where, POOL, streaming)
            return self._open[where]

    def known(self, where: Deployment) -> Client | None:
        return self._open.get(where)

    def keep(self, wanted: Collection[Deployment]) -> None:
        """Close the others."""
        with self._lock:
            gone = [self._open.pop(where) for where in list(self._open) if where not in wanted]
        for client in gone:
            client.close()


def own_sessions(rows: Rows, core: SessionStruct, mode: str) -> dict[str, SessionStruct | str]:
    """The session of each tenant that has a database of its own, or why it cannot be told where that is."""
    found: dict[str, SessionStruct | str] = {}
    if mode != "mssp":
        return found
    named: dict[str, TenantDB] = {}
    for database in rows.databases:
        if database.status is Status.ACTIVE and database.db_name:
            named.setdefault(database.tenantcode, database)
    for tenant in rows.tenants:
        place: Tenant | None = tenant if tenant.db_host or tenant.db_name else named.get(tenant.tenantcode)
        if tenant.status is Status.DELETED or place is None:
            continue
        try:
            session = session_of(tenant.tenantcode, place, core)
        except Unusable as error:
            found[tenant.tenantcode] = str(error)
            continue
        if (session.deployment.hosts, session.database) != (core.deployment.hosts, core.database):
            found[tenant.tenantcode] = session
    return found


def session_of(tenantcode: str, place: Tenant, core: SessionStruct) -> SessionStruct:
    """Raises Unusable."""
    if not place.db_name:
        raise Unusable("its row names a db_host, and no db_name")
    hosts = hosts_of(place.db_host) if place.db_host else core.deployment.hosts
    access = core.deployment.access
    if place.db_username:
        access = replace(access, username=place.db_username, password=place.db_password)
    elif not set(hosts) <= set(core.deployment.hosts):
        access = access.anonymous  # a row must not be able to have the core's password sent to a host of its choice
    return SessionStruct(tenantcode, Deployment(hosts, access), place.db_name)


def read(client: Client, session: SessionStruct) -> Content:
    """All that matters of a session's database. Raises what FAILURES names."""
    seconds = session.deployment.access.timeout_seconds
    # Outside the deadline of one call: a connection that is slow to come about counts by its steps.
    client.admin.command("ping")
    database = client[session.database]
    with pymongo.timeout(seconds):
        present = frozenset(database.list_collection_names(authorizedCollections=True))
    raw = client.get_database(session.database, codec_options=RAW)
    documents: dict[str, list[RawBSONDocument]] = {}
    for name in OWN_COLLECTIONS if session.tenantcode else COLLECTIONS:
        with pymongo.timeout(seconds):
            found = raw.get_collection(name).find({}, batch_size=100_000).to_list()
            documents[name] = cast("list[RawBSONDocument]", found)  # by RAW, which the driver's types lose
    return Content(documents, present)
