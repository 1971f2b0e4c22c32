"""Decisions and failures as lines of the log: one a decision, until they repeat themselves.

The journal has every try. In the log, what is tried again of a service that is known to be in trouble (standingnews.py
has told of it), what is a retry, and what fails again in the same words, is for `debug`: a service that crashes for
ever must not push everything else out of sight.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from zpmd.daemon.runs import run_of
from zpmd.messages import DEBUG, INFO, WARNING, Message, bind, tell
from zpmd.model.action import (
    Action,
    JudgeSpec,
    MovePatch,
    OnReplica,
    RemoveReplica,
    RunReplica,
    StartReplica,
    retry_key,
    service_of,
    verb,
)
from zpmd.model.cause import Code
from zpmd.model.events import Outcome

BY_CODE: Mapping[Code, Message] = MappingProxyType(
    {
        Code.PATCH_REFUSED: Message.PATCH_REFUSED,
        Code.PATCH_FAILED: Message.PATCH_ROLLED_BACK,
        Code.PATCH_STUCK: Message.PATCH_STUCK,
        Code.ROLLOUT_FAILED: Message.ROLLOUT_FAILED,
        Code.UNHEALTHY: Message.UNHEALTHY,
        Code.TIMED_OUT: Message.JOB_TIMED_OUT,
    }
)
"""Decisions that have a name in the log."""
CURES = frozenset(
    {Code.DIED, Code.UNHEALTHY, Code.FAILED_START, Code.VANISHED, Code.MISSING, Code.REPLACED, Code.STARTED}
)
"""Why what should run is made to run. Of a service that fails for ever there is no end of such decisions."""
FAILED = frozenset({Code.DIED, Code.FAILED_START, Code.VANISHED})
TIDYING = frozenset({Code.HISTORY, Code.RUN_ENDED})
"""What is done for a run that has ended, which has its own line."""
WORDS_KEPT = 8
"""Of one subject that goes on failing, so many different reasons are told."""
PATCH = "patch:"


class LogLines:
    """Used by the loop's thread alone."""

    def __init__(self) -> None:
        self._hushed: Collection[str] = ()
        self._looks_since = 0.0
        self._words: dict[str, set[str]] = {}
        """How each subject has failed since it last succeeded, as far as it was told."""

    def looks_since(self, now: float) -> None:
        """The engine is seen from now on: what had ended before then (the host was off) ended under nobody's eyes, and
        is no warning."""
        self._looks_since = now

    def hush(self, services: Collection[str]) -> None:
        """Of these the log has it that they fail."""
        self._hushed = services

    def forget(self, services: Collection[str]) -> None:
        """How others than these have failed."""
        for key in [key for key in self._words if (name := service_of_key(key)) and name not in services]:
            del self._words[key]

    def decided(self, action: Action, again: bool) -> None:
        """`again`: the same has failed before, and is tried once more."""
        text, named = f"{verb(action)} {action.subject}: {action.cause.text}", _named(action)
        if again or action.cause.code in TIDYING or (service_of(action) in self._hushed and action.cause.code in CURES):
            bind(_bound(action)).log(DEBUG, "{}", text)
        elif named is not None:
            tell(named, text, **_bound(action))
        else:
            bind(_bound(action)).log(WARNING if self._has_failed(action) else INFO, "{}", text)

    def ended(self, outcome: Outcome) -> None:
        action, key = outcome.action, _told_of(outcome.action)
        if outcome.ok:
            if service_of(action) not in self._hushed:
                self._words.pop(key, None)
            return
        words = self._words.setdefault(key, set())
        is_new = outcome.detail not in words and len(words) < WORDS_KEPT
        if is_new:
            words.add(outcome.detail)
        text = f"{verb(action)} {action.subject} failed ({outcome.result}): {outcome.detail}"
        bind(_bound(action)).log(WARNING if is_new else DEBUG, "{}", text)

    def _has_failed(self, action: Action) -> bool:
        """Whether it is done because something failed that should not have, while zpmd was looking."""
        if action.cause.code is Code.RETRIED:
            return isinstance(action, RunReplica)
        if action.cause.code not in FAILED:
            return False
        ended_at = action.replica.finished_at if isinstance(action, StartReplica | RemoveReplica) else None
        return ended_at is None or ended_at >= self._looks_since


def _told_of(action: Action) -> str:
    """Whose failures are told once in the same words: of runs their job's, for there is no end of its slots."""
    run = run_of(action)
    return retry_key(action) if run is None else f"{run.service}/run"


def service_of_key(key: str) -> str:
    """The service by whose replica or hook the key of a failure is counted; "" for all else."""
    place = key.removeprefix("hook:")
    return "" if ":" in place else place.rpartition("/")[0]


def _named(action: Action) -> Message | None:
    """Under which name the log has this decision."""
    if isinstance(action, StartReplica | RemoveReplica) and action.evidence and action.replica.oom_killed:
        return Message.OOM_KILLED
    if action.cause.code is Code.UNHEALTHY and isinstance(action, RunReplica | RemoveReplica):
        return None  # the stop before it has said so
    return BY_CODE.get(action.cause.code)


def _bound(action: Action) -> dict[str, str]:
    """The fields by which a line is found again."""
    return {
        "service": service_of(action),
        "tenant": _tenant(action),
        "patch": _patch(action),
        "action": verb(action),
        "cause": str(action.cause.code),
    }


def _tenant(action: Action) -> str:
    match action:
        case RunReplica() | JudgeSpec():
            return action.service.tenant
        case OnReplica():
            return action.replica.tenant
        case _:
            return ""


def _patch(action: Action) -> str:
    if isinstance(action, MovePatch):
        return action.patch.id or action.patch.name
    return next((name.removeprefix(PATCH) for name in action.cause.on if name.startswith(PATCH)), "")
