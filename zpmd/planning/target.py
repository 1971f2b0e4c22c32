"""What one service is to be, after operators and rollouts have had their word."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from zpmd.model.memory import Down, Hold, Memory, Revision, Verdict
from zpmd.model.plan import Cause, Code
from zpmd.model.service import ServiceData, UpdateConfig
from zpmd.model.spechash import spec_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`service` is the definition to run: the declared one, or the last stable one while `reverting`.

    `leaving` says why nothing of it shall run; its containers are then removed (`remove`) or only stopped.
    """

    service: ServiceData
    spec: str
    generation: int
    replicas: int
    reverting: bool = False
    leaving: Cause | None = None
    remove: bool = False
    hold: Hold | None = None
    revision: Revision | None = None
    shares: frozenset[str] = frozenset()
    """Services whose namespaces or volumes its containers are made with: Compose's `service:NAME` forms."""
    follows: tuple[str, ...] = ()
    """Services with which it is replaced: those it shares with, and those it names with `depends_on.restart`."""

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def update(self) -> UpdateConfig:
        return self.service.rollback if self.reverting else self.service.update

    @property
    def verdict(self) -> Verdict | None:
        """What is remembered of exactly this spec at this generation."""
        r = self.revision
        return r.verdict if r and r.judged == self.spec and r.generation == self.generation else None


def target(declared: ServiceData, memory: Memory, now: float) -> Target:
    """The target of one declared service. A spec that failed its rollout gives way to the last stable definition; a
    raised generation (`zpmctl restart`) gives it another trial."""
    name, intent = declared.name, memory.intent
    generation = intent.generations.get(name, 0)
    replicas = intent.scaled.get(name, declared.replicas)
    revision = memory.revisions.get(name)
    service = declared
    reverting = False
    if (
        revision
        and revision.stable
        and revision.verdict is Verdict.FAILED
        and revision.judged == spec_hash(declared.container)
        and revision.generation == generation
    ):
        service = dataclasses.replace(revision.stable, replicas=declared.replicas)
        reverting = True
    leaving, remove = _leaving(name, memory)
    shares = shared_with(service)
    return Target(
        service=service,
        spec=spec_hash(service.container),
        generation=generation,
        replicas=0 if leaving else replicas,
        reverting=reverting,
        leaving=leaving,
        remove=remove,
        hold=active_hold(name, memory, now),
        revision=revision,
        shares=shares,
        follows=tuple(sorted({d.service for d in service.depends_on if d.restart} | shares)),
    )


def shared_with(service: ServiceData) -> frozenset[str]:
    c = service.container
    modes = (c.network_mode, c.ipc, c.pid)
    shared = {mode.removeprefix("service:") for mode in modes if mode.startswith("service:")}
    shared |= {v.split(":")[0] for v in c.volumes_from if not v.startswith("container:")}
    return frozenset(shared - {service.name})


def _leaving(name: str, memory: Memory) -> tuple[Cause | None, bool]:
    if memory.intent.down is not Down.NO:
        return Cause(Code.DOWN_ASKED, "an operator took the appliance down"), True
    if name in memory.intent.stopped:
        return Cause(Code.STOP_ASKED, "an operator stopped it"), False
    return None, False


def active_hold(name: str, memory: Memory, now: float) -> Hold | None:
    """The hold that is in force on a service, the service's own before that on everything."""
    in_force = [h for h in memory.intent.holds if h.service in (name, "*") and (h.until is None or h.until > now)]
    return next((h for h in in_force if h.service == name), in_force[0] if in_force else None)
