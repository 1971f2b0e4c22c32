"""Snapshots to look at, made of literal values, and a whole daemon's surface without its loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from zpmd.cut import Cut
from zpmd.daemon.board import Board
from zpmd.daemon.control import DaemonControl
from zpmd.daemon.meters import Meters
from zpmd.daemon.recorder import Recorder
from zpmd.errors import EngineUnknown, NotFound
from zpmd.interfaces.rest.app import create_app
from zpmd.interfaces.rest.authentication import Authenticator
from zpmd.interfaces.rest.json_web_tokens import Signer
from zpmd.interfaces.rest.parts import ApiParts
from zpmd.interfaces.rest.server import ApiServer
from zpmd.model.action import Action
from zpmd.model.container import Container, PortBinding
from zpmd.model.events import Outcome, Reason, Snapshot
from zpmd.model.memory import Memory
from zpmd.model.observed import Health, LogLine, Observed, Phase, Replica, World
from zpmd.model.plan import Plan, Standing, State
from zpmd.model.service import Desired, Group, ServiceData
from zpmd.model.usage import Usage
from zpmd.ports import Wake
from zpmd.settings import Api, Patches
from zpmd.sources.zones import zone
from zpmd.stores.embedded import EmbeddedStore

NOON = 1_700_049_600.0
"""2023-11-15 12:00:00 UTC."""


def service(name: str, group: Group = Group.CORE, replicas: int = 1, container_name: str = "") -> ServiceData:
    container = Container(image=f"{name}:1", container_name=container_name, ports=(PortBinding(target=80),))
    return ServiceData(name=name, group=group, container=container, replicas=replicas, origin=f"{name}.yaml:1")


def replica(name: str, slot: int = 1, group: Group = Group.CORE, **more: Any) -> Replica:
    facts: dict[str, Any] = {
        "id": f"{name}{slot}".ljust(12, "0"),
        "name": f"zpmd-{name}-{slot}",
        "service": name,
        "group": group,
        "slot": slot,
        "spec": "1:abc",
        "phase": Phase.RUNNING,
        "health": Health.HEALTHY,
        "created_at": NOON - 7200,
        "started_at": NOON - 7200,
    }
    return Replica(**{**facts, **more})


def standing(name: str, group: Group = Group.CORE, **more: Any) -> Standing:
    facts: dict[str, Any] = {
        "service": name,
        "group": group,
        "state": State.RUNNING,
        "ready": 1,
        "desired": 1,
        "since": NOON - 7200,
    }
    return Standing(**{**facts, **more})


def snapshot(
    *standings: Standing,
    number: int = 1,
    at: float = NOON,
    world: World | None = None,
    memory: Memory | None = None,
    **more: Any,
) -> Snapshot:
    """A converged one of two services, unless something else is given."""
    given = standings or (standing("redis", Group.SYSTEM), standing("zona_user", ready=2, desired=2))
    replicas = (
        replica("redis", group=Group.SYSTEM),
        replica("zona_user"),
        replica("zona_user", 2),
    )
    facts: dict[str, Any] = {
        "number": number,
        "at": at,
        "version": "0.1.0",
        "owner": "0123456789ab",
        "started_at": NOON - 86_400,
        "desired": Desired(services=(service("redis", Group.SYSTEM), service("zona_user", replicas=2))),
        "observed": Observed(world=world or World(replicas=replicas)),
        "memory": memory or Memory(),
        "plan": Plan(standings=given),
    }
    return Snapshot(**{**facts, **more})


class SteppedClock:
    """Stands at noon until a test moves it."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


