"""Clients of a MongoDB, and what went wrong with one, in words for operators.

Rules: user and password are separate arguments and never part of a URI; whatever waits has a deadline; no word of the
driver goes anywhere before secrets are masked in it, those that are known by their value and others by their looks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConfigurationError, ConnectionFailure, OperationFailure, PyMongoError
from pymongo.errors import ServerSelectionTimeoutError as NobodyThere
from pymongo.topology_description import TopologyDescription

from zpmd import permission
from zpmd.credentials import given
from zpmd.errors import ZpmdError
from zpmd.model.secret import HIDDEN, Secret
from zpmd.redaction import KNOWN
from zpmd.settings import Mongo
from zpmd.sources.mongo.direct import REFUSALS, Access, entrance, words

Client = MongoClient[dict[str, Any]]

FAILURES = (PyMongoError, OSError, ValueError, TypeError, IndexError, RuntimeError, ZpmdError)
"""What a driver that is told foreign hosts, names and certificates raises; IndexError for a password of which nothing
is left when it is prepared, RuntimeError where threads cannot start."""

SELECTION_SECONDS = 2.0
"""For so long a server that fits is waited for: the driver looks again every half second meanwhile."""
HEARTBEAT_SECONDS = 2.0
DEFAULT_PORT = 27017
CREDENTIAL = "mongodb.password"

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_CAUSES = (
    (re.compile(r"connection refused", re.IGNORECASE), "connection refused"),
    (re.compile(r"timed out|timeout", re.IGNORECASE), "no answer in time"),
    (re.compile(r"name or service|name resolution|nodename|no address", re.IGNORECASE), "its host name is not known"),
    (re.compile(r"no route|unreachable", re.IGNORECASE), "no way leads there"),
    (re.compile(r"certificate verify failed", re.IGNORECASE), "its certificate is not trusted"),
    (re.compile(r"ssl|tls", re.IGNORECASE), "it does not speak TLS as configured"),
    (re.compile(r"closed|reset", re.IGNORECASE), "it closed the connection"),
)


class Unusable(ZpmdError):
    """What was found is not what could be used; the text says why, for operators."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where, and as whom. `hosts` are `host:port`, sorted, so that the same place is an equal value."""

    hosts: tuple[str, ...]
    access: Access

    @property
    def at(self) -> str:
        return ", ".join(self.hosts)


def hosts_of(text: str) -> tuple[str, ...]:
    """`host[:port][,host[:port]...]` as a Deployment has it. Raises Unusable; the text is not repeated, because what is
    no list of hosts is often a URI with a password in it."""
    parts = [part.strip() for part in text.split(",")]
    if not all(_HOST.fullmatch(part) for part in parts):
        raise Unusable("db_host is no list of host[:port]")
    return tuple(sorted({part if re.search(r":[0-9]+$", part) else f"{part}:{DEFAULT_PORT}" for part in parts}))


def deployment(settings: Mongo, environ: Mapping[str, str] = os.environ) -> Deployment:
    """The core database's, with its password as it is now. Raises Unusable."""
    return Deployment(
        hosts_of(",".join(settings.hosts)),
        Access(
            username=settings.username,
            password=password(settings, environ),
            auth_source=settings.auth_source,
            tls=settings.tls,
            tls_ca_file=settings.tls_ca_file,
            timeout_seconds=settings.timeout_seconds,
        ),
    )


def password(settings: Mongo, environ: Mapping[str, str] = os.environ) -> Secret:
    """The content of `password_file`, or of the systemd credential; none without a username. Raises Unusable."""
    if not settings.username:
        return Secret()
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    path = settings.password_file or given(Path(folder) if folder else None, CREDENTIAL)
    if path is None:
        raise Unusable(f"no password for user {settings.username}: set mongodb.password_file, or LoadCredential=")
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = permission.explained(error) if isinstance(error, OSError) else "it is not UTF-8"
        raise Unusable(f"cannot read the password of user {settings.username}: {path}: {why}") from None
    if not text:
        raise Unusable(f"the password of user {settings.username} is empty: {path}")
    KNOWN.learn([text])
    return Secret(text)


def connected(where: Deployment, pool: int, streaming: bool) -> Client:
    """A client that connects when it is first asked; the caller closes it. With `streaming` it learns of a change of
    primaries at once, for another thread and connection. Raises what FAILURES names."""
    access = where.access
    milliseconds = max(1, round(access.timeout_seconds * 1000))
    return MongoClient(
        list(where.hosts),
        connect=False,
        appname="zpmd",
        serverSelectionTimeoutMS=min(milliseconds, round(SELECTION_SECONDS * 1000)),
        connectTimeoutMS=milliseconds,
        socketTimeoutMS=milliseconds,
        waitQueueTimeoutMS=milliseconds,
        heartbeatFrequencyMS=round(HEARTBEAT_SECONDS * 1000),
        serverMonitoringMode="stream" if streaming else "poll",
        readConcernLevel="majority",
        w="majority",
        wTimeoutMS=milliseconds,
        maxPoolSize=pool,
        **entrance(access),
    )


def why(error: Exception, where: Deployment, client: Client | None = None) -> str:
    """What is wrong, in one line without secrets."""
    return masked(_why(error, where, client), (where.access.password,))


def masked(text: str, secrets: Iterable[Secret] = ()) -> str:
    """One bounded line, without the values of these secrets and without what looks like one."""
    for secret in secrets:
        if secret:
            text = text.replace(secret.value, HIDDEN)
    return words(Exception(text))


def _why(error: Exception, where: Deployment, client: Client | None) -> str:
    access = where.access
    match error:
        case NobodyThere():
            return _nobody(error, where, client.topology_description if client else None)
        case OperationFailure(code=int(code)) if code in REFUSALS and code != 13:
            if not access.username:
                return f"wants a user and a password at {where.at}"
            return f"refuses user {access.username} at {where.at}: wrong user, password or auth_source"
        case OperationFailure(code=13):
            who = f"user {access.username}" if access.username else "anybody without a user"
            return f"does not let {who} do what is needed at {where.at}: {words(error)}"
        case PyMongoError(timeout=True):
            return f"does not answer at {where.at} within {access.timeout_seconds:g} s"
        case ConfigurationError() | ValueError() | TypeError():
            return f"cannot be asked as it is configured at {where.at}: {words(error)}"
        case ConnectionFailure():
            return f"does not answer at {where.at}: {_cause(str(error))}"
        case Unusable():
            return str(error)
        case OSError():
            return f"cannot be asked at {where.at}: {error.strerror or _cause(str(error))}: {error.filename or ''}"
        case _:
            return f"answers at {where.at} with an error: {words(error)}"


def _nobody(error: Exception, where: Deployment, seen: TopologyDescription | None) -> str:
    """No server that could be used: there is none, or none of those that answer is the primary."""
    kinds = {s.server_type_name for s in seen.server_descriptions().values()} if seen else set()
    if "RSGhost" in kinds:
        return f"answers at {where.at}, and its replica set is not initiated"
    if kinds & {"RSSecondary", "RSArbiter", "RSOther"}:
        return f"has no primary in its replica set at {where.at}"
    return f"does not answer at {where.at}: {_cause(str(error))}"


def _cause(text: str) -> str:
    head = text.split(" (configured timeouts:")[0]
    return next((said for pattern, said in _CAUSES if pattern.search(head)), words(Exception(head)))
