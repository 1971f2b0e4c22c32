"""`mongodb:` of the settings file into `Mongo`. A password in that file is refused, with what to do instead."""

from __future__ import annotations

import re

from zpmd.settings import Member, Mongo, ReplicaSet
from zpmd.sources.compose.service import ROLES
from zpmd.sources.nodes import Map, shortened
from zpmd.sources.reading import Cursor, Fate, Key, Section, honoured
from zpmd.sources.settings_paths import written_path

NO_PASSWORD = Key(
    Fate.REFUSED,
    "a password does not belong into this file: write it into a file of its own (mode 0600) and name that as "
    "password_file, or give it as the systemd credential mongodb.password",
)
NO_URI = Key(Fate.REFUSED, "a URI may hold a password: write hosts, database, username and password_file")

MONGODB: Section = {
    **honoured(
        "auth_source", "database", "hosts", "mode", "password_file", "poll_seconds", "probe_seconds", "replica_set",
        "timeout_seconds", "tls", "tls_ca_file", "username",
    ),
    "password": NO_PASSWORD,
    "uri": NO_URI,
    "url": NO_URI,
}  # fmt: skip
REPLICA_SET: Section = honoured("members", "name", "priorities")
MEMBER: Section = honoured("host", "priority")
PRIORITIES: Section = honoured(*ROLES)
MODES = ("shared", "mssp")

HOST = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
DATABASE = re.compile(r'[^/\\. "$*<>:|?\0]{1,63}')
"""What MongoDB lets a database be called."""


def mongodb(cursor: Cursor) -> Mongo | None:
    """None where the key is not written."""
    if not cursor.written:
        return None
    f = cursor.fields(MONGODB)
    default = Mongo()
    hosts = tuple(host(item) for item in f["hosts"].items())
    if f["hosts"].written and not hosts:
        f["hosts"].problem("name a host at least, or leave the key out")
    if "password_file" in f and "username" not in f:
        f["password_file"].problem_at_key("stands without a username: write one, or remove it")
    if "tls_ca_file" in f and not f["tls"].boolean():
        f["tls_ca_file"].problem_at_key("has no effect without tls: write `tls: true`, or remove it")
    return Mongo(
        hosts=hosts or default.hosts,
        database=database(f["database"], default.database),
        mode=f["mode"].word({mode: mode for mode in MODES}, default.mode),
        username=f["username"].text(),
        password_file=written_path(f["password_file"]),
        auth_source=database(f["auth_source"], default.auth_source),
        tls=f["tls"].boolean(),
        tls_ca_file=written_path(f["tls_ca_file"]),
        timeout_seconds=f["timeout_seconds"].number(low=0.5, high=60, default=default.timeout_seconds),
        poll_seconds=f["poll_seconds"].number(low=0.5, high=3600, default=default.poll_seconds),
        probe_seconds=f["probe_seconds"].number(low=0, high=86400, default=default.probe_seconds),
        replica_set=replica_set(f["replica_set"]),
    )


def replica_set(cursor: Cursor) -> ReplicaSet | None:
    """None where the key is not written: then zpmd leaves replica sets alone."""
    if not cursor.written:
        return None
    f = cursor.fields(REPLICA_SET)
    name = f["name"].text()
    if not name:
        cursor.problem_at_key("has no name: write the name that mongod has as --replSet")
    members = tuple(member(item) for item in f["members"].items())
    hosts = [one.host for one in members]
    if len(set(hosts)) < len(hosts):
        f["members"].problem("names a host twice: keep one of them")
    roles = f["priorities"].fields(PRIORITIES)
    priorities = tuple(
        (role, roles[role].number(low=0, high=1000, default=priority))
        for role, priority in ReplicaSet(name=name).priorities
    )
    return ReplicaSet(name=name, members=members, priorities=priorities)


def member(cursor: Cursor) -> Member:
    """A host, or a mapping of it and its priority."""
    if not isinstance(cursor.node, Map):
        return Member(host=host(cursor))
    f = cursor.fields(MEMBER)
    if "host" not in f:
        cursor.problem("has no host: write host[:port]")
    priority = f["priority"].number(low=0, high=1000) if "priority" in f else None
    return Member(host=host(f["host"]) if "host" in f else "", priority=priority)


def host(cursor: Cursor) -> str:
    text = cursor.text()
    if "@" in text or "://" in text:
        cursor.problem("is a URI, which may hold a password: write host[:port], and username and password_file")
    elif not HOST.fullmatch(text):
        cursor.problem(f"{shortened(text)!r} is not a host: write host[:port]")
    return text


def database(cursor: Cursor, default: str) -> str:
    name = cursor.text(default)
    if not DATABASE.fullmatch(name):
        cursor.problem(f"{shortened(name)!r} cannot be the name of a database")
    return name
