"""A Docker Engine as a `ports.Engine`: one verb for each action of the plan, put together from dockerd/.

Every failure ends in `_told`, where faults.verdict gives it its one result and its one line; no exception of a client
library leaves this adapter, except as EngineUnknown. An action marks what it changed as old before its outcome is out,
so that the next observation cannot miss it, whether or not the engine's event has come.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from loguru import logger

from zpmd.cut import Cut
from zpmd.engines.dockerd import creating, dossiers, hooks, loading, logs, pulls, reading, resources, stopping
from zpmd.engines.dockerd.events import EventStream
from zpmd.engines.dockerd.faults import FAILURES, Answered, Garbage, Told, verdict
from zpmd.engines.dockerd.foreign import Foreign
from zpmd.engines.dockerd.observing import Kind, Observer
from zpmd.engines.dockerd.usage import UsageReader
from zpmd.engines.dockerd.wire import Json, Pool, Wire, version_text
from zpmd.engines.uncreatable import Uncreatable
from zpmd.errors import EngineUnknown, NotFound
from zpmd.model.action import (
    Action,
    CreateNetwork,
    CreateVolume,
    JudgeSpec,
    KeepEvidence,
    KeepRuns,
    LoadImages,
    MovePatch,
    PullImage,
    RemoveNetwork,
    RemoveReplica,
    RemoveVolume,
    RestartReplica,
    RunHook,
    RunReplica,
    StartReplica,
    StopReplica,
)
from zpmd.model.events import Outcome, Result
from zpmd.model.observed import Dossier, LogLine, Phase, World
from zpmd.model.service import Desired
from zpmd.model.usage import Usage
from zpmd.ports import Clock, Wake

_ANY = (Told, Answered, Garbage, Uncreatable, *FAILURES)
MISSHAPEN = (TypeError, AttributeError, KeyError, ValueError)
"""What reading raises of JSON that has another shape than the API's, deeper than the checks of reading.py look."""
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What an action that succeeded has to tell."""

    detail: str = ""
    container_id: str = ""
    started_at: float | None = None
    dossier: Dossier | None = None
    exit_code: int | None = None
    finished_at: float | None = None


class DockerEngine:
    """One Docker Engine, reached at `url` (unix://, tcp://, ssh://). It may be down when this is made.

    `declared` gives the desired state as of now: where a creation looks up the spec of a volume or network that has
    gone. `materials_dir` holds the contents of configs and secrets. At most `workers` actions run at once.
    """

    replicates = False

    def __init__(
        self,
        *,
        url: str,
        owner: str,
        project: str,
        materials_dir: Path,
        clock: Clock,
        declared: Callable[[], Desired] = Desired,
        workers: int = 6,
        timeout_seconds: float = 60.0,
    ) -> None:
        self._owner = owner
        self._project = project
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._foreign = Foreign(owner, materials_dir)
        self._site = creating.Site(
            owner=owner, project=project, materials_dir=materials_dir, foreign=self._foreign, declared=declared
        )
        self._pool = Pool(url, timeout_seconds)
        self._observer = Observer(owner, clock)
        self._usage = UsageReader(self._pool)
        self._events = EventStream(self._pool, self._observer, clock)
        self._working = threading.BoundedSemaphore(workers)

    def observe(self, images: Collection[str]) -> World:
        try:
            with self._pool.lend() as wire:
                return self._observer.observe(wire, images)
        except _ANY as error:
            raise EngineUnknown(f"cannot observe the engine: {verdict(error)[1]}") from error
        except MISSHAPEN as error:
            raise EngineUnknown(f"cannot observe the engine: it answered garbage: {error!r}") from error

    def apply(self, action: Action, progress: Progress) -> Outcome:
        with self._working, self._observer.at_work(action):
            began = self._clock.monotonic()
            result, done = self._told(action, progress)
            ended = self._clock.monotonic()
            if result is Result.OK and self._foreign.left:
                self._tidy_copies()
        return Outcome(
            action=action,
            result=result,
            at=self._clock.now(),
            detail=done.detail,
            container_id=done.container_id,
            started_at=done.started_at,
            dossier=done.dossier,
            seconds=ended - began,
            exit_code=done.exit_code,
            finished_at=done.finished_at,
        )

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        self._events.watch(wake, stop)

    def stream_alive(self) -> bool:
        return self._events.alive()

    def logs(
        self, container_id: str, tail: int, follow: bool, since: float | None = None, cut: Cut | None = None
    ) -> Iterator[LogLine]:
        """As ports.Engine.logs; the request is made with the first line that is asked for."""
        params = {"tail": str(tail), "follow": "1" if follow else "0"}
        if since is not None:
            params["since"] = f"{since:.6f}"  # times of lines are told to the microsecond, and cut off there
        try:
            wire = self._pool.dedicated()
            try:
                idle = None if follow else self._timeout_seconds
                with logs.stream(wire, container_id, params, idle, cut) as lines:
                    yield from lines
            finally:
                wire.close()
        except Answered as error:
            if error.status == 404:
                raise NotFound(f"container {container_id[:12]} does not exist") from error
            raise EngineUnknown(f"cannot read logs: {verdict(error)[1]}") from error
        except _ANY as error:
            if cut is not None and cut.done:
                return
            raise EngineUnknown(f"cannot read logs: {verdict(error)[1]}") from error

    def usage(self, container_ids: Collection[str]) -> Mapping[str, Usage]:
        try:
            return self._usage.read(container_ids)
        except _ANY as error:
            raise EngineUnknown(f"cannot read what containers use: {verdict(error)[1]}") from error
        except MISSHAPEN as error:
            raise EngineUnknown(f"cannot read what containers use: the engine answered garbage: {error!r}") from error

    def about(self) -> Mapping[str, str]:
        try:
            with self._pool.lend() as wire:
                version = reading.mapping(wire.get("/version"), "version")
                info = reading.mapping(wire.get("/info"), "info")
        except _ANY as error:
            raise EngineUnknown(f"cannot ask the engine about itself: {verdict(error)[1]}") from error
        known = f"{version.get('MinAPIVersion')} to {version.get('ApiVersion')}"
        return {
            "engine": str(version.get("Version")),
            "api": f"{version_text(wire.agreed.api)} (of {known})",
            "storage driver": str(info.get("Driver")),
            "root": str(info.get("DockerRootDir")),
            "system": str(info.get("OperatingSystem")),
            "clock": str(info.get("SystemTime")),
            "kernel": str(info.get("KernelVersion")),
            "cgroup": f"{info.get('CgroupDriver')} {info.get('CgroupVersion') or ''}".strip(),
            "log driver": str(info.get("LoggingDriver")),
            "live restore": "yes" if info.get("LiveRestoreEnabled") else "no",
            "containers": f"{info.get('ContainersRunning')} running of {info.get('Containers')}",
            "warnings": "; ".join(info.get("Warnings") or ()),
        }

    def _told(self, action: Action, progress: Progress) -> tuple[Result, _Done]:
        """Do it, and say what became of it in any case."""
        self._mend_copies(action)
        try:
            with self._pool.lend() as wire:
                return Result.OK, self._done(wire, action, progress)
        except Uncreatable as error:
            return Result.PERMANENT, _Done(detail=str(error))
        except _ANY as error:
            result, detail = verdict(error)
            return result, _Done(detail=detail)
        except Exception as error:  # a bug of ours is one action's failure, not the end of its worker
            logger.exception("{} failed in a way that is not foreseen", type(action).__name__)
            return Result.UNKNOWN, _Done(detail=f"not foreseen: {error!r}")
        finally:
            self._mark(action)

    def _mend_copies(self, action: Action) -> None:
        """Once: what a change of zpmd's user did to configs and secrets that a replica would be started with. A failure
        is not the action's."""
        if self._foreign.mended or not isinstance(action, StartReplica | RestartReplica):
            return
        try:
            with self._pool.lend() as wire:
                self._foreign.mend(wire, action.replica.image_id, platform="")
        except _ANY as error:
            logger.warning("configs and secrets of other users cannot be mended: {}", verdict(error)[1])

    def _tidy_copies(self) -> None:
        """Once, and after the first action that succeeds, which nothing is to hold up: what an earlier zpmd has left.
        An engine that does not do it now is asked again after the next one."""
        with suppress(*_ANY), self._pool.lend() as wire:
            self._foreign.tidy(wire)

    def _mark(self, action: Action) -> None:
        """What it may have changed is old, even (and especially) where it failed."""
        match action:
            case StartReplica() | RestartReplica() | StopReplica() | RemoveReplica() | RunHook():
                self._observer.touch(action.replica.id)
            case RunReplica():
                self._observer.changed(Kind.VOLUMES)
                self._observer.changed(Kind.NETWORKS)
                if action.pull:
                    self._observer.changed(Kind.IMAGES)
            case CreateVolume() | RemoveVolume():
                self._observer.changed(Kind.VOLUMES)
            case CreateNetwork() | RemoveNetwork():
                self._observer.changed(Kind.NETWORKS)
            case PullImage() | LoadImages():
                self._observer.changed(Kind.IMAGES)
            case JudgeSpec() | MovePatch() | KeepRuns() | KeepEvidence():
                pass

    def _done(self, wire: Wire, action: Action, progress: Progress) -> _Done:
        match action:
            case RunReplica():
                return self._run(wire, action, progress)
            case StartReplica():
                return self._start(wire, action)
            case RestartReplica():
                return self._restart(wire, action)
            case StopReplica():
                return self._stop(wire, action)
            case RemoveReplica():
                return self._remove(wire, action)
            case RunHook():
                for hook in action.hooks:
                    hooks.run(wire, action.replica.id, hook, hooks.POST_START_SECONDS, self._clock.monotonic)
                return _Done(container_id=action.replica.id, started_at=action.replica.started_at)
            case PullImage():
                pulls.pull(wire, action.image, action.platform, progress)
            case LoadImages():
                loading.load(wire, action, progress)
            case CreateVolume():
                resources.create_volume(wire, action.volume, self._owner, self._project)
            case CreateNetwork():
                resources.create_network(wire, action.network, self._owner, self._project)
            case RemoveVolume():
                resources.remove_volume(wire, action.name, self._owner)
            case RemoveNetwork():
                resources.remove_network(wire, action.name, self._owner)
            case KeepEvidence():
                dossier = dossiers.of_run(wire, action.replica, self._clock.now())
                return _Done(container_id=action.replica.id, dossier=dossier)
            case JudgeSpec() | MovePatch() | KeepRuns():
                raise Told(Result.PERMANENT, "a verdict is the store's to keep, not the engine's")
            case _:
                assert_never(action)
        return _Done()

    def _run(self, wire: Wire, action: RunReplica, progress: Progress) -> _Done:
        detail = ""
        if action.pull:
            container = action.service.container
            try:
                pulls.pull(wire, container.image, container.platform, progress)
            except _ANY as error:
                detail = f"the image on this host is used: {verdict(error)[1]}"
        container_id = creating.run(wire, self._site, action)
        self._observer.touch(container_id)
        return _Done(
            detail=detail, container_id=container_id, started_at=_started_at(dossiers.looked_at(wire, container_id))
        )

    def _start(self, wire: Wire, action: StartReplica) -> _Done:
        """The way from death to running: nothing but what the dossier would lose comes before the start."""
        replica = action.replica
        probes = dossiers.probes(wire, replica) if action.evidence else ()
        if replica.due is not None:
            creating.start_run(wire, replica.id)
        elif replica.phase is Phase.CREATED:
            creating.start_first(wire, replica.id)
        else:
            creating.start(wire, replica.id)
        inspected = dossiers.looked_at(wire, replica.id)
        started_at = _started_at(inspected)
        dossier = (
            dossiers.gather(wire, replica, self._clock.now(), probes, started_at, inspected)
            if action.evidence
            else None
        )
        return _Done(container_id=replica.id, started_at=started_at, dossier=dossier)

    def _restart(self, wire: Wire, action: RestartReplica) -> _Done:
        replica = action.replica
        probes = dossiers.probes(wire, replica)
        failures = self._stopped(wire, action)
        # its log and its life end here; the rest of the evidence is what it was when the plan was made
        inspected = dossiers.looked_at(wire, replica.id)
        exit_code, finished_at = dossiers.end(inspected)
        dossier = dossiers.gather(wire, replica, self._clock.now(), probes, inspected=inspected, stopped=True)
        creating.start(wire, replica.id)
        return _Done(
            detail="; ".join(failures),
            container_id=replica.id,
            started_at=_started_at(dossiers.looked_at(wire, replica.id)),
            dossier=dossier,
            exit_code=exit_code,
            finished_at=finished_at,
        )

    def _stop(self, wire: Wire, action: StopReplica) -> _Done:
        replica = action.replica
        probes = dossiers.probes(wire, replica) if action.evidence else ()
        failures = self._stopped(wire, action)
        inspected = dossiers.looked_at(wire, replica.id)
        exit_code, finished_at = dossiers.end(inspected)
        dossier = None
        if action.evidence:
            dossier = dossiers.gather(wire, replica, self._clock.now(), probes, inspected=inspected, stopped=True)
        return _Done(
            detail="; ".join(failures),
            container_id=replica.id,
            dossier=dossier,
            exit_code=exit_code,
            finished_at=finished_at,
        )

    def _stopped(self, wire: Wire, action: StopReplica | RestartReplica) -> list[str]:
        return stopping.stop(
            wire,
            action.replica.id,
            action.grace_seconds,
            action.pre_stop if action.replica.running else (),
            self._timeout_seconds,
            self._clock.monotonic,
        )

    def _remove(self, wire: Wire, action: RemoveReplica) -> _Done:
        replica = action.replica
        dossier = None
        if action.evidence:
            inspected = dossiers.looked_at(wire, replica.id)
            probes = dossiers.probes(wire, replica)
            dossier = dossiers.gather(wire, replica, self._clock.now(), probes, inspected=inspected)
        stopping.remove(wire, replica, self._owner, self._clock.monotonic)
        return _Done(container_id=replica.id, dossier=dossier)


def _started_at(inspected: Json) -> float | None:
    """When the engine says that it was started; None where it is gone again, or does not tell."""
    try:
        state = reading.mapping(inspected, "container").get("State") or {}
        return reading.instant(state.get("StartedAt"))
    except Garbage:
        return None
