"""The shapes of what people see of jobs and their runs. Values, without behaviour; the rules of views.py hold.

A run is named by its job and by `due`, the instant that it is due at, as RFC 3339 in UTC: `2026-03-29T01:00:00Z`.
"""

from __future__ import annotations

from dataclasses import dataclass

from zpmd.interfaces.evidence_views import DossierView


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One row of the ledger. `step` is waiting, starting, running or ended, and `ending` is "" until then; `bad` says
    of an ending that somebody has to look at it.

    `not_before` is when the try begins at the earliest; `asked` who asked for the run out of turn, or suspended the
    job; `instead_of` the times that the clock skipped and that it stands for. With a `count` above 1 it is so many due
    instants, from `due` to `until`, that ended alike. `log_kept`: the last lines of its last try are kept.
    """

    job: str
    tenant: str
    due: str
    due_at: int
    step: str
    ending: str
    bad: bool
    reason: str
    tries: int
    not_before: float | None
    started_at: float | None
    finished_at: float | None
    late_seconds: float | None
    lasted_seconds: float | None
    exit_code: int | None
    stopping: str
    asked: str
    caught_up: bool
    instead_of: tuple[str, ...]
    until: str
    until_at: int | None
    count: int
    container_id: str
    spec: str
    log_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStoryView:
    """One run, with the last lines of its last try, and what else was kept of tries that failed."""

    now: float
    run: RunView
    log_tail: tuple[str, ...]
    dossiers: tuple[DossierView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsView:
    """A page of the ledger, the latest due first. `before` and `before_job` are what to ask with for the next page;
    null and "" where there is none."""

    now: float
    runs: tuple[RunView, ...]
    before: int | None
    before_job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpcomingView:
    """A due instant to come. `starts_at` has the jitter in it; `mark` is ordinary, moved (the clock is put forward over
    the times of `instead_of`, and it runs at the end of the gap) or repeated (the clock shows this time again: no
    run)."""

    due: str
    due_at: int
    starts_at: float
    mark: str
    instead_of: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextView:
    """What is due next of a job, by its schedule alone. `held_by` says why none of it would run as things stand."""

    now: float
    job: str
    time_zone: str
    held_by: str
    upcoming: tuple[UpcomingView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyView:
    """`x-zpmd.schedule` of a job: `schedules` as they are written, `words` each of them spelled out. Seconds are null
    where there is no bound; `keep_succeeded` and `keep_failed` count containers of runs that ended."""

    schedules: tuple[str, ...]
    words: tuple[str, ...]
    time_zone: str
    jitter_seconds: float
    concurrency: str
    catch_up: str
    deadline_seconds: float | None
    timeout_seconds: float | None
    retries: int
    retry_delay_seconds: float
    retry_max_seconds: float
    keep_succeeded: int
    keep_failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """One job. `suspended_by` is who has suspended it, "its file" where that does, "" where it is not suspended;
    `held_by` is whose hold is on it, `stopped` that an operator has stopped it. `last` is its newest run that was meant
    to run and has ended, `open` are those that have not. `next_at` is when the next one starts, null where none is to
    come."""

    name: str
    group: str
    tenant: str
    state: str
    reason: str
    image: str
    policy: PolicyView
    suspended_by: str
    held_by: str
    stopped: bool
    next_at: float | None
    last: RunView | None
    open: tuple[RunView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsView:
    """Jobs that are declared. `number` and `at` are those of the pass that saw them."""

    number: int
    at: float
    now: float
    jobs: tuple[JobView, ...]
