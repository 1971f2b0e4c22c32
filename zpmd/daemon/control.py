"""What operators can ask of the running daemon: each verb is checked, journalled, stored and then wakes the loop.

Rules:
1. A verb changes what is stored, never a container: the next pass compares and acts. So a verb is done when it is
   durable, it may be repeated, and it survives the daemon.
2. The journal line comes first, so that nothing happens that nobody asked for; where the verb then fails, the line gets
   the failure as its outcome.
3. A request that could have no effect is refused with what would give it one, instead of being accepted in silence.
"""

from __future__ import annotations

import contextlib
import difflib
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from types import MappingProxyType

from zpmd.daemon.board import Board
from zpmd.daemon.runs import jobs_of
from zpmd.daemon.tailing import tail_logs
from zpmd.daemon.zones import Zone, utc_alone
from zpmd.errors import EngineUnknown, NotFound, Refused, SecondTaken
from zpmd.messages import Message, tell
from zpmd.model.cause import Code
from zpmd.model.events import Entry, Lines, Reason, Result, Snapshot, away
from zpmd.model.job import Concurrency, JobMemory, JobPolicy, Run, Upcoming
from zpmd.model.memory import Attempt, Down, Hold, Tried
from zpmd.model.naming import rfc3339
from zpmd.model.observed import Dossier, LogLine, Replica, Slot
from zpmd.model.patch import Manifest, Patch, Stage
from zpmd.model.policy import Limits
from zpmd.model.preview import Preview
from zpmd.model.service import ServiceData
from zpmd.model.usage import Usage
from zpmd.planning import reverting
from zpmd.planning.admission import images_asked
from zpmd.planning.preview import preview
from zpmd.planning.schedules import due_after, starts_at
from zpmd.ports import Arrival, Clock, Engine, Store, Wake
from zpmd.redaction import redact

EVERYTHING = "*"
PATCH = "patch:"
LISTED_BY = MappingProxyType(
    {"service": "zpmctl status --all", "job": "zpmctl job list", "patch": "zpmctl patch list"},
)


