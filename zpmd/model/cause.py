"""Why something is done, or not done: a code for programs, and a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Why something is done or not done: stable words, for machines, journals and alerts."""

    # causes of actions
    MISSING = "missing"
    DIED = "died"
    UNHEALTHY = "unhealthy"
    FAILED_START = "failed-start"
    VANISHED = "vanished"
    DRIFT = "drift"
    FILE_CHANGED = "file-changed"
    ROLLBACK = "rollback"
    RESTART_ASKED = "restart-asked"
    STOP_ASKED = "stop-asked"
    DOWN_ASKED = "down-asked"
    SCALED_DOWN = "scaled-down"
    SURPLUS = "surplus"
    UNDECLARED = "undeclared"
    RETIRED = "retired"
    REPLACED = "replaced"
    NEEDED = "needed"
    STARTED = "started"
    ROLLOUT_OK = "rollout-ok"
    ROLLOUT_FAILED = "rollout-failed"
    STUCK = "stuck"
    PATCH = "patch"
    PATCH_VERIFIED = "patch-verified"
    PATCH_LOADED = "patch-loaded"
    PATCH_SWITCHED = "patch-switched"
    PATCH_STEP = "patch-step"
    PATCH_APPLIED = "patch-applied"
    PATCH_REFUSED = "patch-refused"
    PATCH_FAILED = "patch-failed"
    PATCH_REVERTING = "patch-reverting"
    PATCH_BACK = "patch-back"
    PATCH_STUCK = "patch-stuck"
    DUE = "due"
    RUN_ASKED = "run-asked"
    RETRIED = "retried"
    TIMED_OUT = "timed-out"
    HISTORY = "history"
    RUN_ENDED = "run-ended"
    # causes of waiting
    BACKOFF = "backoff"
    CRASH_LOOP = "crash-loop"
    GAVE_UP = "gave-up"
    DEPENDENCY = "dependency"
    GROUP = "group"
    HELD = "held"
    STOPPED = "stopped"
    STOP_ORDER = "stop-order"
    ROLLING = "rolling"
    ROLLOUT_PAUSED = "rollout-paused"
    ROLLED_BACK = "rolled-back"
    MASS_REMOVAL = "mass-removal"
    NAME_TAKEN = "name-taken"
    IMAGE_MISSING = "image-missing"
    EXTERNAL_MISSING = "external-missing"
    PREREQUISITE = "prerequisite"
    RETRY = "retry"
    STARTING = "starting"
    IN_FLIGHT = "in-flight"
    ENGINE_UNKNOWN = "engine-unknown"
    SOURCE_UNKNOWN = "source-unknown"
    DEGRADED_GATE = "degraded-gate"
    PATCH_WAITS = "patch-waits"
    WATCH_SUSPENDED = "watch-suspended"
    WATCH_UNKNOWN = "watch-unknown"
    RUNS_FULL = "runs-full"
    OVERLAP = "overlap"


@dataclass(frozen=True, slots=True)
class Cause:
    """`on` names what is waited for, for whoever follows it: services, or `image:`, `volume:`, `network:`, `patch:`
    with a name."""

    code: Code
    text: str
    on: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text
