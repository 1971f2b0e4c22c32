"""What one service is to be, after operators and rollouts have had their word."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from zpmd.model.cause import Cause, Code
from zpmd.model.container import Container
from zpmd.model.memory import Down, Hold, Memory, Revision, Verdict
from zpmd.model.service import ServiceData, Under, UpdateConfig
from zpmd.model.spechash import spec_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`service` is the definition to run: the declared one, or while `reverting` the declared policies around the
    container of the last stable one.

    `leaving` says why nothing of it shall run; its containers are then removed (`remove`) or only stopped.
    """

    service: ServiceData
    name: str
    spec: str
    generation: int
    replicas: int
    reverting: bool = False
    leaving: Cause | None = None
    remove: bool = False
    hold: Hold | None = None
    revision: Revision | None = None
    namespaces: frozenset[str] = frozenset()
    """Services in whose network, ipc or pid namespace its containers live: Compose's `service:NAME`."""
    shared: frozenset[str] = frozenset()
    """Those, and the services whose volumes it mounts (`volumes_from`)."""
    follows: tuple[str, ...] = ()
    """Services with which it is replaced: those it shares with, and those it names with `depends_on.restart`."""
    stuck: str = ""
    """Why it stands between two definitions: going back from a patch has failed, and nobody has asked for more."""

    @property
    def update(self) -> UpdateConfig:
        return self.service.rollback if self.reverting else self.service.update

    @property
    def on_trial(self) -> bool:
        """A patch that may still be rolled back says what it is."""
        return self.service.patched is not None and self.service.patched.under is Under.TRIAL

    @property
    def verdict(self) -> Verdict | None:
        """What is remembered of exactly this spec at this generation."""
        r = self.revision
        return r.verdict if r and r.judged == self.spec and r.generation == self.generation else None


def target(declared: ServiceData, memory: Memory, now: float) -> Target:
    """The target of one declared service."""
    name, intent = declared.name, memory.intent
    if declared.job is not None:
        return _job(declared, memory, now)
    asked, patched = intent.generations.get(name, 0), declared.patched
    generation = max(asked, patched.generation) if patched else asked
    back = patched is not None and patched.under in (Under.BACK, Under.STUCK)
    revision = memory.revisions.get(name)
    service, spec, reverting = declared, spec_hash(declared.container), back
    stable = _to_go_back_to(revision, spec, generation) if revision else None
    if stable:
        # Its policies are the declared ones: they were not on trial, and may have been mended since.
        service = dataclasses.replace(declared, container=stable.container, pull=stable.pull)
        spec, reverting = spec_hash(stable.container), True
    leaving, remove = _leaving(name, memory)
    namespaces = namespaces_of(service.container)
    shared = namespaces | volumes_of(service.container)
    return Target(
        service=service,
        name=name,
        spec=spec,
        generation=generation,
        replicas=0 if leaving else intent.scaled.get(name, declared.replicas),
        reverting=reverting,
        leaving=leaving,
        remove=remove,
        hold=intent.hold_on(name, now),
        revision=revision,
        namespaces=namespaces,
        shared=shared,
        follows=tuple(sorted(shared.union(d.service for d in service.depends_on if d.restart))),
        stuck=patched.reason if patched and patched.under is Under.STUCK and asked <= patched.tried else "",
    )


def _job(declared: ServiceData, memory: Memory, now: float) -> Target:
    """A job has no replicas, and so nothing that would be rolled out, judged or drift: its next run is as declared."""
    leaving, remove = _leaving(declared.name, memory)
    return Target(
        service=declared,
        name=declared.name,
        spec=spec_hash(declared.container),
        generation=0,
        replicas=0,
        leaving=leaving,
        remove=remove,
        hold=memory.intent.hold_on(declared.name, now),
    )


def namespaces_of(container: Container) -> frozenset[str]:
    """The services in whose namespaces this container is made."""
    modes = [mode for mode in (container.network_mode, container.ipc, container.pid) if mode]
    return frozenset(mode.removeprefix("service:") for mode in modes if mode.startswith("service:"))


def volumes_of(container: Container) -> frozenset[str]:
    """The services whose volumes this container mounts."""
    return frozenset(v.split(":")[0] for v in container.volumes_from if not v.startswith("container:"))


def _to_go_back_to(revision: Revision, spec: str, generation: int) -> ServiceData | None:
    """The last stable definition, where the declared spec has failed its rollout. A raised generation
    (`zpmctl restart`) gives it another trial."""
    failed = revision.verdict is Verdict.FAILED and revision.judged == spec and revision.generation == generation
    return revision.stable if failed else None


def _leaving(name: str, memory: Memory) -> tuple[Cause | None, bool]:
    if memory.intent.down is not Down.NO:
        return Cause(Code.DOWN_ASKED, "an operator took the appliance down"), True
    if name in memory.intent.stopped:
        return Cause(Code.STOP_ASKED, "an operator stopped it"), False
    return None, False
