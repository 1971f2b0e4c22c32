"""The storm: actors, each with a thread and a seeded chance of its own, that do their worst until it is over.

The same seed gives each actor the same choices; what they meet differs from run to run, as real time does.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import docker
import docker.errors
import requests

from tests.chaos.appliance import BY_NAME, FIRST, SECOND, TO_AND_FRO
from tests.chaos.ledger import Kind, Ledger
from tests.chaos.observer import OWNER, SERVICE, SLOT, Observer, Seen
from tests.chaos.wire import Wire
from tests.integration.daemon import Daemon
from tests.lab.engine import API_VERSION, LabEngine

HEALTH_FILE = "root/dev/shm/www/health"
"""Below /proc/PID: what the health check of a sample service asks for."""
MOST_STRANGERS = 3
SETTLED_SHARE = 0.75
START_SECONDS = 15.0
SPARED_SECONDS = 25.0
"""More than the ten seconds of running that end a row of failures (appliance.py)."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What the storm rages on."""

    engine: LabEngine
    daemon: Daemon
    wire: Wire
    observer: Observer
    ledger: Ledger
    editions: dict[str, str]

    def change(self, service: str, edition: str) -> None:
        """Write the service's file anew, with another environment."""
        self.ledger.point(Kind.FILE_CHANGED, service, edition=edition)
        self.editions[service] = edition
        self.daemon.file(f"{service}.yaml", BY_NAME[service].text(edition))


Guest = Callable[[threading.Event, random.Random], None]
"""An actor from elsewhere: acts until the event is set. What it raises ends the storm and breaks the experiment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How hard the storm is: whether zpmd is killed, and the least and the most seconds between two of the others."""

    kills_zpmd: bool = True
    engine_seconds: tuple[float, float] = (15.0, 40.0)
    wire_seconds: tuple[float, float] = (2.0, 8.0)


