"""What each action does to the simulated world: the steps, refusals and adoptions of the Docker engine adapter.

Rules: `at` is the instant at which the engine gets round to an action; a step returns when it is over. Failed is the
only way to fail. Nothing that lacks the owner's label is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from zpmd.engines import labels, references
from zpmd.engines.simulated_container import Behaviour, Box
from zpmd.engines.simulated_faults import Failed, Fault, Faults
from zpmd.engines.simulated_world import SimulatedWorld
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
    verb,
)
from zpmd.model.container import Container, Hook, MountKind, Pairs
from zpmd.model.events import Result
from zpmd.model.observed import ContainerLimits, Dossier, Health, Phase, Replica
from zpmd.model.service import Desired, NetworkSpec, VolumeSpec

# About what the real engine takes, idle, on two cores. No start takes no time: two runs never start at one instant.
CREATE_SECONDS = 0.01
START_SECONDS = 0.2
STOP_SECONDS = 0.1
REMOVE_SECONDS = 0.01
GONE_SECONDS = 5.0
"""For so long the adapter waits for the end of a removal that is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What an action came to: when it is over, and of which container."""

    at: float
    container_id: str = ""
    started_at: float | None = None
    dossier: Dossier | None = None
    exit_code: int | None = None
    finished_at: float | None = None


class SimulatedActions:
    """The actions of one installation on one world. Called with the world's lock held."""

    def __init__(
        self, world: SimulatedWorld, faults: Faults, owner: str, project: str, declared: Callable[[], Desired]
    ) -> None:
        self._world = world
        self._faults = faults
        self._owner = owner
        self._project = project
        self._declared = declared

    def ours(self, marked: Iterable[tuple[str, str]]) -> bool:
        """Whether these labels say that something belongs to this installation."""
        return (labels.OWNER, self._owner) in marked

    def carry_out(self, action: Action, at: float, progress: Callable[[str], None]) -> Done:
        match action:
            case CreateVolume():
                self._make_volume(action.volume)
            case RemoveVolume():
                self._remove_volume(action.name, at)
            case CreateNetwork():
                self._make_network(action.network)
            case RemoveNetwork():
                self._remove_network(action.name, at)
            case PullImage():
                return self._pull(action.image, at, progress)
            case LoadImages():
                return self._load(action, at, progress)
            case RunReplica():
                return self._run(action, at, progress)
            case StartReplica():
                return self._start(action, at)
            case RestartReplica():
                return self._restart(action, at)
            case StopReplica():
                return self._stop(action, at)
            case RemoveReplica():
                return self._remove(action, at)
            case RunHook():
                return self._hook(action, at)
            case KeepEvidence():
                return self._evidence(action, at)
            case JudgeSpec() | MovePatch() | KeepRuns():
                raise Failed(Result.PERMANENT, "a verdict is no action of an engine")
        return Done(at=at)

    def _remove_volume(self, name: str, at: float) -> None:
        if name not in self._world.volumes:
            return
        if not self.ours(self._world.volumes[name]):
            raise Failed(Result.PERMANENT, f"volume {name} is not ours")
        user = next((box for box in self._world.present(at) if name in box.volumes), None)
        if user is not None:
            raise Failed(Result.TRANSIENT, f"volume {name} is in use by {user.name}")
        del self._world.volumes[name]

    def _remove_network(self, name: str, at: float) -> None:
        if name not in self._world.networks:
            return
        if not self.ours(self._world.networks[name]):
            raise Failed(Result.PERMANENT, f"network {name} is not ours")
        user = next((b for b in self._world.present(at) if b.running(at) and name in b.networks), None)
        if user is not None:
            raise Failed(Result.TRANSIENT, f"network {name} is in use by {user.name}")
        del self._world.networks[name]

    def _pull(self, image: str, at: float, progress: Callable[[str], None]) -> Done:
        if self._faults.registry_down:
            raise Failed(Result.TRANSIENT, self._faults.registry_down)
        if references.familiar(image) not in map(references.familiar, self._world.registry):
            raise Failed(Result.PERMANENT, f"no image {image} in the registry")
        if self._faults.no_space:
            raise Failed(Result.PERMANENT, self._faults.no_space)
        progress("pulling")
        arrives_at = at + self._faults.pull_seconds
        self._world.bring(image, arrives_at)
        return Done(at=arrives_at)

    def _load(self, action: LoadImages, at: float, progress: Callable[[str], None]) -> Done:
        if action.bundle in self._faults.spoilt:
            raise Failed(Result.PERMANENT, f"cannot load {action.member}: {self._faults.spoilt[action.bundle]}")
        if self._faults.no_space:
            raise Failed(Result.TRANSIENT, self._faults.no_space)
        progress("loading")
        loaded_at = at + self._faults.pull_seconds
        for image in action.images:
            if image is action.images[-1]:  # one after the other is there, so that half of them can be
                self._faults.strike(Fault.HALF_DONE, verb(action), loaded_at)
            self._world.bring(image.reference, loaded_at, image.ids[0] if image.ids else "")
        return Done(at=loaded_at)

    def _run(self, action: RunReplica, at: float, progress: Callable[[str], None]) -> Done:
        if action.pull:
            try:
                at = self._pull(action.service.container.image, at, progress).at
            except Failed as failure:
                progress(f"using the local image: {failure.detail}")
        at += CREATE_SECONDS
        box = self._created(action, at)
        self._faults.strike(Fault.HALF_DONE, verb(action), at)
        return self._started(box, at, once=action.due is not None)

    def _created(self, action: RunReplica, at: float) -> Box:
        """The container that the action is for: made, or adopted where its name holds one that is the same."""
        service, container = action.service, action.service.container
        name = labels.name_for(self._project, action)
        holder = self._world.named(name)
        if holder is not None:
            return self._adopted(holder, action)
        if self._faults.no_space:
            raise Failed(Result.PERMANENT, self._faults.no_space)
        if not self._world.has(container.image, at):
            raise Failed(Result.PERMANENT, f"no such image: {container.image}")
        volumes = tuple(m.source for m in container.mounts if m.kind is MountKind.VOLUME and m.source)
        networks = tuple(attachment.network for attachment in container.networks)
        self._ensure(volumes, networks)
        container_id = self._world.new_id()
        anonymous = self._world.make_anonymous(container_id, container)
        return self._world.put(
            Box(
                id=container_id,
                name=name,
                image=container.image,
                image_id=self._world.image_id(container.image),
                behaviour=self._world.behave(container),
                created_at=at,
                labels=tuple(sorted(labels.labels_for(self._owner, self._project, action).items())),
                ports=_published(container),
                volumes=volumes + anonymous,
                anonymous=anonymous,
                networks=networks,
                healthcheck=container.healthcheck,
                grace_seconds=service.stop_grace_seconds,
                limits=_limits(container),
            )
        )

    def _ensure(self, volumes: Iterable[str], networks: Iterable[str]) -> None:
        """Make those that are gone, from their specs."""
        declared = self._declared()
        for name in volumes:
            volume = next((v for v in declared.volumes if v.name == name), None)
            if name not in self._world.volumes and volume is None:
                raise Failed(Result.PERMANENT, f"volume {name} does not exist, and no file declares it")
            if name not in self._world.volumes and volume is not None:
                self._make_volume(volume)
        for name in networks:
            network = next((n for n in declared.networks if n.name == name), None)
            if name not in self._world.networks and network is None:
                raise Failed(Result.PERMANENT, f"network {name} does not exist, and no file declares it")
            if name not in self._world.networks and network is not None:
                self._make_network(network)

    def _make_volume(self, volume: VolumeSpec) -> None:
        if volume.external:
            raise Failed(Result.PERMANENT, f"volume {volume.name} is external and does not exist: create it by hand")
        self._world.volumes.setdefault(volume.name, self._marks())

    def _make_network(self, network: NetworkSpec) -> None:
        if network.external:
            raise Failed(Result.PERMANENT, f"network {network.name} is external and does not exist: create it by hand")
        self._world.networks.setdefault(network.name, self._marks())

    def _adopted(self, holder: Box, action: RunReplica) -> Box:
        if not self.ours(holder.labels):
            raise Failed(Result.PERMANENT, f"the name {holder.name} is taken by a container that is not ours")
        if not labels.made_for(dict(holder.labels), action):
            raise Failed(Result.PERMANENT, f"the name {holder.name} is taken by another replica of ours")
        return holder

    def _start(self, action: StartReplica, at: float) -> Done:
        box = self._own(action.replica)
        if box is None:
            raise Failed(Result.PERMANENT, f"no such container: {action.replica.name}")
        dossier = self._dossier(action.replica, box, at) if action.evidence else None
        return replace(self._started(box, at, once=action.replica.due is not None), dossier=dossier)

    def _started(self, box: Box, at: float, once: bool = False) -> Done:
        """Start a container in place; one that runs goes on. `once`: one that ran before is left as it is, too."""
        if once and (box.runs or box.stuck is not None):
            begun_at = box.runs[-1].started_at if box.runs else None
            return Done(at=max(at, begun_at or at), container_id=box.id, started_at=begun_at)
        if box.stuck is not None:
            text = "container is marked for removal and cannot be started"
            raise Failed(Result.PERMANENT, text, box.id)
        run = box.under_way(at)
        if run is not None and box.paused:
            raise Failed(Result.PERMANENT, "cannot start a paused container, try unpause instead", box.id)
        if run is not None:
            return Done(at=max(at, run.started_at), container_id=box.id, started_at=run.started_at)
        at += START_SECONDS
        holder = self._world.holder_of_port(box.ports, at)
        error = f"{', '.join(box.ports)}: port is already allocated" if holder else box.behaviour.fails_to_start
        if error:
            self._world.put(replace(box, error=error))
            raise Failed(Result.PERMANENT, error, box.id, at)
        self._world.put(box.started(at))
        return Done(at=at, container_id=box.id, started_at=at)

    def _restart(self, action: RestartReplica, at: float) -> Done:
        box = self._own(action.replica)
        if box is None:
            raise Failed(Result.PERMANENT, f"no such container: {action.replica.name}")
        ended = self._ended(action, box, at, evidence=True)
        self._faults.strike(Fault.HALF_DONE, verb(action), ended.at)
        again = self._started(self._world.boxes[box.id], ended.at)
        return replace(ended, at=again.at, started_at=again.started_at)

    def _stop(self, action: StopReplica, at: float) -> Done:
        box = self._own(action.replica)
        if box is None:
            return Done(at=at)
        return self._ended(action, box, at, action.evidence)

    def _ended(self, action: StopReplica | RestartReplica, box: Box, at: float, evidence: bool) -> Done:
        """Stopped, with how it ended."""
        dossier = self._dossier(action.replica, box, at) if evidence else None
        over_at = self._stopped(box, at, action.grace_seconds)
        run = self._world.boxes[box.id].run(over_at)
        code, finished_at = (None, None) if run is None else (run.exit_code, run.ends_at)
        if dossier is not None:
            dossier = replace(dossier, exit_code=code, finished_at=finished_at, stopped=True)
        return Done(at=over_at, container_id=box.id, dossier=dossier, exit_code=code, finished_at=finished_at)

    def _stopped(self, box: Box, at: float, grace_seconds: float | None) -> float:
        """Ask it to end; when it has."""
        run = box.under_way(at)
        if run is None:
            return at
        at = max(at, run.started_at) + STOP_SECONDS
        stopped = self._world.put(box.stopped(at, box.grace_seconds if grace_seconds is None else grace_seconds))
        return stopped.runs[-1].ends_at or at

    def _remove(self, action: RemoveReplica, at: float) -> Done:
        box = self._own(action.replica)
        if box is None:
            return Done(at=at)
        if box.under_way(at) is not None:
            raise Failed(Result.TRANSIENT, f"container {box.name} still runs: it is not removed")
        if box.stuck is Phase.REMOVING:
            text = f"container {box.name} is being removed, and still there"
            raise Failed(Result.UNKNOWN, text, box.id, at + GONE_SECONDS)
        if box.busy:
            text = f"container {box.name}: driver failed to remove root filesystem: device or resource busy"
            raise Failed(Result.TRANSIENT, text, box.id)
        dossier = self._dossier(action.replica, box, at) if action.evidence else None
        self._world.put(replace(box, removed_at=at + REMOVE_SECONDS))
        if action.replica.due is not None:
            for name in box.anonymous:
                del self._world.volumes[name]
        return Done(at=at + REMOVE_SECONDS, container_id=box.id, dossier=dossier)

    def _evidence(self, action: KeepEvidence, at: float) -> Done:
        box = self._own(action.replica)
        if box is None:
            raise Failed(Result.PERMANENT, f"no such container: {action.replica.name}")
        return Done(at=at, container_id=box.id, dossier=self._dossier(action.replica, box, at))

    def _hook(self, action: RunHook, at: float) -> Done:
        box = self._own(action.replica)
        run = None if box is None else box.run(at)
        if box is None or run is None or not box.running(at):
            raise Failed(Result.PERMANENT, f"container {action.replica.name} is not running")
        for hook in action.hooks:
            code = _exit_code_of(hook, box.behaviour)
            if code:
                raise Failed(Result.TRANSIENT, f"hook {' '.join(hook.command)} exited with {code}", box.id)
        return Done(at=at, container_id=box.id, started_at=run.started_at)

    def _own(self, replica: Replica) -> Box | None:
        """The container of a replica, None where it is gone. Raises Failed where it is not ours."""
        box = self._world.box(replica.id)
        if box is not None and not self.ours(box.labels):
            raise Failed(Result.PERMANENT, f"container {box.name} is not ours")
        return box

    def _dossier(self, replica: Replica, box: Box, at: float) -> Dossier:
        sick = box.health(at) is Health.UNHEALTHY
        return Dossier(
            service=replica.service,
            slot=replica.slot,
            container_id=box.id,
            at=at,
            exit_code=replica.exit_code,
            oom_killed=replica.oom_killed,
            health_output=("exit 1",) if sick else (),
            log_tail=tuple(text for _, text in box.log(None, at)),
            error=replica.error,
            started_at=replica.started_at,
            finished_at=replica.finished_at,
            image=replica.image,
            limits=box.limits,
            attempt=replica.attempt,
            generation=replica.generation,
            spec=replica.spec,
            revision=replica.revision,
        )

    def _marks(self) -> Pairs:
        return tuple(sorted(labels.owned(self._owner, self._project).items()))


def _limits(container: Container) -> ContainerLimits:
    cpus = container.cpus
    if not cpus and container.cpu_quota > 0:
        cpus = container.cpu_quota / (container.cpu_period or 100_000)
    return ContainerLimits(memory_bytes=container.mem_limit_bytes, cpus=cpus, pids=max(0, container.pids_limit))


def _published(container: Container) -> tuple[str, ...]:
    """The host ports that are fixed; ranges and ports that the engine chooses never collide here."""
    return tuple(
        f"{port.host_ip or '0.0.0.0'}:{port.published}/{port.protocol}"  # nosec B104 # nothing is bound
        for port in container.ports
        if port.published.isdecimal()
    )


def _exit_code_of(hook: Hook, behaviour: Behaviour) -> int:
    program = hook.command[0] if hook.command else ""
    return 1 if program in behaviour.failing_commands else 0
