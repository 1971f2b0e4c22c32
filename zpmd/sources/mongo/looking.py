"""Looking at the members of a replica set one by one, and carrying out a step on one of them.

A mongod with a keyfile that was never initiated has no users: nobody can log in. MongoDB's localhost exception then
lets a connection over the loopback interface, and no other, ask for its status, initiate it and change its config. So
what is refused to the user is asked without one, and of a mongod of this host over the loopback, once it is certain
that the same process answers there.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from pymongo.errors import PyMongoError

from zpmd.model.replicaset import Look, Standing, spelled
from zpmd.sources.mongo.direct import REFUSALS, Access, code, direct, words
from zpmd.sources.mongo.replicaset_documents import config_of, states_of

AT_ONCE = 8
_SAID = {76: Standing.ALONE, 93: Standing.REMOVED, 94: Standing.NEVER}
"""What it means when `replSetGetStatus` is answered with one of these codes: NoReplicationEnabled,
InvalidReplicaSetConfig, NotYetInitialized."""

Document = Mapping[str, Any]


class Members:
    """`access` is asked each time: a password may change. Every method is bounded by a few times the deadline of it,
    and may be called from any thread."""

    def __init__(self, access: Callable[[], Access]) -> None:
        self._access = access

    def look(self, hosts: Sequence[str], own: Collection[str]) -> dict[str, Look]:
        """At all of them at the same time. `own` are the hosts of this server."""
        with ThreadPoolExecutor(min(AT_ONCE, max(1, len(hosts))), "zpmd-members") as pool:
            return dict(zip(hosts, pool.map(lambda host: self.look_at(host, host in own), hosts), strict=True))

    def look_at(self, host: str, own: bool) -> Look:
        try:
            status = self.command(host, own, {"replSetGetStatus": 1})
        except PyMongoError as error:
            return self._without_status(host, own, error)
        config, why = None, ""
        try:
            config = config_of(self.command(host, own, {"replSetGetConfig": 1})["config"])
        except (PyMongoError, KeyError, ValueError, TypeError) as error:
            why = words(error)
        me, states = states_of(status)
        return Look(host=host, standing=Standing.IN_SET, why=why, me=me, config=config, states=states)

    def command(self, host: str, own: bool, command: Document) -> Document:
        """Its answer, by the first way in that is not refused. Raises PyMongoError."""
        refusal: PyMongoError | None = None
        for address, access in self._ways(host, own):
            try:
                with direct(address, access) as client:
                    return client.admin.command(dict(command))
            except PyMongoError as error:
                if code(error) not in REFUSALS:
                    raise
                refusal = refusal or error
        assert refusal is not None
        raise refusal

    def config(self, host: str, own: bool) -> Document:
        """The config as the document that MongoDB has. Raises PyMongoError."""
        document: Document = self.command(host, own, {"replSetGetConfig": 1})["config"]
        return document

    def _ways(self, host: str, own: bool) -> Iterator[tuple[str, Access]]:
        """The user's, nobody's, and nobody's over the loopback."""
        if self._access().username:
            yield host, self._access()
        nobody = self._access().anonymous
        yield host, nobody
        loopback = f"127.0.0.1:{host.rpartition(':')[2]}"
        if own and loopback != host and self._process(host) == self._process(loopback) is not None:
            yield loopback, nobody

    def _without_status(self, host: str, own: bool, error: PyMongoError) -> Look:
        found = code(error)
        if found in REFUSALS:
            return self._stranger(host, error)
        standing = _SAID.get(found) if found is not None else Standing.SILENT
        if standing is Standing.REMOVED:
            return self._removed(host, own)
        if standing is Standing.SILENT:
            return Look(host=host, standing=standing, why=words(error))
        return Look(host=host, standing=standing or Standing.REFUSES, why="" if standing else words(error))

    def _removed(self, host: str, own: bool) -> Look:
        try:
            config = config_of(self.config(host, own))
        except (PyMongoError, KeyError, ValueError, TypeError):
            config = None
        return Look(host=host, standing=Standing.REMOVED, config=config)

    def _stranger(self, host: str, refusal: PyMongoError) -> Look:
        """By what a mongod says to anybody. One that was removed looks like one that was never initiated; where that
        matters MongoDB itself finds out, because it asks every member before it initiates."""
        try:
            hello = self._hello(host)
        except PyMongoError as error:
            return Look(host=host, standing=Standing.SILENT, why=words(error))
        if hello.get("setName"):
            return Look(host=host, standing=Standing.REFUSES, why=words(refusal))
        return Look(host=host, standing=Standing.NEVER if hello.get("isreplicaset") else Standing.ALONE)

    def _hello(self, host: str) -> Document:
        with direct(host, self._access().anonymous) as client:
            return client.admin.command("hello")

    def _process(self, host: str) -> object:
        """What tells this run of this mongod from every other; None where it does not say."""
        try:
            return (self._hello(host).get("topologyVersion") or {}).get("processId")
        except PyMongoError:
            return None


def own_hosts(hosts: Sequence[str], db_host: str) -> frozenset[str]:
    """Which of these are of this server: the one that its row of `servers` names, or else those whose address is one of
    this machine's."""
    named = spelled(db_host)
    if named in hosts:
        return frozenset({named})
    return frozenset(host for host in hosts if _is_here(host.rpartition(":")[0].strip("[]")))


def _is_here(name: str) -> bool:
    """Only an address of this machine can be bound to."""
    try:
        found = socket.getaddrinfo(name, 0, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return False
    for family, kind, protocol, _, address in found:
        try:
            with closing(socket.socket(family, kind, protocol)) as probe:
                probe.bind(address)
                return True
        except OSError:
            continue
    return False
