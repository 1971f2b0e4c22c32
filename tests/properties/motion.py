"""A world in motion, in virtual time: what an engine makes of each action, and what the loop would remember of it.

An image says what its containers do: `good` comes up, `sick` comes up and turns unhealthy, `crash` ends at once,
`refused` is never made. Where a service has a health check it takes 3 s to pass; a good one-shot ends well after 2 s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from zpmd.model.action import (
    Action,
    CreateNetwork,
    CreateVolume,
    JudgeSpec,
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
from zpmd.model.memory import Attempt, Memory, Revision, Tried, Verdict
from zpmd.model.observed import Health, Observed, Phase, Replica, World
from zpmd.model.plan import Plan
from zpmd.model.policy import Limits
from zpmd.model.service import Desired
from zpmd.model.spechash import spec_hash
from zpmd.planning import checks
from zpmd.planning.planner import plan

HEALTHY_AFTER, SICK_AFTER, CRASH_AFTER, DONE_AFTER = 3.0, 5.0, 1.0, 2.0


class Motion:
    """One appliance. `step` is a pass of the loop with an engine that does at once what it is told."""

    def __init__(
        self, desired: Desired, world: World, memory: Memory, now: float, limits: Limits | None = None
    ) -> None:
        self.desired, self.world, self.memory, self.now = desired, world, memory, now
        self.limits = limits or Limits()
        self.told: list[str] = []
        self.seen: Callable[[], None] = lambda: None
        self._made = 0

    def plan(self) -> Plan:
        observed = Observed(world=self.world)
        made = plan(self.desired, observed, self.memory, self.now, self.limits)
        assert checks.problems(made, self.desired, observed, self.limits) == ()
        return made

    def step(self) -> Plan:
        made = self.plan()
        self.memory = replace(self.memory, gates=made.gates)
        for action in made.actions:
            self.told.append(f"{verb(action)} {action.subject}: {action.cause}")
            self._apply(action)
            self.seen()
        return made

    def run(self, seconds: float, passes: int = 2000) -> bool:
        """Pass after pass, from one instant at which something changes to the next. True: nothing will change."""
        end = self.now + seconds
        for _ in range(passes):
            made = self.step()
            if made.actions:
                continue
            instants = [at for at in (made.wake_at, self._next_change()) if at is not None]
            if not instants:
                return True
            if min(instants) > end:
                return False
            self.now = max(self.now, min(instants))
            self._live()
            self.seen()
        raise AssertionError("a pass is made again and again without time going by:\n" + "\n".join(self.told[-30:]))

    # --- what containers do by themselves -----------------------------------------------------------------------------

    def _changes(self, r: Replica) -> tuple[float, Replica] | None:
        declared = self.desired.service(r.service)
        kind, began = r.image.partition(":")[0], r.started_at or 0.0
        if not r.running:
            return None
        if kind == "crash":
            return _ended(r, began + CRASH_AFTER, 1)
        if kind == "sick" and r.health is not Health.UNHEALTHY:
            return began + SICK_AFTER, replace(r, health=Health.UNHEALTHY)
        if kind == "good" and declared and declared.one_shot:
            return _ended(r, began + DONE_AFTER, 0)
        if r.health is Health.STARTING:
            return began + HEALTHY_AFTER, replace(r, health=Health.HEALTHY)
        return None

    def _next_change(self) -> float | None:
        return min((c[0] for r in self.world.replicas if (c := self._changes(r))), default=None)

    def _live(self) -> None:
        changed = ((r, self._changes(r)) for r in self.world.replicas)
        self._replicas(c[1] if c and c[0] <= self.now else r for r, c in changed)

    # --- what actions do ----------------------------------------------------------------------------------------------

    def _apply(self, action: Action) -> None:
        w, m = self.world, self.memory
        match action:
            case CreateVolume():
                self.world = replace(w, volumes=w.volumes | {action.volume.name})
            case CreateNetwork():
                self.world = replace(w, networks=w.networks | {action.network.name})
            case PullImage():
                self.world = replace(w, images=w.images | {action.image})
            case RemoveVolume():
                self.world = replace(w, own_volumes=w.own_volumes - {action.name})
            case RemoveNetwork():
                self.world = replace(w, own_networks=w.own_networks - {action.name})
            case RunReplica():
                self._run(action)
            case StartReplica() | RestartReplica():
                health = Health.STARTING if action.replica.health is not Health.NONE else Health.NONE
                self._put(
                    action.replica,
                    phase=Phase.RUNNING,
                    health=health,
                    started_at=self.now,
                    finished_at=None,
                    exit_code=None,
                )
                self._tried(action, Tried.START, action.attempt)
            case StopReplica():
                self._put(action.replica, phase=Phase.EXITED, finished_at=self.now, exit_code=143)
                if not action.evidence:
                    self._tried(action, Tried.STOP, 0)
            case RemoveReplica():
                self._replicas(r for r in w.replicas if r.id != action.replica.id)
                self._tried(action, Tried.REMOVE, action.attempt)
            case RunHook():
                self.memory = replace(m, hooked=m.hooked | {(action.replica.id, action.replica.started_at or 0.0)})
            case JudgeSpec():
                self._judge(action)

    def _run(self, action: RunReplica) -> None:
        container, spec = action.service.container, spec_hash(action.service.container)
        refused = container.image.startswith("refused")
        self._remember(
            action, Attempt(tried=Tried.RUN, count=action.attempt, at=self.now, spec=spec, generation=action.generation,
                            failed=refused, error="port is taken" if refused else "")
        )  # fmt: skip
        if refused:
            return
        self._made += 1
        made = Replica(
            id=f"made-{self._made}",
            name=f"{action.service.name}-{action.slot}-{self._made}",
            service=action.service.name,
            group=action.service.group,
            slot=action.slot,
            spec=spec,
            phase=Phase.RUNNING,
            health=Health.STARTING if container.healthcheck else Health.NONE,
            attempt=action.attempt,
            generation=action.generation,
            image=container.image,
            created_at=self.now,
            started_at=self.now,
        )
        self._replicas((*self.world.replicas, made))

    def _judge(self, action: JudgeSpec) -> None:
        before = self.memory.revisions.get(action.service.name)
        stable = action.service if action.verdict is Verdict.STABLE else before.stable if before else None
        revision = Revision(
            service=action.service.name,
            stable=stable,
            judged=action.spec,
            verdict=action.verdict,
            generation=action.generation,
            reason=action.cause.text,
        )
        self.memory = replace(self.memory, revisions={**self.memory.revisions, action.service.name: revision})

    def _tried(self, action: StartReplica | RestartReplica | StopReplica | RemoveReplica, tried: Tried, n: int) -> None:
        r = action.replica
        self._remember(action, Attempt(tried=tried, count=n, at=self.now, spec=r.spec, generation=r.generation))

    def _remember(
        self, action: RunReplica | StartReplica | RestartReplica | StopReplica | RemoveReplica, attempt: Attempt
    ) -> None:
        self.memory = replace(self.memory, attempts={**self.memory.attempts, action.place: attempt})

    def _put(self, replica: Replica, **facts: object) -> None:
        self._replicas(replace(r, **facts) if r.id == replica.id else r for r in self.world.replicas)  # type: ignore[arg-type]

    def _replicas(self, replicas: Iterable[Replica]) -> None:
        self.world = replace(self.world, replicas=tuple(replicas))


def _ended(replica: Replica, at: float, code: int) -> tuple[float, Replica]:
    return at, replace(replica, phase=Phase.EXITED, finished_at=at, exit_code=code)
