"""A MongoDB of the test's own: real mongod, standalone or in a replica set, each in a fresh folder, on its own port.

Rules: it ends only what it started, by pid; a missing component is an error that says what to run, never a skip. Every
method that breaks a server returns once it is broken, every one that mends it once it answers.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient, WriteConcern
from pymongo.errors import OperationFailure, PyMongoError

from tests.lab import processes
from tests.lab.engine import CHECKOUT, ComponentMissing
from tests.lab.eventually import eventually

Client = MongoClient[dict[str, Any]]
Row = Mapping[str, Any]

ROOT, ROOT_PASSWORD = "lab-root", "lab-root-password"
"""The user of a server with `auth` who may do everything."""
DATABASE = "zona"
KEY = "bGFiLWtleWZpbGUtb2YtYS1yZXBsaWNhLXNldA=="
"""What the members of a set with `auth` know each other by."""
PACE = {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 250}
"""How long the members of a set miss a primary before they elect another, and how often they ask each other how they
are; MongoDB's defaults are 10,000 and 2,000."""


def binary() -> Path:
    """The mongod that scripts/mongod brought. Raises ComponentMissing."""
    path = Path(os.environ.get("ZPMD_LAB", CHECKOUT / ".lab")) / "mongod" / "mongod"
    if not path.is_file():
        raise ComponentMissing(f"mongod is missing ({path}); run: scripts/mongod --install-only")
    return path


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LabMongod:
    """One server. `replica_set` names the set that it is to be a member of; `options` are more of mongod's own.

    With `auth` only `ROOT` may enter (and whom it makes); the user is made at the first start of a standalone, and by
    `LabReplicaSet` in a set.
    """

    def __init__(
        self, *, replica_set: str = "", auth: bool = False, port: int | None = None, options: Sequence[str] = ()
    ) -> None:
        self._binary = binary()
        self.folder = Path(tempfile.mkdtemp(prefix="zpmd-lab-mongod-"))
        (self.folder / "data").mkdir()
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.replica_set = replica_set
        self.auth = auth
        self._options = tuple(options)
        self._mongod: subprocess.Popen[bytes] | None = None
        self._client: Client | None = None
        self._guarded = False

    # its life

    def start(self) -> None:
        """Start it on the data it has, and wait until it answers. Harmless when it runs."""
        if self.running:
            return
        command = [str(self._binary), "--dbpath", str(self.folder / "data"), "--port", str(self.port)]
        command += ["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", *self._options]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        if self.replica_set:
            command += ["--replSet", self.replica_set]
        if self.auth:
            command += ["--keyFile", str(self._keyfile())] if self.replica_set else ["--auth"]
        with (self.folder / "log").open("ab") as log:
            self._mongod = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        eventually(self._up, 30, f"a mongod that answers at {self.address}", 0.02)
        if self.auth and not self.replica_set:
            self.guard()

    def stop(self) -> None:
        """Stop it as systemd would (SIGTERM). A primary first waits for a secondary to take over, if it has any."""
        self._end(signal.SIGTERM, 30)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL, 10)

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): it accepts connections and never answers."""
        processes.freeze(self.pid)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        processes.send(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it, and remove its folder."""
        if self._client is not None:
            self._client.close()
        if self.running:
            self.resume()
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def running(self) -> bool:
        return self._mongod is not None and self._mongod.poll() is None

    @property
    def pid(self) -> int:
        assert self._mongod is not None, "this mongod was never started"
        return self._mongod.pid

    @property
    def log(self) -> str:
        """What mongod has written so far."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    # what is on it

    def client(self, **options: Any) -> Client:
        """A new client of this very server, as ROOT where it has users, apart from any of the code under test.

        The caller closes it; `direct` is one that is kept.
        """
        if self._guarded:
            options = {"username": ROOT, "password": ROOT_PASSWORD, **options}
        return MongoClient(self.address, directConnection=True, serverSelectionTimeoutMS=5000, **options)

    @property
    def direct(self) -> Client:
        """The client of the test's thread."""
        if self._client is None:
            self._client = self.client()
        return self._client

    def fill(self, collection: str, rows: Iterable[Row], database: str = DATABASE) -> None:
        """Make the collection hold exactly these rows."""
        fill(self.direct, collection, rows, database)

    def add_user(self, name: str, password: str, *roles: Any, database: str = "admin") -> None:
        """A user with these roles; an existing one is replaced."""
        with contextlib.suppress(OperationFailure):
            self.direct[database].command("dropUser", name)
        self.direct[database].command("createUser", name, pwd=password, roles=list(roles))

    def guard(self) -> None:
        """Make ROOT, through the gap that MongoDB leaves to local clients until there is a first user."""
        if not self._guarded:
            with self.client() as client:
                client.admin.command("createUser", ROOT, pwd=ROOT_PASSWORD, roles=["root"])
        self.note_guarded()

    def note_guarded(self) -> None:
        """From now on clients enter as ROOT: the set that this server is a member of has the user."""
        self._guarded = True
        if self._client is not None:
            self._client.close()
        self._client = None

    # as a member of a set

    def hello(self) -> dict[str, Any]:
        """What it says of itself and its set; empty when it does not answer. Needs no user."""
        try:
            with MongoClient[dict[str, Any]](
                self.address, directConnection=True, serverSelectionTimeoutMS=1000, socketTimeoutMS=1000
            ) as client:
                return client.admin.command("hello")
        except PyMongoError:
            return {}

    @property
    def primary(self) -> bool:
        return bool(self.hello().get("isWritablePrimary"))

    def step_down(self, seconds: int = 5) -> None:
        """No longer primary, and no candidate for so long."""
        self.direct.admin.command("replSetStepDown", seconds, secondaryCatchUpPeriodSecs=1, force=True)

    def _up(self) -> bool:
        assert self._mongod is not None
        if self._mongod.poll() is not None:
            raise RuntimeError(f"mongod ended with {self._mongod.returncode}:\n{self.log[-3000:]}")
        return bool(self.hello())

    def _keyfile(self) -> Path:
        path = self.folder / "keyfile"
        path.write_text(KEY)
        path.chmod(0o600)
        return path

    def _end(self, number: signal.Signals, timeout_seconds: float) -> None:
        if not self.running:
            return
        assert self._mongod is not None
        self._mongod.send_signal(number)
        self._mongod.wait(timeout_seconds)