class Storm:
    """`rage`, then `end`: after that the engine runs, the wire is plain, and a zpmd is there."""

    def __init__(
        self,
        stage: Stage,
        seed: int,
        weather: Weather = Weather(),
        guests: Mapping[str, Guest] = MappingProxyType({}),
    ) -> None:
        self._stage = stage
        self._weather = weather
        self._over = threading.Event()
        actors: tuple[Callable[[random.Random], None], ...] = (
            *((self._kill_daemon,) if weather.kills_zpmd else ()),
            self._hurt_replicas,
            self._break_engine,
            self._trouble_wire,
            self._change_files,
            self._be_neighbours,
        )
        everybody: dict[str, Callable[[random.Random], None]] = {actor.__name__: actor for actor in actors}
        everybody |= {name: partial(guest, self._over) for name, guest in guests.items()}
        self._threads = [
            threading.Thread(target=self._act, args=(name, actor, random.Random(f"{seed} {name}")), name=name)
            for name, actor in everybody.items()
        ]

    def rage(self, seconds: float) -> None:
        for thread in self._threads:
            thread.start()
        self._over.wait(seconds)

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(120)
                assert not thread.is_alive(), f"{thread.name} does not end"
        self._stage.wire.calm()

    def _act(self, name: str, actor: Callable[[random.Random], None], chance: random.Random) -> None:
        try:
            actor(chance)
        except Exception as error:
            self._stage.ledger.broke(f"the actor {name} failed: {error!r}")
            self._over.set()

    def _kill_daemon(self, chance: random.Random) -> None:
        """After 0.2 to 5 s. Mostly these count from when its socket is there, as a busy machine needs longer than that
        to start it at all, and who never gets to act proves nothing; sometimes from the first instant."""
        daemon, ledger = self._stage.daemon, self._stage.ledger
        started_at = 0.0
        while not self._over.is_set():
            if chance.random() < SETTLED_SHARE:
                self._until_it_listens(started_at)
            self._over.wait(chance.uniform(0.2, 5.0))
            assert daemon.process is not None
            if self._over.is_set():
                return
            if daemon.process.poll() is not None:
                ledger.broke(f"zpmd ended by itself with {daemon.process.returncode}: {daemon.log[-2000:]}")
            else:
                ledger.point(Kind.DAEMON_KILLED, "zpmd")
                daemon.kill()
            started_at = time.time()
            daemon.start(wait=False)

    def _until_it_listens(self, started_at: float) -> None:
        """Until this zpmd, not the one before it, has made its socket, or START_SECONDS have passed."""
        socket, process = self._stage.daemon.socket, self._stage.daemon.process
        assert process is not None
        deadline = time.monotonic() + START_SECONDS
        while not self._over.wait(0.1) and process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError):
                if socket.stat().st_ctime >= started_at:
                    return

    def _hurt_replicas(self, chance: random.Random) -> None:
        """One at a time, and each place only after it has been spared for a while: where little runs, the same few
        would be hit again and again, and their backoff rightly grow beyond the time in which calm has to come."""
        spared: dict[str, float] = {}
        while not self._over.wait(chance.uniform(0.7, 3.0)):
            now = time.monotonic()
            running = [c for c in self._stage.observer.ours() if c.state == "running"]
            running = [c for c in running if spared.get(c.place, 0.0) <= now]
            if not running:
                continue
            victim = chance.choice(running)
            spared[victim.place] = now + SPARED_SECONDS
            if chance.random() < 0.3 and victim.health:
                self._sicken(victim)
            else:
                self._crash(victim)

    def _crash(self, victim: Seen) -> None:
        """kill -9 of its first process from the host, which the engine takes for a crash."""
        if not _is_its_process(victim):
            return
        fault = self._stage.ledger.point(Kind.CRASHED, victim.place, victim.id)
        try:
            os.kill(victim.pid, signal.SIGKILL)
        except ProcessLookupError:
            self._stage.ledger.withdraw(fault)

    def _sicken(self, victim: Seen) -> None:
        if not _is_its_process(victim):
            return
        fault = self._stage.ledger.point(Kind.SICKENED, victim.place, victim.id)
        try:
            Path("/proc", str(victim.pid), HEALTH_FILE).unlink()
        except OSError:
            self._stage.ledger.withdraw(fault)

    def _break_engine(self, chance: random.Random) -> None:
        engine, ledger = self._stage.engine, self._stage.ledger
        while not self._over.wait(chance.uniform(*self._weather.engine_seconds)):
            away = chance.uniform(0.0, 4.0)
            match chance.choices((Kind.ENGINE_STOPPED, Kind.ENGINE_KILLED, Kind.ENGINE_FROZEN), (3, 3, 4))[0]:
                case Kind.ENGINE_FROZEN:
                    with ledger.span(Kind.ENGINE_FROZEN, "engine"):
                        engine.pause()
                        self._over.wait(1.0 + away)
                        engine.resume()
                case kind:
                    with ledger.span(kind, "engine"):
                        if kind is Kind.ENGINE_KILLED:
                            engine.kill()
                        else:
                            engine.stop()
                        self._over.wait(away)
                        engine.start()

    def _trouble_wire(self, chance: random.Random) -> None:
        wire, ledger = self._stage.wire, self._stage.ledger
        while not self._over.wait(chance.uniform(*self._weather.wire_seconds)):
            kind = chance.choice((Kind.WIRE_SLOW, Kind.WIRE_SHUT, Kind.ANSWER_CUT, Kind.ANSWER_LOST))
            delay = chance.uniform(0.05, 1.0) if kind is Kind.WIRE_SLOW else 0.0
            lasting = (
                ledger.span(kind, "wire") if kind in (Kind.WIRE_SLOW, Kind.WIRE_SHUT) else contextlib.nullcontext()
            )
            with lasting:
                wire.set(kind, delay)
                self._over.wait(chance.uniform(1.0, 6.0))
                wire.calm()

    def _change_files(self, chance: random.Random) -> None:
        while not self._over.wait(chance.uniform(8.0, 25.0)):
            service = chance.choice(TO_AND_FRO)
            self._stage.change(service, SECOND if self._stage.editions[service] == FIRST else FIRST)

    def _be_neighbours(self, chance: random.Random) -> None:
        """Strangers come and go: some plain, some of another installation, with the labels of a slot of ours."""
        here: list[tuple[str, str]] = []
        number = 0
        client = docker.APIClient(base_url=self._stage.engine.url, version=API_VERSION, timeout=10)
        try:
            while not self._over.wait(chance.uniform(3.0, 9.0)):
                with contextlib.suppress(docker.errors.DockerException, requests.RequestException):
                    if here and (len(here) >= MOST_STRANGERS or chance.random() < 0.4):
                        self._go(client, *here.pop(chance.randrange(len(here))))
                    else:
                        number += 1
                        here.append(self._come(client, f"stranger-{number}", like_ours=chance.random() < 0.5))
        finally:
            client.close()

    def _come(self, client: docker.APIClient, name: str, like_ours: bool) -> tuple[str, str]:
        labels = {OWNER: "another-installation", SERVICE: "web", SLOT: "1"} if like_ours else {}
        made = client.create_container("appliance/pause:1.0", name=name, labels=labels)
        client.start(made["Id"])
        self._stage.ledger.point(Kind.STRANGER_CAME, name, made["Id"])
        self._stage.observer.welcome(made["Id"])
        return made["Id"], name

    def _go(self, client: docker.APIClient, stranger_id: str, name: str) -> None:
        self._stage.observer.farewell(stranger_id)
        self._stage.ledger.point(Kind.STRANGER_WENT, name, stranger_id)
        client.remove_container(stranger_id, force=True)


def _is_its_process(container: Seen) -> bool:
    """Whether the pid that was seen a moment ago still belongs to this container."""
    try:
        return container.pid > 0 and container.id in Path("/proc", str(container.pid), "cgroup").read_text()
    except OSError:
        return False
