"""What the contract suites run on: the simulated world and a real Docker Engine; the stores on disk and in memory."""

from __future__ import annotations

import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker.errors
import pytest

from tests.contracts.harness import CAUSE, CHECK, DECLARED, OWNER, PAUSE, PROJECT, SAMPLES, SICK, STUBBORN, Harness, T
from tests.contracts.stores import FixedClock, Open
from tests.lab import archives
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually
from zpmd.engines.docker import DockerEngine
from zpmd.engines.simulated import SimulatedEngine
from zpmd.engines.simulated_container import Behaviour
from zpmd.engines.simulated_world import SimulatedWorld
from zpmd.engines.virtual_time import VirtualClock
from zpmd.model.action import Action, LoadImages
from zpmd.model.container import Container
from zpmd.model.events import Outcome, Reason
from zpmd.model.patch import CarriedImage
from zpmd.ports import Engine, Store
from zpmd.stores.embedded import EmbeddedStore
from zpmd.stores.memory import MemoryStore, Tablet

MEMBER = "images/one.tar"


@pytest.fixture(params=["simulated", "docker"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    if request.param == "simulated":
        yield SimulatedHarness()
        return
    harness = DockerHarness(request.getfixturevalue("engine_host"), tmp_path)
    yield harness
    harness.close()


@pytest.fixture(params=["embedded", "memory"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same store again and again, as restarts of the daemon do."""
    opened: list[Store] = []
    tablet = Tablet()

    def open_again() -> Store:
        while opened:
            opened.pop().close()
        if request.param == "memory":
            opened.append(MemoryStore(tablet, journal_entries=1000))
        else:
            opened.append(EmbeddedStore(tmp_path / "zpmd.db", journal_entries=1000, clock=FixedClock()))
        return opened[-1]

    yield open_again
    while opened:
        opened.pop().close()


@pytest.fixture
def store(reopen: Open) -> Store:
    return reopen()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The engine is asked for by `world` only where it is needed, so its mark is set here."""
    for item in items:
        if "world" in getattr(item, "fixturenames", ()) and "docker" in item.name:
            item.add_marker(pytest.mark.engine)


def behave(container: Container) -> Behaviour:
    """What the programs of the sample images (scripts/images) do, by image and environment."""
    said = {key: value or "" for key, value in container.environment}
    program = (container.entrypoint or ("/bin/main",))[0]
    if program != "/bin/main":
        return Behaviour(fails_to_start=f"exec: {program}: stat {program}: no such file or directory: unknown")
    kind = container.image.removeprefix("appliance/").partition(":")[0]
    match kind:
        case "service":
            return Behaviour(healthy_after_seconds=float(said.get("START_DELAY", 0)))
        case "oneshot":
            lives_for = float(said.get("DURATION", 0))
            return Behaviour(lives_for_seconds=lives_for, exit_code=int(said.get("EXIT_CODE", 0)))
        case "flaky":
            return Behaviour(lives_for_seconds=float(said.get("LIFETIME", 5)), exit_code=1)
    if container.image == SICK:
        return Behaviour(never_healthy=True, healthcheck=CHECK)
    return Behaviour(ignores_term=container.image == STUBBORN)


class SimulatedHarness(Harness):
    """Virtual time: it goes on by what an action takes, and jumps to the next change while something is waited for."""

    engine: SimulatedEngine

    def __init__(self) -> None:
        self._clock = VirtualClock()
        self._world = SimulatedWorld(self._clock, behave, images=set(SAMPLES))
        self._clock.listeners.append(self._world.settle)
        self.engine = self._engine(OWNER)
        self._archives = 0

    def _engine(self, owner: str) -> SimulatedEngine:
        return SimulatedEngine(self._world, owner, PROJECT, lambda: DECLARED)

    def now(self) -> float:
        return self._clock.now()

    def apply(self, action: Action) -> Outcome:
        outcome = self.engine.apply(action, print)
        self._clock.advance_to(outcome.at)
        return outcome

    def eventually(self, predicate: Callable[[], T], timeout_seconds: float, what: str) -> T:
        deadline = self.now() + timeout_seconds
        while not (value := predicate()):
            following = self._world.next_change()
            assert following is not None, f"never: {what}"
            assert following <= deadline, f"not within {timeout_seconds} s: {what}"
            self._clock.advance_to(following)
        return value

    def listen(self, wake: Callable[[Reason], None]) -> None:
        self.engine.listen(wake)

    def another(self, owner: str = OWNER) -> Engine:
        return self._engine(owner)

    def stranger(self, name: str, labels: dict[str, str] | None = None, port: int = 0) -> str:
        ports = (f"0.0.0.0:{port}/tcp",) if port else ()
        return self._world.add_stranger(name, ports, tuple(sorted((labels or {}).items())))

    def runs(self, container_id: str) -> bool:
        box = self._world.box(container_id)
        return box is not None and box.running(self.now())

    def exists(self, container_id: str) -> bool:
        return self._world.box(container_id) is not None

    def crash(self, container_id: str) -> None:
        self._world.crash(container_id)

    def remove(self, container_id: str) -> None:
        self._world.remove_by_hand(container_id)

    def pause(self, container_id: str) -> None:
        self._world.pause(container_id)

    def sicken(self, container_id: str) -> None:
        self._world.sicken(container_id)

    def heal(self, container_id: str) -> None:
        self._world.heal(container_id)

    def make_volume(self, name: str) -> None:
        self._world.volumes[name] = ()

    def make_network(self, name: str) -> None:
        self._world.networks[name] = ()

    def archive(self, *references: str) -> LoadImages:
        self._archives += 1
        images = tuple(
            CarriedImage(reference=name, ids=(self._world.image_id(f"{name}-{self._archives}"),)) for name in references
        )
        return LoadImages(bundle=f"bundle-{self._archives}", member=MEMBER, images=images, cause=CAUSE)

    def break_archive(self, load: LoadImages) -> None:
        self.engine.faults.spoilt[load.bundle] = "unexpected EOF"

    def lose_archive(self, load: LoadImages) -> None:
        self.engine.faults.spoilt[load.bundle] = "its copy cannot be read"

    def engine_dies(self) -> None:
        self._world.restart_engine()
        self.engine.go_away()

    def engine_returns(self) -> None:
        self.engine.come_back()

    def engine_hangs(self) -> None:
        self.engine.go_away("the engine did not answer in time")


class WallClock:
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class DockerHarness(Harness):
    """Real time: what is waited for is polled."""

    def __init__(self, lab: LabEngine, folder: Path) -> None:
        self._lab = lab
        self._folder = folder
        self._clock = WallClock()
        self._stop = threading.Event()
        self._watchers: list[threading.Thread] = []
        self._archives = 0
        self.engine = self._patient = self._engine(OWNER)

    def _engine(self, owner: str, timeout_seconds: float = 30.0) -> DockerEngine:
        return DockerEngine(
            url=self._lab.url,
            owner=owner,
            project=PROJECT,
            materials_dir=self._folder,
            declared=lambda: DECLARED,
            workers=2,
            timeout_seconds=timeout_seconds,
            clock=self._clock,
        )

    def close(self) -> None:
        self._lab.resume()
        self._stop.set()
        for watcher in self._watchers:
            watcher.join(30)
            assert not watcher.is_alive(), "the watcher does not stop when it is told to"

    def now(self) -> float:
        return self._clock.now()

    def apply(self, action: Action) -> Outcome:
        return self.engine.apply(action, print)

    def eventually(self, predicate: Callable[[], T], timeout_seconds: float, what: str) -> T:
        return eventually(predicate, timeout_seconds, what)

    def listen(self, wake: Callable[[Reason], None]) -> None:
        watcher = threading.Thread(target=self.engine.watch, args=(wake, self._stop), daemon=True)
        watcher.start()
        self._watchers.append(watcher)
        eventually(self.engine.stream_alive, 30, "the stream of events is alive")

    def another(self, owner: str = OWNER) -> Engine:
        return self._engine(owner)

    def stranger(self, name: str, labels: dict[str, str] | None = None, port: int = 0) -> str:
        options = self._lab.client().create_host_config(port_bindings={80: port} if port else None)
        return self._lab.run_stranger(name, labels=labels, ports=[80] if port else None, host_config=options)

    def runs(self, container_id: str) -> bool:
        return bool(self._lab.inspect(container_id)["State"]["Running"])

    def exists(self, container_id: str) -> bool:
        try:
            return bool(self._lab.inspect(container_id))
        except docker.errors.NotFound:
            return False

    def crash(self, container_id: str) -> None:
        self._lab.kill_container_process(container_id)

    def remove(self, container_id: str) -> None:
        self._lab.client().remove_container(container_id, force=True)

    def pause(self, container_id: str) -> None:
        self._lab.client().pause(container_id)

    def sicken(self, container_id: str) -> None:
        self._execute(container_id, "mv /dev/shm/www/health /dev/shm/www/sick")

    def heal(self, container_id: str) -> None:
        self._execute(container_id, "mv /dev/shm/www/sick /dev/shm/www/health")

    def _execute(self, container_id: str, command: str) -> None:
        client = self._lab.client()
        made = client.exec_create(container_id, command)
        client.exec_start(made["Id"])
        assert client.exec_inspect(made["Id"])["ExitCode"] == 0

    def make_volume(self, name: str) -> None:
        self._lab.client().create_volume(name)

    def make_network(self, name: str) -> None:
        self._lab.client().create_network(name)

    def archive(self, *references: str) -> LoadImages:
        self._archives += 1
        content, ids = archives.archive(self._lab, PAUSE, references, variant=str(self._archives))
        path = self._folder / f"bundle-{self._archives}.zip"
        archives.bundle(path, MEMBER, content)
        images = tuple(CarriedImage(reference=name, ids=(i,)) for name, i in zip(references, ids, strict=True))
        return LoadImages(bundle=str(path), member=MEMBER, images=images, cause=CAUSE)

    def break_archive(self, load: LoadImages) -> None:
        with zipfile.ZipFile(load.bundle) as made:
            content = made.read(load.member)
        archives.bundle(Path(load.bundle), load.member, content[: len(content) // 2])

    def lose_archive(self, load: LoadImages) -> None:
        Path(load.bundle).unlink()

    def engine_dies(self) -> None:
        self._lab.kill()

    def engine_returns(self) -> None:
        self._lab.start()
        self._lab.resume()
        self.engine = self._patient

    def engine_hangs(self) -> None:
        """From here to its return one is asked that does not wait long: it has spoken with the engine before."""
        self.engine = self._engine(OWNER, timeout_seconds=2.0)
        self.engine.observe(())
        self._lab.pause()
