"""What a pass writes down: decisions before they are carried out, outcomes after, attempts and verdicts.

One place turns an outcome into memory, so that planning can rely on what an attempt record means (model/memory.py).

A store that cannot be written (its disk is full, or read-only) stops nothing: a replica that died is worth more than
the line about it. The decision is logged, the store goes on counting attempts in memory (ports.Store), and status says
degraded until a line can be written again.

What of it is told in the log as well, and how loud, is loglines.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from dataclasses import replace

from zpmd.daemon.jobnews import JobNews, RunNews, Told, utc
from zpmd.daemon.loglines import LogLines, service_of_key
from zpmd.daemon.runs import run_of
from zpmd.errors import StoreError
from zpmd.messages import INFO, WARNING, Message, bind, tell
from zpmd.model.action import (
    Action,
    JudgeSpec,
    KeepEvidence,
    KeepRuns,
    MovePatch,
    PullImage,
    RemoveReplica,
    RestartReplica,
    RunHook,
    RunReplica,
    StartReplica,
    StopReplica,
    retry_key,
    service_of,
    verb,
)
from zpmd.model.cause import Code
from zpmd.model.events import Entry, Outcome, Result, Unwritable
from zpmd.model.job import Ending, JobMemory, RunsKept, Step
from zpmd.model.memory import Attempt, Memory, Retry, Revision, Tried, Verdict
from zpmd.model.observed import Slot
from zpmd.model.spechash import spec_hash
from zpmd.planning.trial import begun_anew
from zpmd.ports import Store
from zpmd.redaction import redact

JOB = "job"
"""The verb of lines about runs that have ended."""
RUN_TROUBLES = frozenset({Code.RETRIED, Code.TIMED_OUT})
"""Why something is done to a run that does not go well: as loud as JobNews has it."""


class Chronicle:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[str, int] = {}
        self._begun: dict[str, int] = {}
        """Entries of containers that were run or started and have not been seen ready."""
        self._retries: dict[str, Retry] = {}
        self._run_retries: dict[str, Slot] = {}
        """Which of them are of runs of jobs: there is no end of their slots."""
        self._unwritable: Unwritable | None = None
        self._job_news = JobNews()
        self.lines = LogLines()

    @property
    def unwritable(self) -> Unwritable | None:
        return self._unwritable

    def memory(self) -> Memory:
        """What the store remembers, with the retries of this process; without gates."""
        return replace(self._store.memory(), retries=dict(self._retries))

    def decided(self, action: Action, now: float) -> None:
        """Before the action is carried out: its decision is on disk when the engine first hears of it."""
        again = retry_key(action) in self._retries
        if isinstance(action, KeepEvidence):  # of what has ended, and nothing that is done to it
            self.lines.decided(action, again=True)
            return
        attempt = getattr(action, "attempt", 0)
        entry = Entry(
            id=0,
            at=now,
            kind="action",
            verb=verb(action),
            subject=action.subject,
            service=service_of(action),
            code=action.cause.code,
            text=action.cause.text,
            attempt=attempt,
        )
        self._begin(entry, action.subject)
        code, service = action.cause.code, entry.service
        self.lines.decided(action, again or (code in RUN_TROUBLES and not self._job_news.loud(service, code, now)))

    def judged(self, action: JudgeSpec, now: float) -> None:
        """A verdict touches the store alone: it is carried out here."""
        before = self._store.memory().revisions.get(action.service.name)
        stable = action.service if action.verdict is Verdict.STABLE else before.stable if before else None
        revision = Revision(
            service=action.service.name,
            stable=stable,
            judged=action.spec,
            verdict=action.verdict,
            generation=action.generation,
            at=now,
            reason=action.cause.text,
        )
        self._write(now, lambda: self._store.judge(revision))
        self.ended(Outcome(action=action, result=Result.OK, at=now, detail=str(action.verdict)))

    def moved(self, action: MovePatch, now: float) -> None:
        """How far a patch has come touches the store alone, too."""
        self._write(now, lambda: self._store.keep_patch(action.patch))
        self.ended(Outcome(action=action, result=Result.OK, at=now, detail=str(action.patch.stage)))

    def kept(self, action: KeepRuns, now: float, told: Told = utc) -> None:
        """What a pass has found of jobs goes into their ledger, and then what has ended into the journal. The rows
        come first: a line may be lost where zpmd dies in between, a row never."""
        before = self._store.memory().jobs
        self._write(now, lambda: self._store.keep_runs(action.kept))
        for row in action.kept.rows:
            if not row.open:
                self._no_retry(str(Slot(row.job, row.due)))
        for news in self._job_news.of(action.kept, before, now, told):
            self._tell_run(news, now)

    def patches_anew(self, now: float) -> None:
        """The deadlines of patches that are on their way count from now."""
        for patch in self._store.memory().patches:
            anew = begun_anew(patch, now)
            if anew != patch:
                self._write(now, functools.partial(self._store.keep_patch, anew))

    def ended(self, outcome: Outcome) -> None:
        """Turn an outcome into memory and a finished journal entry."""
        action = outcome.action
        entry = self._open.pop(action.subject, None)
        if entry is not None:
            exit_code, lived_seconds = _past(outcome)
            self._write(
                outcome.at,
                lambda: self._store.finish(
                    entry,
                    outcome.result,
                    outcome.detail,
                    outcome.seconds,
                    outcome.container_id,
                    exit_code,
                    lived_seconds,
                ),
            )
            if outcome.ok and outcome.container_id and isinstance(action, RunReplica | StartReplica | RestartReplica):
                self._begun[outcome.container_id] = entry
        self._count(outcome)
        self._write(outcome.at, lambda: self._remember(outcome))
        dossier = outcome.dossier
        if dossier and not (isinstance(action, KeepEvidence) and not action.failed):
            self._write(outcome.at, lambda: self._store.keep_dossier(dossier))
        self.lines.ended(outcome)

    def ready(self, container_id: str, seconds: float, now: float) -> None:
        """A container that was run or started was seen ready, so long after its start."""
        entry = self._begun.pop(container_id, None)
        if entry is not None:
            self._write(now, lambda: self._store.ready(entry, seconds))

    def note(
        self,
        verb_: str,
        subject: str,
        text: str,
        now: float,
        service: str = "",
        bad: bool = False,
        message: Message | None = None,
        **bound: str,
    ) -> None:
        """Something noticed that is no action: the engine lost, a source gone bad, a boot. The log has it under the
        name of `message`; without one as a warning where it is `bad`. `bound` are further fields of the log."""
        self._begin(Entry(id=0, at=now, kind="note", verb=verb_, subject=subject, service=service, text=text))
        fields, line = {"action": verb_, "service": service, **bound}, f"{verb_} {subject}: {text}"
        if message is not None:
            tell(message, line, **fields)
        else:
            bind(fields).log(WARNING if bad else INFO, "{}", line)

    def forget(
        self,
        declared: Collection[str],
        present: Collection[str],
        containers: Collection[str],
        now: float,
        runs: Collection[Slot] = (),
    ) -> None:
        """What is neither declared nor there any more need not be remembered; what is declared again is no longer
        approved to go. `runs` are those of jobs that have a container."""
        self.disapprove(declared, now)
        services = {*declared, *present}
        self._begun = {container: entry for container, entry in self._begun.items() if container in containers}
        self._forget_runs(runs)
        for key in [key for key in self._retries if (name := service_of_key(key)) and name not in services]:
            self._no_retry(key)
        self.lines.forget(services)
        self._job_news.forget(services)
        self._write(now, lambda: self._store.forget(services, containers))

    def disapprove(self, declared: Collection[str], now: float) -> None:
        """What is declared again is no longer approved to go."""
        approved = frozenset(declared) & self._store.memory().intent.approved
        if approved:
            self._write(now, lambda: self._store.disapprove(approved))

    def recover(self, now: float) -> None:
        """Once a pass: see whether a store that could not be written can be again."""
        before = self._unwritable
        if before is None:
            return
        text = f"it can be written again after {now - before.since:.0f} s; {before.lost} lines of the journal are lost"
        entry = Entry(id=0, at=now, kind="note", verb="found", subject="store", text=text)
        try:
            self._store.begin(entry)
        except StoreError:
            return
        self._unwritable = None
        tell(Message.STORE_FOUND, f"found store: {text}", action="found")

    def _tell_run(self, news: RunNews, now: float) -> None:
        self._begin(
            Entry(
                id=0,
                at=now,
                kind="note",
                verb=JOB,
                subject=news.subject,
                service=news.service,
                code=news.code,
                text=news.text,
            )
        )
        fields = {"action": JOB, "service": news.service, "tenant": news.tenant, "cause": news.code}
        line = f"{JOB} {news.subject}: {redact(news.text)}"
        if news.message is not None:
            tell(news.message, line, **fields)
        else:
            bind(fields).log(news.level, "{}", line)

    def _begin(self, entry: Entry, opens: str = "") -> None:
        """Append to the journal; `opens`: the subject whose outcome will finish the line."""

        def begin() -> None:
            entry_id = self._store.begin(replace(entry, text=redact(entry.text)))
            if opens:
                self._open[opens] = entry_id

        if not self._write(entry.at, begin) and self._unwritable:
            self._unwritable = replace(self._unwritable, lost=self._unwritable.lost + 1)

    def _write(self, now: float, write: Callable[[], None]) -> bool:
        try:
            write()
        except StoreError as error:
            if self._unwritable is None:
                tell(Message.STORE_UNWRITABLE, f"{error}; supervision goes on, and is not recorded", action="lost")
                self._unwritable = Unwritable(since=now, error=str(error), lost=0)
            return False
        return True

    def _count(self, outcome: Outcome) -> None:
        """Failures that are not a replica's own are counted for the life of this process."""
        key = retry_key(outcome.action)
        if outcome.ok:
            self._no_retry(key)
            return
        run = run_of(outcome.action)
        own_fault = outcome.result is Result.PERMANENT and isinstance(
            outcome.action, RunReplica | StartReplica | RestartReplica
        )
        if run is not None:
            self._run_retries[key] = run
        if not own_fault or run is not None:
            before = self._retries.get(key)
            self._retries[key] = Retry(
                count=before.count + 1 if before else 1,
                at=outcome.at,
                error=outcome.detail,
                lasting=outcome.result is Result.PERMANENT,
            )

    def _no_retry(self, key: str) -> None:
        self._retries.pop(key, None)
        self._run_retries.pop(key, None)

    def _forget_runs(self, present: Collection[Slot]) -> None:
        """Of failures of runs those are forgotten that have neither a container nor a row that is open."""
        if not self._run_retries:
            return
        open_runs = {Slot(run.job, run.due) for job in self._store.memory().jobs.values() for run in job.open}
        for key, run in list(self._run_retries.items()):
            if run not in present and run not in open_runs:
                self._no_retry(key)

    def _remember(self, outcome: Outcome) -> None:
        action, ok = outcome.action, outcome.ok
        known = ok or outcome.result is Result.PERMANENT
        if run_of(action) is not None:
            self._remember_run(action, outcome)
            return
        match action:
            case RunReplica() if known:
                spec = spec_hash(action.service.container)
                self._attempt(action, Tried.RUN, action.attempt, spec, action.generation, outcome)
                if ok and action.pull:
                    self._store.pulled(action.service.container.image, outcome.at)
            case StartReplica() if known:
                self._of_replica(action, Tried.START, action.attempt, outcome)
            case RestartReplica() if known:
                self._of_replica(action, Tried.RESTART, action.attempt, outcome)
            case StopReplica() if ok and not action.evidence:
                self._of_replica(action, Tried.STOP, 0, outcome)
            case RemoveReplica() if ok and not self._tries_another(action):
                self._of_replica(action, Tried.REMOVE, action.attempt, outcome)
            case RunHook() if ok:
                self._store.hooked(action.replica.id, action.replica.started_at or 0.0)
            case PullImage() if ok:
                self._store.pulled(action.image, outcome.at)
            case _:
                pass

    def _remember_run(self, action: Action, outcome: Outcome) -> None:
        """A run of a job has its row in the ledger, and no attempts."""
        match action:
            case RunReplica() if outcome.ok:
                if action.pull:
                    self._store.pulled(action.service.container.image, outcome.at)
                self._begun_run(action, spec_hash(action.service.container), outcome)
            case StartReplica() if outcome.ok:
                self._begun_run(action, action.replica.spec, outcome)
            case KeepEvidence() if outcome.ok:
                replica, said = action.replica, outcome.dossier.log_tail if outcome.dossier else ()
                self._store.keep_run_evidence(replica.service, replica.slot, replica.attempt, said)
            case _:
                pass

    def _begun_run(self, action: RunReplica | StartReplica, spec: str, outcome: Outcome) -> None:
        """Its row says so before anybody looks: a container that is removed until then is not made again."""
        place = action.place
        row = self._store.memory().jobs.get(place.service, JobMemory()).by_due.get(place.number)
        if row is None or row.step is not Step.STARTING or row.tries != action.attempt:
            return
        begun = replace(
            row,
            step=Step.RUNNING,
            container_id=outcome.container_id,
            started_at=row.started_at or outcome.started_at,
            spec=spec,
            stopping=Ending.STOPPED if row.stopping else None,
            not_before=None,
        )
        self._store.keep_runs(RunsKept(rows=(begun,)))

    def _tries_another(self, action: RemoveReplica) -> bool:
        """Whether the tries that are remembered of the slot were at another definition than the removed one's: the end
        of the old replica says nothing about how often the new one has failed."""
        record = self._store.memory().attempts.get(action.place)
        replica = action.replica
        return record is not None and (record.spec, record.generation) != (replica.spec, replica.generation)

    def _of_replica(
        self,
        action: StartReplica | RestartReplica | StopReplica | RemoveReplica,
        tried: Tried,
        count: int,
        outcome: Outcome,
    ) -> None:
        self._attempt(action, tried, count, action.replica.spec, action.replica.generation, outcome)

    def _attempt(
        self,
        action: RunReplica | StartReplica | RestartReplica | StopReplica | RemoveReplica,
        tried: Tried,
        count: int,
        spec: str,
        generation: int,
        outcome: Outcome,
    ) -> None:
        self._store.attempt(
            action.place,
            Attempt(
                tried=tried,
                count=count,
                at=outcome.at,
                spec=spec,
                generation=generation,
                failed=not outcome.ok,
                error=outcome.detail if not outcome.ok else "",
            ),
        )


def _past(outcome: Outcome) -> tuple[int | None, float | None]:
    """(exit code, how long it had run) of the replica that an action has stopped, removed or started again."""
    match outcome.action:
        case StopReplica(replica=replica) | RestartReplica(replica=replica):
            exit_code, finished_at = outcome.exit_code, outcome.finished_at
        case StartReplica(replica=replica) | RemoveReplica(replica=replica):
            exit_code, finished_at = replica.exit_code, replica.finished_at
        case _:
            return None, None
    lived = None if finished_at is None or replica.started_at is None else finished_at - replica.started_at
    return exit_code, lived if lived is None or lived >= 0 else None
