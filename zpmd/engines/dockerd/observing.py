"""Observation: the whole world in one list call, inspecting only what may have changed since it was last inspected.

The list tells of each container its state, its health and its labels, but not when it started, with which code it
ended or what the engine said of a failed start: that takes an inspection of each. So what an inspection said is kept,
by container id, for as long as the list's line on it reads the same (`_line`) and neither an event nor an action of
ours has named it (`touch`). After a gap in the event stream nothing is kept (`forget`).

A container at which one of our own workers is at work is not inspected at all: the engine holds its lock for as long
as a start takes, a quarter of a second, and nobody decides on it before the work is done. But a run of a job that has
begun is never started again, and what is written of a run is what was seen of it: when it began, and how it ended.

Volumes, networks and images change rarely and cost a call each: they are kept until an event or an action of ours
says otherwise, and at most STALE_SECONDS.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from zpmd.engines import labels, references
from zpmd.engines.dockerd import reading
from zpmd.engines.dockerd.faults import Answered, Garbage
from zpmd.engines.dockerd.wire import Json, Wire
from zpmd.model.action import Action, KeepEvidence
from zpmd.model.observed import Phase, Replica, Slot, Stranger, World
from zpmd.ports import Clock

STALE_SECONDS = 30.0
YOUNG_SECONDS = 90.0
"""A status that counts in seconds cannot be of a replica that was started longer ago than this: it was started anew."""

_BEGUN = frozenset({Phase.RUNNING, Phase.PAUSED, Phase.EXITED})
_PARENTHESES = re.compile(r"\([^)]*\)")


class Kind(StrEnum):
    """What is listed beside containers."""

    VOLUMES = "volumes"
    NETWORKS = "networks"
    IMAGES = "images"


@dataclass(frozen=True, slots=True)
class _Listing:
    """One list beside the containers: its names with the ids of images, and those of ours."""

    names: Mapping[str, str]
    own: frozenset[str]
    read_at: float


class Observer:
    """Keeps what need not be asked again. `observe` runs in one thread at a time; the rest may be called from any."""

    def __init__(self, owner: str, clock: Clock) -> None:
        self._owner = owner
        self._clock = clock
        self._observing = threading.Lock()
        self._lock = threading.Lock()
        self._inspected: dict[str, tuple[str, Replica]] = {}
        self._touched: set[str] = set()
        self._listings: dict[Kind, _Listing] = {}
        self._changed: set[Kind] = set()
        self._at_work: Counter[Slot] = Counter()

    @contextmanager
    def at_work(self, action: Action) -> Iterator[None]:
        """While a worker applies an action on a slot, its containers are known from the list alone: but for evidence,
        which is only read."""
        place = getattr(action, "place", None)
        if place is None or isinstance(action, KeepEvidence):
            yield
            return
        with self._lock:
            self._at_work[place] += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= Counter((place,))

    def touch(self, container_id: str) -> None:
        """What is known of this container may be wrong now."""
        with self._lock:
            self._touched.add(container_id)

    def changed(self, kind: Kind) -> None:
        """What is known of the volumes, networks or images may be wrong now."""
        with self._lock:
            self._changed.add(kind)

    def forget(self) -> None:
        """Everything that is known may be wrong now: events have been missed."""
        with self._lock:
            self._touched.update(self._inspected)
            self._changed.update(Kind)

    def observe(self, wire: Wire, images: Collection[str]) -> World:
        """Raises whatever the wire raises; then nothing is known that was not before."""
        with self._observing:
            self._drop_what_changed()
            replicas, strangers = self._containers(wire)
            volumes = self._listing(wire, Kind.VOLUMES)
            networks = self._listing(wire, Kind.NETWORKS)
            stored = references.found(images, self._listing(wire, Kind.IMAGES).names)
            return World(
                replicas=replicas,
                strangers=strangers,
                images=frozenset(stored),
                image_ids=MappingProxyType(stored),
                volumes=frozenset(volumes.names),
                networks=frozenset(networks.names),
                own_volumes=volumes.own,
                own_networks=networks.own,
            )

    def _drop_what_changed(self) -> None:
        """Before the list is asked for: what is touched from here on is for the next observation."""
        with self._lock:
            for container_id in self._touched:
                self._inspected.pop(container_id, None)
            for kind in self._changed:
                self._listings.pop(kind, None)
            self._touched.clear()
            self._changed.clear()

    def _containers(self, wire: Wire) -> tuple[tuple[Replica, ...], tuple[Stranger, ...]]:
        items = reading.items(wire.look("/containers/json", {"all": "1"}), "containers")
        replicas: list[Replica] = []
        strangers: list[Stranger] = []
        kept: dict[str, tuple[str, Replica]] = {}
        for item in items:
            container_id, marked, line = reading.text(item, "Id"), reading.labels(item), _line(item)
            known = self._inspected.get(container_id)
            # labels never change, so they are read once in a container's life
            if known is None or known[0] != line or self._started_anew(item, known[1]):
                marks = labels.marks_of(marked) if marked.get(labels.OWNER) == self._owner else None
                if marked.get(labels.COPIES) == self._owner:
                    continue
                if marks is None:
                    strangers.append(reading.stranger(item))
                    continue
                begun = marks.due is not None and item.get("State") in _BEGUN
                if Slot(marks.service, marks.slot) in self._at_work and not begun:
                    replicas.append(reading.listed(item, marks))
                    continue
                replica = _inspected(wire, container_id, marks)
                if replica is None:
                    continue
                known = (line, replica)
            kept[container_id] = known
            replicas.append(known[1])
        with self._lock:
            self._inspected = kept
        replicas.sort(key=lambda r: (r.place, r.created_at, r.id))
        strangers.sort(key=lambda s: (s.name, s.id))
        return tuple(replicas), tuple(strangers)

    def _started_anew(self, item: Mapping[str, Json], replica: Replica) -> bool:
        """Died and started again between two lists, with the event lost: the status says "Up 3 seconds" both times."""
        if replica.phase is not Phase.RUNNING or "second" not in str(item.get("Status")):
            return False
        return replica.started_at is not None and self._clock.now() - replica.started_at > YOUNG_SECONDS

    def _listing(self, wire: Wire, kind: Kind) -> _Listing:
        known = self._listings.get(kind)
        if known is None or self._clock.monotonic() - known.read_at > STALE_SECONDS:
            known = _LISTS[kind](wire, self._owner, self._clock.monotonic())
            with self._lock:
                self._listings[kind] = known
        return known


def _inspected(wire: Wire, container_id: str, marks: labels.Marks) -> Replica | None:
    """The replica, or None where it went away between the list and now."""
    try:
        return reading.replica(wire.look(f"/containers/{container_id}/json"), marks)
    except Answered as error:
        if error.status == 404:
            return None
        raise


def _line(item: Mapping[str, Json]) -> str:
    """The list's line on a container without its ages: state, exit code or health, name."""
    details = " ".join(_PARENTHESES.findall(str(item.get("Status"))))
    return f"{item.get('State')} {details} {reading.name(item)}"


