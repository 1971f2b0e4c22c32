"""What containers use, without the second that each question for statistics takes the engine by itself.

The kernel is read where it counts (cgroups.py). A container that is not found there by its name is looked up with the
engine once, for its first process. Where the kernel cannot be read at all (another host's engine), the engine is asked
for one reading of each, a few at a time: it answers such a question at once, as the second reading, which makes a rate
of the first, is ours to take.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from zpmd.engines.dockerd import cgroups, reading
from zpmd.engines.dockerd.faults import Answered, Garbage
from zpmd.engines.dockerd.wire import Json, Pool, Wire
from zpmd.model.usage import Usage

T = TypeVar("T")

AT_ONCE = 8
"""Questions to the engine."""


@dataclass(frozen=True, slots=True)
class _First:
    """The first process of a container, and the memory that it may take."""

    pid: int
    limit: int | None


class UsageReader:
    """May be used by several threads at once."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._firsts: dict[str, _First] = {}

    def read(self, container_ids: Collection[str]) -> Mapping[str, Usage]:
        """Of those that run. Raises whatever the wire raises."""
        mounts = _mounts()
        found = _told((i, cgroups.named(i, mounts)) for i in container_ids)
        left = [i for i in container_ids if i not in found]
        with self._lock:
            known = {i: self._firsts[i] for i in left if i in self._firsts}
        found.update(_of_processes(known, mounts))
        fresh = dict(self._each([i for i in left if i not in found], _first))
        found.update(_of_processes(fresh, mounts))
        with self._lock:
            self._firsts = {**{i: first for i, first in known.items() if i in found}, **fresh}
        asked = [i for i in fresh if i not in found]
        found.update(self._each(asked, lambda wire, i: _one_shot(wire, i, fresh[i].limit)))
        return found

    def _each(self, container_ids: Collection[str], ask: Callable[[Wire, str], T | None]) -> Iterator[tuple[str, T]]:
        """The answers, a few questions at a time, each on a wire of its own; None is no answer."""

        def one(container_id: str) -> T | None:
            try:
                with self._pool.lend() as wire:
                    return ask(wire, container_id)
            except Answered as error:
                if error.status in (404, 409):  # gone, or on its way
                    return None
                raise

        if container_ids:
            with ThreadPoolExecutor(min(AT_ONCE, len(container_ids)), "zpmd-usage") as threads:
                yield from _told(zip(container_ids, threads.map(one, container_ids), strict=True)).items()


def _told(answers: Iterator[tuple[str, T | None]]) -> dict[str, T]:
    return {container_id: answer for container_id, answer in answers if answer is not None}


def _mounts() -> cgroups.Mounts:
    try:
        return cgroups.mounts()
    except (OSError, ValueError):
        return {}


def _of_processes(firsts: Mapping[str, _First], mounts: cgroups.Mounts) -> dict[str, Usage]:
    return _told((i, cgroups.of_process(i, first.pid, mounts)) for i, first in firsts.items())


def _first(wire: Wire, container_id: str) -> _First | None:
    inspected = reading.mapping(wire.look(f"/containers/{container_id}/json"), "container")
    pid = reading.number(reading.mapping(inspected.get("State"), "state").get("Pid"))
    limit = reading.number(reading.mapping(inspected.get("HostConfig"), "host config").get("Memory"))
    return _First(int(pid), int(limit) or None) if pid else None


def _one_shot(wire: Wire, container_id: str, limit: int | None) -> Usage | None:
    return counted(wire.look(f"/containers/{container_id}/stats", {"stream": "0", "one-shot": "1"}), limit)


def counted(answer: Json, limit: int | None) -> Usage | None:
    """An answer of the engine as a usage; None for that of a container that has ended."""
    stats = reading.mapping(answer, "statistics")
    memory, cpu = stats.get("memory_stats") or {}, (stats.get("cpu_stats") or {}).get("cpu_usage") or {}
    if not isinstance(memory, dict) or not isinstance(cpu, dict):
        raise Garbage("no statistics")
    if "usage" not in memory:
        return None
    pages = memory.get("stats") or {}
    idle = pages.get("total_inactive_file", pages.get("inactive_file", 0))
    return Usage(
        cpu_seconds=reading.number(cpu.get("total_usage")) / 1e9,
        memory_bytes=max(0, int(reading.number(memory["usage"]) - reading.number(idle))),
        memory_limit_bytes=limit,
    )
