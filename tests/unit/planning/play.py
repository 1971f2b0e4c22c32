"""A host in a few lines for tests of patches: what a plan asks for is done at once, and time goes to where it asks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.unit.planning.build import NOW, memory, replica
from zpmd.model.action import (
    Action,
    JudgeSpec,
    LoadImages,
    MovePatch,
    PullImage,
    RemoveReplica,
    RestartReplica,
    RunReplica,
    StartReplica,
    StopReplica,
    verb,
)
from zpmd.model.memory import Attempt, Hold, Intent, Memory, Retry, Revision, Tried, Verdict
from zpmd.model.observed import Health, Observed, Phase, Replica, Slot, World
from zpmd.model.patch import Change, Manifest, Patch, Stage
from zpmd.model.plan import Plan
from zpmd.model.policy import Limits
from zpmd.model.service import Desired, ServiceData
from zpmd.model.spechash import spec_hash
from zpmd.planning.layer import layered
from zpmd.planning.planner import plan


def manifest(id: str = "hotfix-1", services: Iterable[str] = (), **fields: Any) -> Manifest:
    return Manifest(id=id, services=tuple(Change(service=s) for s in services), **fields)


class Play:
    """Services that have been running for an hour, and a ledger. `images` says what becomes of a replica of an image:
    "well" (the default), "sick" (unhealthy) or "dies"."""

    def __init__(
        self, *services: ServiceData, images: Mapping[str, str] | None = None, templates: tuple[str, ...] = ()
    ):
        self.declared = Desired(services=services, templates=templates)
        self.behaviour = dict(images or {})
        self.replicas = [replica(s, n) for s in services for n in range(1, s.replicas + 1)]
        self.here = {s.container.image for s in services} | set(self.behaviour)
        self.ids: dict[str, str] = {}
        self.revisions: dict[str, Revision] = dict(memory(*services).revisions)
        self.attempts: dict[Slot, Attempt] = {}
        self.retries: dict[str, Retry] = {}
        self.intent = Intent()
        self.ledger: dict[int, Patch] = {}
        self.now = NOW
        self.away = ""
        self.limits = Limits()
        self.told: list[str] = []
        self.plan = Plan()

    # --- what happens -------------------------------------------------------------------------------------------------

    def drop(self, what: Manifest, sha256: str = "", **fields: Any) -> int:
        """A file that was copied and read."""
        number = len(self.ledger) + 1
        times = ((Stage.SEEN, self.now), (Stage.COPIED, self.now))
        row = Patch(number=number, name=f"{what.id}.patch.yaml", stage=Stage.COPIED, id=what.id, manifest=what)
        self.ledger[number] = dataclasses.replace(row, times=times, sha256=sha256 or what.id, **fields)
        return number

    def ask_revert(self, number: int, actor: str = "ann") -> None:
        self.ledger[number] = dataclasses.replace(self.ledger[number], asked=actor)

    def declare(self, service: ServiceData) -> None:
        """Its file says this from now on."""
        others = tuple(s for s in self.declared.services if s.name != service.name)
        self.declared = dataclasses.replace(self.declared, services=(*others, service))
        self.here.add(service.container.image)

    def hold(self, *services: str) -> None:
        holds = tuple(Hold(service=s, owner="ann", reason="", since=self.now) for s in services)
        self.intent = dataclasses.replace(self.intent, holds=holds)

    # --- passes -------------------------------------------------------------------------------------------------------

    def step(self) -> Plan:
        """One pass, and everything that it asks for."""
        desired = layered(self.declared, self.patches())
        world = World(replicas=tuple(self.replicas), images=frozenset(self.here), image_ids=self.ids)
        self.plan = plan(desired, Observed(world=world), self.memory(), self.now, self.limits, self.away)
        for action in self.plan.actions:
            self.told.append(f"{verb(action)} {action.subject}: {action.cause}")
            self._do(action)
        return self.plan

    def run(self, until: Callable[[], bool] | None = None, passes: int = 400) -> None:
        """Passes until the ledger is at rest, or `until`; fails where that never comes."""
        for _ in range(passes):
            self.step()
            if until() if until else not self.plan.actions and not self._pending():
                return
            if not self.plan.actions:
                assert self.plan.wake_at is not None, f"nothing will ever happen: {self.plan}"
                self.now = max(self.plan.wake_at, self.now + 0.1)
        raise AssertionError("\n".join(self.told[-30:]))

    def memory(self) -> Memory:
        return Memory(
            intent=self.intent,
            attempts=self.attempts,
            revisions=self.revisions,
            retries=self.retries,
            patches=self.patches(),
        )

    def patches(self) -> tuple[Patch, ...]:
        return tuple(self.ledger[number] for number in sorted(self.ledger))

    def _pending(self) -> bool:
        return any(not patch.ended for patch in self.patches())

    # --- what came of it ----------------------------------------------------------------------------------------------

    def stage(self, number: int = 1) -> Stage:
        return self.ledger[number].stage

    def reason(self, number: int = 1) -> str:
        return self.ledger[number].reason

    def running(self) -> dict[str, str]:
        """The images of what runs, by service; of several, joined in order."""
        found: dict[str, set[str]] = {}
        for one in self.replicas:
            if one.running:
                found.setdefault(one.service, set()).add(one.image)
        return {service: " ".join(sorted(images)) for service, images in sorted(found.items())}

    def moved(self) -> list[str]:
        """The services of which something new was run, in the order of the first."""
        return list(dict.fromkeys(line.split()[1].split("/")[0] for line in self.told if line.startswith("run ")))

    # --- the engine ---------------------------------------------------------------------------------------------------

    def _do(self, action: Action) -> None:
        match action:
            case RunReplica():
                self._ran(action)
            case StartReplica() | RestartReplica():
                self._replace(action.replica, **self._outcome(action.replica.image))
                self._attempt(action.replica, Tried.START, action.attempt)
            case StopReplica():
                self._replace(action.replica, phase=Phase.EXITED, exit_code=0, finished_at=self.now)
            case RemoveReplica():
                self.replicas = [one for one in self.replicas if one.id != action.replica.id]
            case JudgeSpec():
                known = self.revisions.get(action.service.name)
                stable = action.service if action.verdict is Verdict.STABLE else known.stable if known else None
                self.revisions[action.service.name] = Revision(
                    service=action.service.name,
                    stable=stable,
                    judged=action.spec,
                    verdict=action.verdict,
                    generation=action.generation,
                    at=self.now,
                )
            case MovePatch():
                asked = self.ledger[action.patch.number].asked
                self.ledger[action.patch.number] = dataclasses.replace(action.patch, asked=asked)
            case LoadImages():
                self.here.update(image.reference for image in action.images)
                self.ids.update({image.reference: image.ids[0] for image in action.images})
            case PullImage():
                self.here.add(action.image)
            case _:
                raise AssertionError(f"a patch asks for {action}")

    def _ran(self, action: RunReplica) -> None:
        service = action.service
        name = f"{service.name}-{action.slot}-{spec_hash(service.container)[-4:]}-{action.generation}"
        assert name not in {one.name for one in self.replicas}, f"{name} is there already"
        made = replica(service, action.slot, id=name, name=name, generation=action.generation, attempt=action.attempt)
        made = dataclasses.replace(made, created_at=self.now, revision=action.revision)
        self.replicas.append(dataclasses.replace(made, **self._outcome(made.image)))
        self._attempt(self.replicas[-1], Tried.RUN, action.attempt)

    def _outcome(self, image: str) -> dict[str, Any]:
        match self.behaviour.get(image, "well"):
            case "sick":
                return {"phase": Phase.RUNNING, "started_at": self.now, "health": Health.UNHEALTHY}
            case "dies":
                ended = {"phase": Phase.EXITED, "exit_code": 1, "finished_at": self.now}
                return {"started_at": self.now, **ended}
            case _:
                return {"phase": Phase.RUNNING, "started_at": self.now, "health": Health.NONE}

    def _replace(self, old: Replica, **fields: Any) -> None:
        self.replicas = [dataclasses.replace(r, **fields) if r.id == old.id else r for r in self.replicas]

    def _attempt(self, of: Replica, tried: Tried, count: int) -> None:
        record = Attempt(tried=tried, count=count, at=self.now, spec=of.spec, generation=of.generation)
        self.attempts[of.place] = record