class QuietEngine:
    """An engine that has logs (a line a second from noon on, or as given), and a `world` where it is given one.
    `reachable` False: it does not answer."""

    replicates = False

    def __init__(self) -> None:
        self.world: World | None = None
        self.reachable = True
        self.lines: dict[str, list[bytes | LogLine]] = {}
        self.more: dict[str, threading.Event] = {}
        self.used: dict[str, Usage] = {}

    def observe(self, images: Collection[str]) -> World:
        if self.world is None:
            raise EngineUnknown("not asked in these tests")
        return self.world

    def apply(self, action: Action, progress: Callable[[str], None]) -> Outcome:
        raise AssertionError("what people ask never reaches the engine but through a pass")

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        stop.wait()

    def stream_alive(self) -> bool:
        return self.reachable

    def logs(
        self, container_id: str, tail: int, follow: bool, since: float | None = None, cut: Cut | None = None
    ) -> Iterator[LogLine]:
        if not self.reachable:
            raise EngineUnknown("the engine does not answer: connection refused")
        if container_id not in self.lines:
            raise NotFound(f"no container {container_id}")
        said = enumerate(self.lines[container_id])
        written = [line if isinstance(line, LogLine) else LogLine(NOON + n, line) for n, line in said]
        yield from [line for line in written if since is None or line.at >= since][-tail or len(written) :]
        if follow:
            more = self.more.setdefault(container_id, threading.Event())
            with (cut or Cut()).by(more.set):
                more.wait(30)

    def usage(self, container_ids: Collection[str]) -> Mapping[str, Usage]:
        return {i: usage for i, usage in self.used.items() if i in container_ids}

    def about(self) -> Mapping[str, str]:
        if not self.reachable:
            raise EngineUnknown("the engine does not answer: connection refused")
        return MappingProxyType({"engine": "20.10.24", "api": "1.41", "storage driver": "overlay2", "root": "/"})


class WatchedBoard(Board):
    """Knows which snapshot its readers have seen: whoever waits for what comes after it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.watched = threading.Event()

    def wait(self, after: int, timeout_seconds: float) -> Snapshot | None:
        self.seen = max(self.seen, after)
        self.watched.set()
        return super().wait(after, timeout_seconds)


class Surface:
    """The real control, store, board, API and server; the loop is the test, which publishes snapshots."""

    def __init__(self, folder: Path, api: Api | None = None, signer: Signer | None = None, tls: Any = None) -> None:
        self.clock = SteppedClock()
        self.board = WatchedBoard()
        self.engine = QuietEngine()
        self.store = EmbeddedStore(folder / "zpmd.db", journal_entries=1000, clock=self.clock)
        self.woken: list[Reason] = []
        self.reloads = 0
        self.control = DaemonControl(
            self.board, self.store, self.engine, self.clock, self.woken.append, self._reload, zone=zone
        )
        self.authenticator = Authenticator(self.store.tokens, self.clock.now, signer)
        self.meters = Meters("0.1.0")
        self.recorder = Recorder(self.store.audit, self.store, self.clock.now, self.meters.unrecorded)
        self.socket = folder / "zpmd.sock"
        self.parts = ApiParts(
            control=self.control,
            authenticator=self.authenticator,
            answers=self.store.answers,
            recorder=self.recorder,
            meters=self.meters,
            state_dir=folder,
            socket=self.socket,
            now=self.clock.now,
            patches=Patches(dir=folder, keys_dir=folder / "keys"),
            api=api or Api(),
        )
        self.app = create_app(self.parts)
        self.server = ApiServer(self.app, self.socket, "", api, tls)

    def _reload(self) -> None:
        self.reloads += 1

    def publish(self, *standings: Standing, **more: Any) -> Snapshot:
        """One pass: it begins a second after all that was asked before, and knows what the store remembers."""
        self.clock.at += 1
        latest = self.board.latest()
        number = 1 if latest is None else latest.number + 1
        made = snapshot(*standings, **{"number": number, "at": self.clock.at, "memory": self.store.memory(), **more})
        self.board.publish(made)
        return made

    def close(self) -> None:
        for ended in self.engine.more.values():
            ended.set()
        self.server.stop()
        self.store.close()
