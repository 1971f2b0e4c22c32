"""What is really so on a simulated site, told without the planner: from containers, labels, files and stored intent.

The invariants compare decisions with this. Nothing here may import zpmd.planning: a rule that both sides had from one
place would be wrong on both sides at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from zpmd.engines.simulated_container import Box
from zpmd.model.job import Ending
from zpmd.model.memory import Down, Verdict
from zpmd.model.observed import Health, Phase
from zpmd.model.patch import Patch
from zpmd.model.service import GROUPS, Condition, Desired, Group, ServiceData
from zpmd.model.spechash import spec_hash
from zpmd.simulation import patch_truth
from zpmd.simulation.host import DATABASE, SimulatedHost
from zpmd.simulation.patch_truth import Layered
from zpmd.simulation.row_laws import expected

MEANT = frozenset({Ending.OK, Ending.FAILED, Ending.TIMED_OUT, Ending.STOPPED, Ending.VANISHED, Ending.FAILED_START,
                   Ending.TOO_LATE})  # fmt: skip
"""Endings of runs that were meant to run."""


@dataclass(slots=True)
class Truth:
    """One instant. `desired` is the last answer that the source gave, with the patches over it: what a daemon may
    know."""

    host: SimulatedHost
    desired: Desired
    slots: Mapping[str, list[Box]]
    now: float
    patched: Mapping[str, Layered] = field(default_factory=dict)
    """What patches make of services, by name; empty where there are none."""

    @staticmethod
    def of(host: SimulatedHost, rows: Sequence[Patch] | None = None) -> Truth:
        """`rows` are those of the ledger that count, by default those of now."""
        desired = host.source.answered or host.source.desired
        answers = [desired, host.rows_answered] if host.rows_answered is not None else [desired]
        desired = replace(
            desired,
            services=tuple(sorted((s for a in answers for s in a.services), key=lambda s: (s.group.order, s.name))),
            complete=all(a.complete for a in answers) and not host.second.silent,
            retired=tuple(pair for a in answers for pair in a.retired),
        )
        rows = [row for row in (host.ledger if rows is None else rows) if row.moves]
        patched = {s.name: patch_truth.layered(s, rows) for s in desired.services} if rows else {}
        if patched:
            services = tuple(patch_truth.over(s, patched[s.name]) for s in desired.services)
            desired = replace(desired, services=services)
        return Truth(host, desired, host.slots(), host.true.now(), patched)

    def boxes(self, service: str) -> list[Box]:
        return [b for slot, boxes in self.slots.items() for b in boxes if slot.rpartition("/")[0] == service]

    # --- one container ------------------------------------------------------------------------------------------------

    def ready(self, service: ServiceData, box: Box) -> bool:
        """It runs, is healthy where it is asked, and its hooks were run in this run of it, as zpmd knows."""
        if box.phase(self.now) is not Phase.RUNNING or box.health(self.now) not in (Health.HEALTHY, Health.NONE):
            return False
        run = box.run(self.now)
        if run is None or not service.container.post_start:
            return run is not None
        known = self.host.learned.hooked.get(box.id) == self.host.clock.wall(run.started_at)
        return known and (box.id, run.started_at) in self.host.hooked

    def completed(self, service: ServiceData, box: Box) -> bool:
        run = box.run(self.now)
        ended = box.phase(self.now) is Phase.EXITED and run is not None and run.exit_code == 0
        return ended and service.one_shot

    def disrupting(self, box: Box) -> bool:
        """Whether stopping it takes something away: it runs and is not unhealthy."""
        return box.phase(self.now) is Phase.RUNNING and box.health(self.now) is not Health.UNHEALTHY

    # --- one service --------------------------------------------------------------------------------------------------

    def leaving(self, name: str) -> bool:
        return self.host.tablet.down is not Down.NO or name in self.host.tablet.stopped

    def held(self, name: str) -> bool:
        """By a hold that is in force."""
        found = [h for h in self.host.tablet.holds.values() if h.service in (name, "*")]
        return any(h.until is None or h.until > self.host.clock.now() for h in found)

    def replicas(self, service: ServiceData) -> int:
        if service.job is not None:
            return 0
        return 0 if self.leaving(service.name) else self.host.tablet.scaled.get(service.name, service.replicas)

    def generation(self, name: str) -> int:
        """Replicas of a lower one are to be replaced: an operator or a patch has asked for it."""
        found = self.patched.get(name)
        return max(self.host.tablet.generations.get(name, 0), found.generation if found else 0)

    def stuck(self, name: str) -> bool:
        """Going back from a patch has failed, and nobody has asked for more since: what runs is kept."""
        found = self.patched.get(name)
        return found is not None and found.stuck and self.host.tablet.generations.get(name, 0) <= found.after

    def specs(self, service: ServiceData) -> frozenset[str]:
        """The spec hashes that its replicas may have now: the declared one, or after a failed rollout the stable one;
        of a paused one both."""
        declared = spec_hash(service.container)
        revision = self.host.learned.revisions.get(service.name)
        if revision is None or revision.judged != declared or revision.stable is None:
            return frozenset({declared})
        stable = spec_hash(revision.stable.container)
        if revision.generation != self.generation(service.name):
            return frozenset({declared})
        if revision.verdict is Verdict.FAILED:
            return frozenset({stable})
        return frozenset({declared, stable}) if revision.verdict is Verdict.PAUSED else frozenset({declared})

    def drifted(self, service: ServiceData) -> bool:
        """Whether a container of it is of another definition."""
        marks = [self.host.marks(box) for box in self.boxes(service.name)]
        return any(m is not None and m.spec not in self.specs(service) for m in marks)

    def database_is_wanted(self) -> bool:
        """Whether people want the service in which MongoDB runs."""
        database = self.desired.service(DATABASE)
        return database is not None and self.replicas(database) > 0 and not self.barred(database)

    def barred(self, service: ServiceData) -> bool:
        """Whether it cannot start, whatever zpmd does, because people do not want what it depends on to run."""
        for dependency in service.depends_on:
            needed = self.desired.service(dependency.service)
            unwanted = needed is None or not self._wanted(needed) or self.barred(needed)
            if dependency.required and unwanted:
                return True
        return False

    def _wanted(self, service: ServiceData) -> bool:
        """By people; of a job, whether what it is to have done is done."""
        if service.job is not None:
            return not self.leaving(service.name) and self.ran_well(service.name)
        return self.replicas(service) > 0

    def ran_well(self, job: str) -> bool:
        """Whether its newest run that was meant to run has ended well."""
        meant = [row for row in self.host.learned.runs.get(job, {}).values() if row.ending in MEANT]
        return bool(meant) and max(meant, key=lambda row: row.due).ending is Ending.OK

    def up(self, service: ServiceData) -> bool:
        """Every slot of it is ready, or completed."""
        return all(
            any(self.ready(service, b) or self.completed(service, b) for b in self.slots.get(f"{service.name}/{n}", ()))
            for n in range(1, self.replicas(service) + 1)
        )

    def keeps_waiting(self, service: ServiceData) -> bool:
        """Whether later groups wait for it: it is not up or, where others wait for its good end, has not come to it."""
        awaited = any(
            d.service == service.name and d.condition is Condition.COMPLETED
            for s in self.desired.services
            for d in s.depends_on
        )
        if not awaited:
            return not self.up(service)
        return not all(
            any(self.completed(service, b) for b in self.slots.get(f"{service.name}/{n}", ()))
            for n in range(1, self.replicas(service) + 1)
        )

    # --- what has to be so before a start -----------------------------------------------------------------------------

    def unmet(self, service: ServiceData) -> str:
        """The dependency that is not there yet, or ""."""
        for dependency in service.depends_on:
            needed = self.desired.service(dependency.service)
            if needed is None or self.leaving(needed.name):
                if dependency.required:
                    return f"{dependency.service}, which is not to run"
                continue
            boxes = self.boxes(needed.name)
            match dependency.condition:
                case Condition.STARTED:
                    met = any(b.phase(self.now) is Phase.RUNNING or self.completed(needed, b) for b in boxes)
                case Condition.HEALTHY:
                    met = any(self.ready(needed, b) for b in boxes)
                case Condition.COMPLETED:
                    met = any(self.completed(needed, b) for b in boxes)
            if needed.job is not None:
                met = self.ran_well(needed.name)
            if not met:
                return f"{dependency.service} ({dependency.condition})"
        return ""

    def unready(self, group: Group) -> list[str]:
        """The required services of a group that later groups wait for, held ones left out."""
        required = (s for s in self.desired.services if s.group is group and s.required)
        spared = (s for s in required if not self.held(s.name) and not self.leaving(s.name))
        return [s.name for s in spared if self.keeps_waiting(s)]

    def alive(self, group: Group) -> bool:
        """Whether a declared replica of it runs."""
        return any(
            b.phase(self.now) is Phase.RUNNING
            for s in self.desired.services
            if s.group is group and not self.leaving(s.name)
            for n in range(1, self.replicas(s) + 1)
            for b in self.slots.get(f"{s.name}/{n}", ())
        )

    # --- the whole ----------------------------------------------------------------------------------------------------

    def complaints(self) -> list[str]:
        """In what the host is not as its files, rows and operators want it, but for jobs (job_laws.py)."""
        found = self._of_rows() + [f"patch {row.id} is {row.stage}" for row in self.host.ledger if not row.ended]
        expected: set[str] = set()
        for service in self.desired.services:
            for number in range(1, self.replicas(service) + 1):
                slot = f"{service.name}/{number}"
                expected.add(slot)
                if not self.barred(service):
                    found += self._of_slot(service, slot)
        for slot, boxes in self.slots.items():
            name = slot.rpartition("/")[0]
            stopped = name in self.host.tablet.stopped and self.host.tablet.down is Down.NO
            unknown = not self.desired.complete and self.desired.service(name) is None
            if slot in expected or unknown or (stopped and not any(b.running(self.now) for b in boxes)):
                continue
            found.append(f"{slot} is there and should not be")
        return found

    def _of_rows(self) -> list[str]:
        """Between the rows and what is known of them: asked when all rows are well."""
        if self.host.product is None:
            return []
        if self.host.why_silent():
            return ["the database does not answer"]
        known = {s.name for s in self.desired.services if s.tenant}
        difference = sorted(known ^ expected(self.host))
        return [f"the rows and zpmd differ in {', '.join(difference)}"] if difference else []

    def _of_slot(self, service: ServiceData, slot: str) -> list[str]:
        boxes = self.slots.get(slot, [])
        if len(boxes) != 1:
            return [f"{slot} has {len(boxes)} containers"]
        marks = self.host.marks(boxes[0])
        found = []
        if not self.ready(service, boxes[0]) and not self.completed(service, boxes[0]):
            found.append(f"{slot} is {boxes[0].phase(self.now)}, {boxes[0].health(self.now)}")
        if marks is not None and marks.spec not in self.specs(service):
            found.append(f"{slot} is of another definition")
        if marks is not None and marks.generation < self.generation(service.name):
            found.append(f"{slot} was not restarted")
        return found


def earlier(group: Group) -> tuple[Group, ...]:
    return GROUPS[: group.order]
