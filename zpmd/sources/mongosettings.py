"""The `mongodb` part of `zpmd.yaml`: where the product's core database is, and what zpmd keeps of it."""

from __future__ import annotations

import re
from pathlib import Path

from zpmd.settings import Member, Mongo, ReplicaSet
from zpmd.sources.compose.files import absolute
from zpmd.sources.compose.service import ROLES
from zpmd.sources.nodes import Map, Scalar, shortened
from zpmd.sources.reading import Cursor, Fate, Key, Section, honoured

IN_A_FILE = (
    "a password does not belong into this file: write it into one of its own (0600), and name it by password_file"
)
MONGODB: Section = {
    **honoured(
        "auth_source", "database", "hosts", "mode", "password_file", "poll_seconds", "probe_seconds", "replica_set",
        "timeout_seconds", "tls", "tls_ca_file", "username",
    ),
    "password": Key(Fate.REFUSED, IN_A_FILE),
    "uri": Key(Fate.REFUSED, "a URI is not taken, because passwords stand in them: write hosts, username, password_file"),
}  # fmt: skip
REPLICA_SET: Section = honoured("members", "name", "priorities")
MEMBER: Section = honoured("host", "priority")
HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
DATABASE = re.compile(r"[^/\\. \"$*<>:|?\x00]{1,63}")
"""What MongoDB takes as a name on any of its platforms (its manual, Limits: naming restrictions)."""


def mongo(cursor: Cursor) -> Mongo:
    f = cursor.fields(MONGODB)
    default = Mongo()
    username = f["username"].text()
    if "password_file" in f and not username:
        f["password_file"].problem_at_key("there is a password and no username: write both")
    if "tls_ca_file" in f and not f["tls"].boolean():
        f["tls_ca_file"].problem_at_key("it has no effect without `tls: true`")
    return Mongo(
        hosts=hosts(f["hosts"], default.hosts),
        database=database(f["database"], default.database),
        mode=f["mode"].word({"shared": "shared", "mssp": "mssp"}, default.mode),
        username=username,
        password_file=path_of(f["password_file"], Path()) if "password_file" in f else None,
        auth_source=database(f["auth_source"], default.auth_source),
        tls=f["tls"].boolean(),
        tls_ca_file=path_of(f["tls_ca_file"], Path()) if "tls_ca_file" in f else None,
        timeout_seconds=f["timeout_seconds"].number(low=0.1, high=300, default=default.timeout_seconds),
        poll_seconds=f["poll_seconds"].number(low=0.1, high=3600, default=default.poll_seconds),
        probe_seconds=f["probe_seconds"].number(low=0, high=86400, default=default.probe_seconds),
        replica_set=replica_set(f["replica_set"]) if "replica_set" in f else None,
    )


def hosts(cursor: Cursor, default: tuple[str, ...]) -> tuple[str, ...]:
    if not cursor.written:
        return default
    found = tuple(host(item) for item in cursor.items())
    if not found and not isinstance(cursor.node, (Map, Scalar)):
        cursor.problem("there is none: write at least one `host:port`")
    return found


def host(cursor: Cursor) -> str:
    text = cursor.text()
    port = text.rpartition(":")[2]
    if not HOST.fullmatch(text) or (":" in text and port.isdigit() and not 0 < int(port) < 65536):
        cursor.problem(f"{shortened(text)!r} is not a host: write `host:port`")
    return text


def database(cursor: Cursor, default: str) -> str:
    text = cursor.text(default)
    if not DATABASE.fullmatch(text):
        cursor.problem(f"{shortened(text)!r} is not the name of a database")
    return text


def replica_set(cursor: Cursor) -> ReplicaSet:
    f = cursor.fields(REPLICA_SET)
    default = ReplicaSet(name="")
    name = f.required("name", "write the name that mongod was started with (`--replSet`)").text()
    priorities = dict(default.priorities)
    for role, value in f["priorities"].entries():
        if role not in ROLES:
            value.problem_at_key(f"{shortened(role)!r} is no role: write {', '.join(ROLES)}")
        priorities[role] = priority(value) or 0.0
    return ReplicaSet(
        name=name,
        members=tuple(member(item) for item in f["members"].items()),
        priorities=tuple((role, priorities[role]) for role, _ in default.priorities),
    )


def member(cursor: Cursor) -> Member:
    if isinstance(cursor.node, Scalar):
        return Member(host=host(cursor))
    f = cursor.fields(MEMBER)
    return Member(
        host=host(f.required("host", "write `host:port`")),
        priority=priority(f["priority"]) if "priority" in f else None,
    )


def priority(cursor: Cursor) -> float | None:
    """0 to 1000 (MongoDB's manual, members[n].priority)."""
    return cursor.number(low=0, high=1000)


def path_of(cursor: Cursor, default: Path) -> Path:
    """An absolute path; relative ones start at the folder of the file."""
    text = cursor.text()
    if cursor.written and not text:
        cursor.problem("the path is empty: write one, or leave the key out")
    return Path(absolute(text, cursor.node.mark.origin.folder)) if text else default
