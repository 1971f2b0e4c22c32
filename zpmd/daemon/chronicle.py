"""What a pass writes down: decisions before they are carried out, outcomes after, attempts and verdicts.

One place turns an outcome into memory, so that planning can rely on what an attempt record means (model/memory.py).
"""

from __future__ import annotations

from dataclasses import replace

from loguru import logger

from zpmd.model.events import Entry, Outcome, Result
from zpmd.model.memory import Attempt, Memory, Retry, Revision, Tried, Verdict
from zpmd.model.plan import (
    Action,
    JudgeSpec,
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
from zpmd.model.spechash import spec_hash
from zpmd.ports import Store


class Chronicle:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[str, int] = {}
        self._retries: dict[str, Retry] = {}

    def memory(self) -> Memory:
        """What the store remembers, with the retries of this process; without gates."""
        return replace(self._store.memory(), retries=dict(self._retries))

    def decided(self, action: Action, now: float) -> None:
        """Before the action is carried out: its decision is on disk when the engine first hears of it."""
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
        self._open[action.subject] = self._store.begin(entry)
        _log(action).info("{} {}: {}", verb(action), action.subject, action.cause.text)

    def judged(self, action: JudgeSpec, now: float) -> None:
        """A verdict touches the store alone: it is carried out here."""
        before = self._store.memory().revisions.get(action.service.name)
        stable = action.service if action.verdict is Verdict.STABLE else before.stable if before else None
        self._store.judge(
            Revision(
                service=action.service.name,
                stable=stable,
                judged=action.spec,
                verdict=action.verdict,
                generation=action.generation,
                at=now,
                reason=action.cause.text,
            )
        )
        self.ended(Outcome(action=action, result=Result.OK, at=now, detail=str(action.verdict)))

    def ended(self, outcome: Outcome) -> None:
        """Turn an outcome into memory and a finished journal entry. Raises StoreError; the same outcome may then be
        given again, and counts once."""
        action = outcome.action
        entry = self._open.get(action.subject)
        self._remember(outcome)
        if entry is not None:
            self._store.finish(entry, outcome.result, outcome.detail, outcome.seconds, outcome.container_id)
        if outcome.dossier:
            self._store.keep_dossier(outcome.dossier)
        self._open.pop(action.subject, None)
        self._count(outcome)
        if not outcome.ok:
            _log(action).warning("{} {} failed ({}): {}", verb(action), action.subject, outcome.result, outcome.detail)

    def note(self, verb_: str, subject: str, text: str, now: float, code: str = "") -> None:
        """Something noticed that is no action: the engine lost, a source gone bad, a boot."""
        self._store.begin(Entry(id=0, at=now, kind="note", verb=verb_, subject=subject, code=code, text=text))
        logger.bind(action=verb_, cause=code).info("{} {}: {}", verb_, subject, text)

    def _count(self, outcome: Outcome) -> None:
        """Failures that are not a replica's own are counted for the life of this process."""
        key = retry_key(outcome.action)
        if outcome.ok:
            self._retries.pop(key, None)
            return
        own_fault = outcome.result is Result.PERMANENT and isinstance(
            outcome.action, RunReplica | StartReplica | RestartReplica
        )
        if not own_fault:
            before = self._retries.get(key)
            self._retries[key] = Retry(count=before.count + 1 if before else 1, at=outcome.at, error=outcome.detail)

    def _remember(self, outcome: Outcome) -> None:
        action, ok = outcome.action, outcome.ok
        known = ok or outcome.result is Result.PERMANENT
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


def _log(action: Action):  # type: ignore[no-untyped-def]  # loguru's Logger type exists in stubs only
    return logger.bind(service=service_of(action), action=verb(action), cause=str(action.cause.code))