class DaemonControl:
    """ports.Control on the daemon's own parts. `reload` makes the sources be read again."""

    def __init__(
        self,
        board: Board,
        store: Store,
        engine: Engine,
        clock: Clock,
        wake: Wake,
        reload: Callable[[], None],
        limits: Limits | None = None,
        zone: Zone = utc_alone,
    ) -> None:
        self._limits = limits or Limits()
        self._zone = zone
        self._board = board
        self._store = store
        self._engine = engine
        self._clock = clock
        self._wake = wake
        self._reload = reload

    # reading

    def snapshot(self) -> Snapshot:
        snapshot = self._board.latest()
        if snapshot is None:
            raise Refused("zpmd has not ended its first pass yet: try again in a moment")
        return snapshot

    def wait(self, after: int, timeout_seconds: float) -> Snapshot | None:
        return self._board.wait(after, timeout_seconds)

    def journal(self, service: str | None, since_id: int, since: float | None, limit: int) -> tuple[Entry, ...]:
        return self._store.journal(service, since_id, since, limit)

    def lines(self, asked: Lines) -> tuple[Entry, ...]:
        return self._store.lines(asked)

    def dossiers(self, service: str | None, limit: int = 10) -> tuple[Dossier, ...]:
        return self._store.dossiers(service, limit)

    def logs(
        self, wanted: Collection[tuple[str, int | None]], tail: int, follow: bool, since: float | None = None
    ) -> Iterator[tuple[Replica, LogLine]]:
        for service, _ in wanted:
            self._known(service)
        return tail_logs(self._board, self._engine, self._clock, wanted, tail, follow, since)

    def usage(self, container_ids: Collection[str]) -> Mapping[str, Usage]:
        return self._engine.usage(container_ids)

    def about_engine(self) -> Mapping[str, str]:
        return self._engine.about()

    # verbs

    def start(self, service: str, actor: str) -> None:
        intent = self._store.memory().intent
        if service == EVERYTHING:
            with self._asked("up", "*", "", actor, "everything is to run again"):
                self._begin_anew(None)
                for name in sorted(intent.stopped):
                    self._store.set_stopped(name, False)
                self._store.set_down(Down.NO)
            return
        self._declared(service)
        self._not_down(service)
        text = "it is to run when it is due" if service in self._jobs() else "it is to run, at once"
        with self._asked("start", service, "", actor, text):
            self._begin_anew(service)
            self._store.set_stopped(service, False)

    def stop(self, service: str, actor: str) -> None:
        if service == EVERYTHING:
            raise Refused("cannot stop everything one by one: `zpmctl down` does it, in reverse order")
        self._known(service)
        with self._asked("stop", service, Code.STOP_ASKED, actor, "it is to be stopped, and to stay so"):
            self._store.set_stopped(service, True)

    def restart(self, service: str, actor: str) -> None:
        self._declared(service)
        self._no_job("restart", service, f"`zpmctl job run {service}` runs it now")
        self._not_down(service)
        if service in self._store.memory().intent.stopped:
            raise Refused(f"cannot restart {service}: it is stopped; `zpmctl start {service}` starts it")
        with self._asked("restart", service, Code.RESTART_ASKED, actor, "every replica is to be replaced"):
            self._begin_anew(service)
            self._store.raise_generation(service, above=self._highest_generation(service))

    def scale(self, service: str, replicas: int | None, actor: str) -> None:
        self._declared(service)
        self._no_job("scale", service, "`concurrency: allow` below x-zpmd.schedule lets its runs overlap")
        if replicas is not None and replicas < 0:
            raise Refused(f"cannot scale {service} to {replicas}: it takes 0 or more")
        definition = self.snapshot().desired.service(service)
        named = definition.container.container_name if definition is not None else ""
        if replicas is not None and replicas > 1 and named:
            raise Refused(
                f"cannot scale {service} to {replicas}: its container_name {named} allows one replica;"
                f" remove container_name from {definition.origin if definition else 'its file'}"
            )
        text = "as many replicas as its file says" if replicas is None else f"{replicas} replicas"
        with self._asked("scale", service, "", actor, text):
            self._store.set_scale(service, replicas)

    def hold(self, hold: Hold) -> None:
        if hold.service != EVERYTHING:
            self._known(hold.service)
        if hold.until is not None and hold.until <= self._clock.now():
            raise Refused(f"cannot hold {hold.service}: the hold would have ended already")
        with self._asked("hold", hold.service, Code.HELD, hold.owner, hold.reason or "it is to be left alone"):
            self._store.hold(replace(hold, reason=redact(hold.reason)))

    def release(self, service: str, actor: str) -> None:
        held = {hold.service for hold in self._store.memory().intent.holds}
        if service not in held:
            if service != EVERYTHING:
                self._known(service)
            raise Refused(f"cannot release {service}: it is not held" + _held_instead(held))
        with self._asked("release", service, "", actor, "the hold is ended"):
            self._store.release(service)

    def approve(self, actor: str) -> tuple[str, ...]:
        waiting = self.snapshot().plan.waiting
        services = tuple(sorted({w.service or w.subject for w in waiting if w.cause.code is Code.MASS_REMOVAL}))
        if not services:
            raise Refused("cannot approve: no removal is held back")
        with self._asked("approve", "*", Code.MASS_REMOVAL, actor, f"to be removed: {', '.join(services)}"):
            self._store.approve(services)
        return services

    def down(self, volumes: bool, actor: str) -> None:
        text = "everything is to be removed, " + ("volumes as well" if volumes else "volumes stay")
        with self._asked("down", "*", Code.DOWN_ASKED, actor, text):
            self._store.set_down(Down.VOLUMES if volumes else Down.CONTAINERS)

    def reload(self, actor: str) -> None:
        with self._asked("reload", "*", "", actor, "the files are to be read again", Reason.RELOAD):
            self._reload()

    # patches

    def patches(self, limit: int, id: str | None) -> tuple[Patch, ...]:
        return self._store.ledger(limit, id)

    def preview(self, manifest: Manifest) -> Preview:
        snapshot = self.snapshot()
        if snapshot.observed.world is None:
            raise Refused(f"cannot tell what patch {manifest.id} would do: the engine does not answer")
        row = Patch(number=0, name="", stage=Stage.COPIED, id=manifest.id, manifest=manifest)
        asked = images_asked((row,), snapshot.desired) | {s.container.image for s in snapshot.desired.services}
        try:
            world = self._engine.observe(asked)
        except EngineUnknown as error:
            raise Refused(f"cannot tell what patch {manifest.id} would do: {error}") from error
        memory = self._store.memory()
        now, why = self._clock.now(), away(snapshot.sources)
        return preview(manifest, snapshot.desired, world, memory, now, self._limits, why)

    def upload(self, file: Arrival, actor: str) -> None:
        text = f"{file.size} bytes, sha256 {file.sha256}"
        with self._asked("upload", f"patch:{file.name}", "", actor, text, Reason.PATCHES):
            file.drop()

    def revert(self, id: str, with_later: bool, actor: str) -> tuple[str, ...]:
        patches = self._store.memory().patches
        if not any(patch.id == id for patch in patches) and not self._store.ledger(1, id):
            raise NotFound(unknown(id, {patch.id for patch in patches if patch.id}, "patch"))
        rows, refused = reverting.to_revert(id, patches, with_later)
        if refused:
            raise Refused(refused)
        ids = tuple(row.id for row in rows)
        with self._asked("revert", f"patch:{id}", Code.PATCH_REVERTING, actor, f"to go back: {', '.join(ids)}"):
            self._store.ask_revert([row.number for row in rows], actor)
        return ids

    # jobs

    def runs(self, job: str | None, limit: int, before: tuple[int, str] | None = None) -> tuple[Run, ...]:
        if job is not None and job not in self._jobs() and not self._store.runs(job, 1):
            raise self._not_a_job(job)
        return self._store.runs(job, limit, before)

    def run(self, job: str, due: int) -> Run:
        row = self._store.run(job, due)
        if row is None:
            raise NotFound(f"the ledger has no run of {job} that was due at {rfc3339(due)}")
        return row

    def upcoming(self, job: str, count: int) -> tuple[Upcoming, ...]:
        timetable = self._job(job)[1].timetable
        try:
            zone = self._zone(timetable.zone)
        except ValueError as error:
            raise Refused(f"cannot tell when {job} is due: {error}") from None
        return tuple(
            Upcoming(
                due=int(due.at),
                starts_at=starts_at(job, due, timetable.jitter_seconds),
                mark=due.mark.value,
                instead_of=due.instead_of,
            )
            for due in islice(due_after(timetable, zone, self._clock.now()), count)
        )

    def run_job(self, job: str, actor: str) -> Run:
        service, policy = self._job(job)
        now, memory = self._clock.now(), self._store.memory()
        self._not_down(job, "run")
        if job in memory.intent.stopped:
            raise Refused(f"cannot run {job}: it is stopped; `zpmctl start {job}` ends that")
        if hold := memory.intent.hold_on(job, now):
            raise Refused(f"cannot run {job}: {hold}; `zpmctl release {hold.service}` ends the hold")
        going = memory.jobs.get(job, JobMemory()).open
        if going and policy.concurrency is Concurrency.FORBID:
            raise Refused(
                f"cannot run {job}: its run of {rfc3339(going[0].due)} has not ended, and its file forbids two at"
                f" once; `zpmctl stop {job}` and then `zpmctl start {job}` end it, `concurrency: allow` below"
                f" x-zpmd.schedule lets them overlap"
            )
        row = Run(job=job, due=math.floor(now), tenant=service.tenant, asked=actor)
        if self._store.run(job, row.due) is not None:
            raise SecondTaken(job)
        with self._asked("run", job, Code.RUN_ASKED, actor, f"a run out of turn, {rfc3339(row.due)}"):
            self._store.ask_run(row)
        return self._store.run(job, row.due) or row

    def suspend(self, job: str, actor: str) -> None:
        self._job(job)
        with self._asked("suspend", job, "", actor, "it is not to run when it is due"):
            self._store.set_suspended(job, actor)

    def resume(self, job: str, actor: str) -> None:
        service, policy = self._job(job)
        if policy.suspend:
            raise Refused(
                f"cannot resume {job}: its own file suspends it; take `suspend: true` out of x-zpmd.schedule in"
                f" {service.origin or 'its file'}"
            )
        if job not in self._store.memory().intent.suspended:
            raise Refused(f"cannot resume {job}: it is not suspended")
        with self._asked("resume", job, "", actor, "it is to run when it is due"):
            self._store.set_suspended(job, None)

    # what the verbs have in common

    @contextlib.contextmanager
    def _asked(
        self, verb: str, subject: str, code: str, actor: str, text: str, reason: Reason = Reason.OPERATOR
    ) -> Iterator[None]:
        service = "" if subject == EVERYTHING or subject.startswith(PATCH) else subject
        entry = self._store.begin(
            Entry(
                id=0,
                at=self._clock.now(),
                kind="note",
                verb=verb,
                subject=subject,
                service=service,
                code=code,
                text=redact(text),
                actor=actor,
            )
        )
        try:
            yield
        except Exception as error:
            self._store.finish(entry, Result.PERMANENT, redact(str(error)), 0.0, "")
            raise
        self._wake(reason)
        line = f"{verb} {subject}: {redact(text)}; asked by {actor}"
        patch = subject.removeprefix(PATCH) if subject.startswith(PATCH) else ""
        tell(Message.ASKED, line, service=service, patch=patch, action=verb, cause=code, actor=actor)

    def _highest_generation(self, service: str) -> int:
        world = self.snapshot().observed.world
        return max((r.generation for r in (world.replicas if world else ()) if r.service == service), default=0)

    def _begin_anew(self, service: str | None) -> None:
        """What failed of a service (None: of all) counts as stopped on purpose from here on: its next try comes at
        once, and is the first of a new row. Forgetting would not do: a replacement carries its count in a label."""
        memory, world = self._store.memory(), self.snapshot().observed.world
        now = self._clock.now()
        begun: dict[Slot, Attempt] = {
            slot: replace(record, tried=Tried.STOP, count=0, at=now, failed=False, error="")
            for slot, record in memory.attempts.items()
        }
        for replica in world.replicas if world else ():
            if replica.due is not None:
                continue  # a run has its row, and is not run again
            if replica.ended and replica.exit_code == 0 and service is None:
                begun.pop(replica.place, None)  # `up` does not run a one-shot again that has ended well
            else:
                begun[replica.place] = Attempt(
                    tried=Tried.STOP, count=0, at=now, spec=replica.spec, generation=replica.generation
                )
        for slot, anew in sorted(begun.items()):
            if service in (None, slot.service):
                self._store.attempt(slot, anew)

    def _declared(self, service: str) -> None:
        """It is in the files. Raises NotFound."""
        names = {s.name for s in self.snapshot().desired.services}
        if service not in names:
            raise NotFound(unknown(service, names))

    def _known(self, service: str) -> None:
        """It is in the files, or still has containers. Raises NotFound."""
        snapshot = self.snapshot()
        names = {s.name for s in snapshot.desired.services}
        if snapshot.observed.world is not None:
            names.update(r.service for r in snapshot.observed.world.replicas)
        if service not in names:
            raise NotFound(unknown(service, names))

    def _jobs(self) -> Collection[str]:
        return jobs_of(self.snapshot().desired)

    def _job(self, name: str) -> tuple[ServiceData, JobPolicy]:
        service = self.snapshot().desired.service(name)
        if service is None or service.job is None:
            raise self._not_a_job(name)
        return service, service.job

    def _not_a_job(self, name: str) -> NotFound:
        if self.snapshot().desired.service(name) is not None:
            return NotFound(f"{name} is no job: its file has no x-zpmd.schedule")
        return NotFound(unknown(name, self._jobs(), "job"))

    def _no_job(self, verb: str, service: str, instead: str) -> None:
        if service in self._jobs():
            raise Refused(f"cannot {verb} {service}: it is a job, and runs when it is due; {instead}")

    def _not_down(self, service: str, verb: str = "start") -> None:
        if self._store.memory().intent.down is not Down.NO:
            raise Refused(f"cannot {verb} {service}: everything is down by `zpmctl down`; `zpmctl up` ends that")


def unknown(name: str, names: Iterable[str], kind: str = "service") -> str:
    """`kind` is one of LISTED_BY: with the name that may have been meant, else with what lists those there are."""
    near = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.5)
    return f"no {kind} {name}: " + (
        f"did you mean {near[0]}?" if near else f"`{LISTED_BY[kind]}` has those that there are"
    )


def _held_instead(held: set[str]) -> str:
    return f"; held are: {', '.join(sorted(held))}" if held else ""
