"""One probe of one tenant's database: can it be reached, and does it let its user in?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pymongo.errors import ConnectionFailure, ExecutionTimeout, NotPrimaryError

from zpmd.model.replicaset import spelled
from zpmd.model.secret import Secret
from zpmd.model.tenant import Connection, Rows, Status, Tenant
from zpmd.sources.mongo.direct import Access, direct, words

UNFIT = "it is neither primary nor secondary of its replica set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Where a row says that a database is. Rows that say the same share one probe."""

    hosts: str
    username: str = ""
    password: Secret = Secret()
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A row whose `connection_status` is kept. `shown` is what it says now."""

    collection: str
    row: str
    database: Database
    shown: Connection

    @property
    def subject(self) -> str:
        return f"{self.collection}/{self.row}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a probe came to. `why` is one line without secrets, "" where it is connected."""

    connection: Connection
    why: str = ""


def probed(rows: Rows) -> tuple[Probed, ...]:
    """The rows with a database of their own; those of deleted tenants are left alone."""
    return tuple(
        Probed(
            collection=collection,
            row=row.row,
            database=Database(hosts=row.db_host, username=row.db_username, password=row.db_password, name=row.db_name),
            shown=row.connection_status,
        )
        for collection, row in _rows(rows)
        if row.db_host and row.row and row.status is not Status.DELETED
    )


def _rows(rows: Rows) -> Iterator[tuple[str, Tenant]]:
    kinds: tuple[tuple[str, Iterable[Tenant]], ...] = (
        ("tenants", rows.tenants),
        ("tenant_dbs", rows.databases),
        ("tenant_backups", rows.backups),
    )
    yield from ((collection, row) for collection, found in kinds for row in found)


def probe(database: Database, access: Access) -> Found:
    """CONNECTED as soon as one of its hosts lets the user in; else ERROR where one answered; else DISCONNECTED.

    `access` says all but the user. Takes no longer than its deadline for each host, and never raises.
    """
    entering = replace(access, username=database.username, password=database.password)
    hosts = [spelled(host) for host in database.hosts.split(",")]
    if "" in hosts:
        return Found(connection=Connection.ERROR, why="its db_host is no list of host[:port]")
    refusal = silence = ""
    for host in hosts:
        try:
            unfit = _enter(host, database.name, entering)
        except NotPrimaryError:  # to the driver a lost connection, but somebody has answered
            refusal = f"{host}: {UNFIT}"
        except (ConnectionFailure, ExecutionTimeout) as error:
            silence = _at(host, error)
        except Exception as error:  # a refusal, or what the driver makes of a name or password that no server can have
            refusal = _at(host, error)
        else:
            if not unfit:
                return Found(connection=Connection.CONNECTED)
            refusal = f"{host}: {unfit}"
    if refusal:
        return Found(connection=Connection.ERROR, why=refusal)
    return Found(connection=Connection.DISCONNECTED, why=silence)


def _at(host: str, error: Exception) -> str:
    return f"{host}: {words(error).removeprefix(f'{host}: ')}"


def _enter(host: str, name: str, access: Access) -> str:
    """Why this server is of no use although it answers; "" where it is."""
    with direct(host, access) as client:
        # the names of what the user may see: the least that is asked of nobody who is not logged in
        client[name or "admin"].command("listCollections", nameOnly=True, authorizedCollections=True)
        hello = client.admin.command("hello")
    if hello.get("isWritablePrimary") or hello.get("secondary"):
        return ""
    return UNFIT
