"""Talking to one mongod, and to no other: what a replica set says of its members leads nowhere.

Every client has a deadline for everything and is closed after its few commands: nothing of it goes stale.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pymongo
from pymongo import MongoClient
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

from zpmd.model.secret import Secret
from zpmd.redaction import redact

LONGEST_WORDS = 200

REFUSALS = frozenset({11, 13, 18, 334})
"""Codes that mean: not with this user, or not without one (UserNotFound, Unauthorized, AuthenticationFailed,
MechanismUnavailable)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to get in. The deadline is for each `direct` as a whole."""

    username: str = ""
    password: Secret = Secret()
    auth_source: str = "admin"
    tls: bool = False
    tls_ca_file: Path | None = None
    timeout_seconds: float = 2.0

    @property
    def anonymous(self) -> Access:
        return replace(self, username="", password=Secret())


@contextmanager
def direct(host: str, access: Access) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client of this one mongod, closed at the end. What is asked of it raises PyMongoError, at the deadline too."""
    milliseconds = max(1, round(access.timeout_seconds * 1000))
    if access.username and not access.password:
        raise ConfigurationError("a user without a password")
    with pymongo.timeout(access.timeout_seconds):
        client: MongoClient[dict[str, Any]] = MongoClient(
            host,
            directConnection=True,
            connect=False,
            appname="zpmd",
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            socketTimeoutMS=milliseconds,
            serverMonitoringMode="poll",
            retryReads=False,
            retryWrites=False,
            maxPoolSize=1,
            **entrance(access),
        )
        try:
            yield client
        finally:
            client.close()


def entrance(access: Access) -> dict[str, Any]:
    """The options of a client by which it gets in: user and password by themselves, never in a URI."""
    options: dict[str, Any] = {}
    if access.username:
        options |= {"username": access.username, "password": access.password.value, "authSource": access.auth_source}
    if access.tls:
        options |= {"tls": True}
        if access.tls_ca_file:
            options |= {"tlsCAFile": str(access.tls_ca_file)}
    return options


def words(error: Exception) -> str:
    """One line without secrets and without what a driver adds for its own developers."""
    text = str(error)
    if isinstance(error, OperationFailure) and error.details:
        text = str(error.details.get("errmsg", text))
    for tail in (
        " to execute command {",
        ", full error:",
        " (configured timeouts:",
        ", Timeout:",
        ", Topology Description:",
    ):
        text = text.split(tail)[0]
    text = " ".join(redact(text).split())
    return text if len(text) <= LONGEST_WORDS else f"{text[: LONGEST_WORDS - 1]}…"


def code(error: PyMongoError) -> int | None:
    return error.code if isinstance(error, OperationFailure) else None
