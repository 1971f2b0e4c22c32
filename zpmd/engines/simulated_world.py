"""The simulated host: its containers, images, volumes and networks, and what happens to them by hand or by accident.

Rules: deterministic (ids are counted, time is the clock's, no chance); every change goes through here and is told to
the listeners, as an engine's events are. It knows no owner: whose a container is, its labels say, and a SimulatedEngine
reads them. It survives every SimulatedEngine that works on it, as a host survives its daemon.
"""

from __future__ import annotations

import hashlib
import heapq
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from zpmd.engines import references
from zpmd.engines.simulated_container import Behaviour, Box
from zpmd.model.container import Container, MountKind, Pairs
from zpmd.model.observed import Health, Phase
from zpmd.ports import Clock

Behave = Callable[[Container], Behaviour]


def well_behaved(_: Container) -> Behaviour:
    """Starts at once, is healthy at the first probe, runs for ever, ends with 0 when asked to."""
    return Behaviour()


@dataclass(slots=True)
class SimulatedWorld:
    """`images` are on the host, `arriving` says when those that are being pulled will be, `registry` is what can be
    pulled. `volumes` and `networks` map a name to its labels.

    `lock` is held by whoever changes it; `listeners` are called after each change, with the lock held.
    """

    clock: Clock
    behave: Behave = well_behaved
    images: set[str] = field(default_factory=set)
    arriving: dict[str, float] = field(default_factory=dict)
    registry: set[str] = field(default_factory=set)
    volumes: dict[str, Pairs] = field(default_factory=dict)
    networks: dict[str, Pairs] = field(default_factory=lambda: dict.fromkeys(("bridge", "host", "none"), ()))
    boxes: dict[str, Box] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    listeners: list[Callable[[], None]] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    """Of those that were loaded, by their familiar names; all others have one that follows from the name."""
    _loading: dict[str, str] = field(default_factory=dict)
    """The id that one of `arriving` brings along."""
    _made: int = 0
    _names: dict[str, str] = field(default_factory=dict)
    _touched: set[str] = field(default_factory=set)
    _due: list[tuple[float, str]] = field(default_factory=list)
    """A heap of instants at which a container may look different; entries that have become idle are harmless."""
    _seen: dict[str, tuple[Phase, Health]] = field(default_factory=dict)

    def now(self) -> float:
        return self.clock.now()

    def present(self, at: float | None = None) -> list[Box]:
        """The containers that exist, in the order in which they were made."""
        instant = self.now() if at is None else at
        return [box for box in self.boxes.values() if box.exists(instant)]

    def named(self, name: str) -> Box | None:
        """The container that holds a name: also one that is still being made or removed."""
        box = self.boxes.get(self._names.get(name, ""))
        return None if box is None or _gone(box, self.now()) else box

    def box(self, container_id: str) -> Box | None:
        """A container that exists, by its full id."""
        box = self.boxes.get(container_id)
        return box if box is not None and box.exists(self.now()) else None

    def put(self, box: Box) -> Box:
        """Replace what is known of a container, or add one."""
        self.boxes[box.id] = box
        self._names[box.name] = box.id
        self._touched.add(box.id)
        return box

    def new_id(self) -> str:
        self._made += 1
        return hashlib.sha256(str(self._made).encode()).hexdigest()

    def make_anonymous(self, container_id: str, container: Container) -> tuple[str, ...]:
        """A volume for each mount of a container that names none; their names."""
        targets = [m.target for m in container.mounts if m.kind is MountKind.VOLUME and not m.source]
        names = tuple(hashlib.sha256(f"{container_id} {target}".encode()).hexdigest() for target in targets)
        self.volumes.update(dict.fromkeys(names, ()))
        return names

    def image_id(self, reference: str) -> str:
        name = references.familiar(reference)
        return self.ids.get(name) or f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"

    def bring(self, reference: str, at: float, image_id: str = "") -> None:
        """It will be on the host at that instant, in place of one of that name. `image_id`: what it is loaded as."""
        self.arriving[reference] = at
        self._loading[reference] = image_id

    def has(self, reference: str, at: float) -> bool:
        """Whether it is on the host at that instant."""
        there = self.images | {image for image, arrives_at in self.arriving.items() if arrives_at <= at}
        return bool(references.found([reference], {image: self.image_id(image) for image in there}))

    def holder_of_port(self, ports: Iterable[str], at: float) -> Box | None:
        """A running container that publishes one of these (`host_ip:port/protocol`) already."""
        wanted = tuple(ports)
        if not wanted:
            return None
        running = [box for box in self.present(at) if box.running(at)]
        return next((box for box in running if any(_collide(a, b) for a in wanted for b in box.ports)), None)

    def settle(self) -> None:
        """Notice what has changed since the last time, by hand or by itself, and tell the listeners."""
        with self.lock:
            now = self.now()
            changed = self._arrived(now)
            while self._due and self._due[0][0] <= now:
                self._touched.add(heapq.heappop(self._due)[1])
            touched, self._touched = sorted(self._touched), set()
            for container_id in touched:
                changed = self._looks_different(container_id, now) or changed
            if changed:
                for listener in tuple(self.listeners):
                    listener()

    def next_change(self) -> float | None:
        """The next instant at which something may look different by itself: where a simulation jumps to."""
        with self.lock:
            self.settle()
            now = self.now()
            while self._due and not self._still_due(*self._due[0], now):
                heapq.heappop(self._due)
            instants = [*self.arriving.values(), *(at for at, _ in self._due[:1])]
            return min(instants, default=None)

    def _arrived(self, now: float) -> bool:
        arrived = {image for image, at in self.arriving.items() if at <= now}
        self.images |= arrived
        for image in arrived:
            del self.arriving[image]
            self.ids[references.familiar(image)] = self._loading.pop(image, "")
        return bool(arrived)

    def _looks_different(self, container_id: str, now: float) -> bool:
        """Whether a container is not what it was when last looked at; notes what it is, and when to look again."""
        box = self.boxes.get(container_id)
        if box is None:
            return False
        was = self._seen.pop(container_id, None)
        if _gone(box, now):
            del self.boxes[container_id]
            if self._names.get(box.name) == container_id:
                del self._names[box.name]
            return was is not None
        following = box.changes_after(now)
        if following is not None:
            heapq.heappush(self._due, (following, container_id))
        if not box.exists(now):
            return was is not None
        self._seen[container_id] = (box.phase(now), box.health(now))
        return self._seen[container_id] != was

    def _still_due(self, at: float, container_id: str, now: float) -> bool:
        box = self.boxes.get(container_id)
        return box is not None and box.changes_after(now) == at

    # what happens by hand or by accident

    def crash(self, container_id: str, exit_code: int = 137, oom_killed: bool = False) -> None:
        """Its process dies now."""
        self._change(container_id, lambda box: box.ended(self.now(), exit_code, oom_killed))

    def sicken(self, container_id: str) -> None:
        """Its health probes fail from now on, until it is started again or healed."""
        self._change(container_id, lambda box: box.sickened(self.now()))

    def heal(self, container_id: str) -> None:
        self._change(container_id, lambda box: box.sickened(None))

    def pause(self, container_id: str, paused: bool = True) -> None:
        """`docker pause`, and `unpause`."""
        self._change(container_id, lambda box: replace(box, paused=paused))

    def stop_by_hand(self, container_id: str) -> None:
        self._change(container_id, lambda box: box.stopped(self.now(), box.grace_seconds))

    def remove_by_hand(self, container_id: str) -> None:
        """`docker rm -f`."""
        self._change(container_id, lambda box: replace(box.ended(self.now(), 137), removed_at=self.now()))

    def add_stranger(self, name: str, ports: tuple[str, ...] = (), labels: Pairs = ()) -> str:
        """A running container that somebody else made; its id. Raises ValueError when the name is taken."""
        with self.lock:
            if self.named(name) is not None:
                raise ValueError(f"cannot add the stranger {name}: the name is taken")
            image = "stranger:1"
            box = Box(
                id=self.new_id(),
                name=name,
                image=image,
                image_id=self.image_id(image),
                behaviour=Behaviour(),
                created_at=self.now(),
                labels=labels,
                ports=ports,
            )
            self.put(box.started(self.now()))
            self.settle()
            return box.id

    def remove_halfway(self, container_id: str, stuck: Phase) -> None:
        """`docker rm -f` that does not come to its end, because something holds on to its files: DEAD (it was given up)
        or REMOVING (it goes on)."""
        self._change(container_id, lambda box: box.half_removed(self.now(), stuck))

    def let_go(self, container_id: str) -> None:
        """Nothing holds on to its files any more: a removal under way comes to its end, another one will."""
        now = self.now()
        self._change(
            container_id,
            lambda box: replace(box, busy=False, removed_at=now if box.stuck is Phase.REMOVING else box.removed_at),
        )

    def restart_engine(self) -> None:
        """The engine is killed and started again: it stops at once whatever it finds running, and gives up removals."""
        self._everything_ends(lambda box, now: box.stopped(now, 0.0))

    def lose_power(self, exit_code: int) -> None:
        """The host goes off. Of what ran the engine knows no end, and makes one up when it is back: 255, or 0."""
        self.arriving.clear()
        self._everything_ends(lambda box, now: box.ended(now, exit_code))

    def _everything_ends(self, end: Callable[[Box, float], Box]) -> None:
        with self.lock:
            now = self.now()
            for box in self.present(now):
                ended = replace(end(box, now), paused=False)
                self.put(replace(ended, stuck=Phase.DEAD) if ended.stuck else ended)
            self.settle()

    def _change(self, container_id: str, change: Callable[[Box], Box]) -> None:
        with self.lock:
            box = self.box(container_id)
            if box is None:
                raise KeyError(f"no container {container_id[:12]}")
            self.put(change(box))
            self.settle()


def _gone(box: Box, now: float) -> bool:
    return box.removed_at is not None and box.removed_at <= now


def _collide(one: str, other: str) -> bool:
    (ip, _, port), (other_ip, _, other_port) = one.rpartition(":"), other.rpartition(":")
    return port == other_port and (ip == other_ip or "0.0.0.0" in (ip, other_ip))  # nosec B104 # nothing is bound