def _volumes(wire: Wire, owner: str, at: float) -> _Listing:
    answer = wire.look("/volumes")
    if not isinstance(answer, dict):
        raise Garbage("no list of volumes")
    items = reading.items(answer.get("Volumes") or [], "volumes")
    return _named(items, owner, at)


def _networks(wire: Wire, owner: str, at: float) -> _Listing:
    return _named(reading.items(wire.look("/networks"), "networks"), owner, at)


def _named(items: list[dict[str, Json]], owner: str, at: float) -> _Listing:
    own = frozenset(reading.text(i, "Name") for i in items if reading.labels(i).get(labels.OWNER) == owner)
    return _Listing(dict.fromkeys((reading.text(i, "Name") for i in items), ""), own, at)


def _images(wire: Wire, _owner: str, at: float) -> _Listing:
    items = reading.items(wire.look("/images/json"), "images")
    names = {}
    for item in items:
        image_id = reading.text(item, "Id")
        names[image_id] = image_id
        names.update((str(name), image_id) for key in ("RepoTags", "RepoDigests") for name in item.get(key) or ())
    return _Listing(names, frozenset(), at)


_LISTS: Mapping[Kind, Callable[[Wire, str, float], _Listing]] = {
    Kind.VOLUMES: _volumes,
    Kind.NETWORKS: _networks,
    Kind.IMAGES: _images,
}