class LabReplicaSet:
    """Some servers that are one replica set: initiated, with a primary, unless `initiate` is False.

    `hosts` are the addresses by which the members know each other and clients find them; a `Proxy` may stand there.
    """

    def __init__(
        self, size: int = 1, *, name: str = "rs0", auth: bool = False, hosts: Sequence[str] = (), initiate: bool = True,
        ports: Sequence[int] = (), options: Sequence[str] = (), oplog_megabytes: int = 64,
    ) -> None:  # fmt: skip
        self.name = name
        ports = ports or [free_port() for _ in range(size)]
        self.members = [
            LabMongod(replica_set=name, auth=auth, port=port, options=["--oplogSize", str(oplog_megabytes), *options])
            for port in ports
        ]
        self.hosts = tuple(hosts) or tuple(member.address for member in self.members)
        self._auth, self._initiate = auth, initiate
        self._client: Client | None = None

    def start(self) -> None:
        """Start all members; the first time, make them a set. Returns when each of them is primary or secondary."""
        for member in self.members:
            member.start()
        if not self._initiate:
            return
        first = self.members[0]
        if not first.hello().get("setName"):
            members = [{"_id": n, "host": host} for n, host in enumerate(self.hosts)]
            config = {"_id": self.name, "members": members, "settings": PACE}
            with first.client() as client:
                client.admin.command("replSetInitiate", config)
        primary = self.primary()
        # One that has not yet copied the data could not take over.
        eventually(lambda: len(self.secondaries()) == len(self.members) - 1, 30, "all secondaries", 0.05)
        if self._auth:
            primary.guard()
            for member in self.members:
                member.note_guarded()

    def primary(self, other_than: LabMongod | None = None) -> LabMongod:
        """The member that is primary now, or as soon as there is one."""

        def found() -> LabMongod | None:
            running = (m for m in self.members if m.running and m is not other_than)
            return next((m for m in running if m.primary), None)

        member = eventually(found, 30, "a primary", 0.05)
        assert member is not None
        return member

    def secondaries(self) -> list[LabMongod]:
        return [m for m in self.members if m.running and m.hello().get("secondary")]

    def client(self, **options: Any) -> Client:
        """A new client of the set, as ROOT where it has users. The caller closes it."""
        if self._auth:
            options = {"username": ROOT, "password": ROOT_PASSWORD, **options}
        return MongoClient(list(self.hosts), replicaSet=self.name, serverSelectionTimeoutMS=10_000, **options)

    @property
    def shared(self) -> Client:
        """The client of the test's thread."""
        if self._client is None:
            self._client = self.client()
        return self._client

    def fill(self, collection: str, rows: Iterable[Row], database: str = DATABASE) -> None:
        """Make the collection hold exactly these rows."""
        fill(self.shared, collection, rows, database)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        for member in self.members:
            member.close()


def fill(client: Client, collection: str, rows: Iterable[Row], database: str = DATABASE) -> None:
    """Make the collection hold exactly these rows."""
    # Acknowledged rows are there after a kill -9.
    target = client[database].get_collection(collection, write_concern=WriteConcern(w="majority", j=True))
    target.delete_many({})
    if documents := [dict(row) for row in rows]:
        target.insert_many(documents)
