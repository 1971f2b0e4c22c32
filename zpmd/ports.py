"""What the shell must provide to the loop: a Protocol for each. Concrete ones are chosen in assembly alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol

from zpmd.cut import Cut
from zpmd.model.action import Action
from zpmd.model.answer import Answer
from zpmd.model.audit import Head, Link, Record
from zpmd.model.events import Entry, Lines, Outcome, Reason, Result, Snapshot
from zpmd.model.job import Run, RunsKept, Upcoming
from zpmd.model.memory import Attempt, Down, Hold, Memory, Revision, Timing
from zpmd.model.observed import Dossier, LogLine, Replica, Slot, World
from zpmd.model.patch import Manifest, Patch
from zpmd.model.preview import Preview
from zpmd.model.service import Desired
from zpmd.model.tenant import Away, Connection, IntegrationKey, PortLease, Reading, Rows
from zpmd.model.token import ApiToken
from zpmd.model.usage import Usage

Wake = Callable[[Reason], None]
"""Call it from any thread, at any time, as often as you like: it never blocks and never raises."""


class Clock(Protocol):
    """Where the shell gets the time. `now` is wall time, `monotonic` for measuring."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...


class Engine(Protocol):
    """One container engine. Every method may be called from several threads at once.

    A container belongs to us exactly if its owner label is this installation's id; no method changes any other object.
    """

    replicates: bool
    """True where the engine keeps replicas itself (Swarm)."""

    def observe(self, images: Collection[str]) -> World:
        """The whole world, in one list call; of `images` those that are present.

        Raises EngineUnknown when it cannot be told completely: never a partial answer.
        """

    def apply(self, action: Action, progress: Callable[[str], None]) -> Outcome:
        """Carry out one engine action and say what became of it; never raises.

        TRANSIENT: refused now, trying again may help (engine busy, gone away before the request). PERMANENT: the same
        request will be refused again (no such image, invalid option, name or port taken). UNKNOWN: sent, and the
        answer was lost. Idempotent where the engine allows it: removing what is gone, starting what runs and stopping
        what has ended are OK; creating over a name of ours with the same slot, spec and generation adopts it; a
        run of a job over one with the same service, due and attempt, whatever its spec, running, ended or not started.
        A run that has begun is never started again. With the container of a run go the volumes that were made for it
        alone; of a service they stay. KeepEvidence is OK with a dossier, with its `log_tail`, whether the run failed or
        not.
        A creation that finds a volume or network gone makes it and tries again.
        """

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        """Block until `stop`; wake for every engine event, and with STREAM_LOST after each gap in the stream.

        Never raises: it reconnects, with backoff, for ever.
        """

    def stream_alive(self) -> bool:
        """Whether `watch` is connected and has heard from the engine within its read timeout."""

    def logs(
        self, container_id: str, tail: int, follow: bool, since: float | None = None, cut: Cut | None = None
    ) -> Iterator[LogLine]:
        """Lines of a container's stdout and stderr, in the order of their times; `since`, the time of a line: from it
        on, with all that have the same. Raises EngineUnknown, or NotFound where it does not exist. `cut` ends it, also
        where it waits for a line."""

    def usage(self, container_ids: Collection[str]) -> Mapping[str, Usage]:
        """What those of them that run have used up to now, in milliseconds for all. Raises EngineUnknown."""

    def about(self) -> Mapping[str, str]:
        """What `zpmctl doctor` shows: version, api, storage driver, root, ... Raises EngineUnknown."""


class Source(Protocol):
    """One place that says what should be."""

    name: str

    def load(self) -> Desired:
        """All of it, whole, as it is now. Raises ConfigError with every problem; then nothing of it counts.

        Never waits for anybody outside this host: it is called by the loop.
        """

    def away(self) -> Away | None:
        """Why, and since when, `load` gave what was known last and not what is now; None while it is now."""

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        """Block until `stop`; wake with FILES when what `load` would return may have changed. Never raises."""

    def watching(self) -> bool:
        """Whether `watch` would notice a change at once (it is alive, and not reduced to polling)."""


class Registry(Protocol):
    """Where tenants and integrations are read from: the product's database, or data files. Reading happens in `watch`,
    in a thread of its own; the loop only picks up what was read."""

    name: str

    def reading(self) -> Reading | None:
        """The latest complete look at the rows, the same object while nothing changed; None while there was none."""

    def away(self) -> Away | None:
        """Why, and since when, `reading` is not what a look would give now; None while it is."""

    def watched(self) -> str:
        """How changes are noticed, in words for status."""

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        """Read, and go on reading whenever something changed, until `stop`; wake with ROWS when `reading` or `away`
        changed. Never raises: it reconnects, with backoff, for ever. Every call it makes has a deadline."""

    def watching(self) -> bool:
        """Whether `watch` has heard from where the rows are within its own bounds."""

    def record_ports(self, leases: Collection[PortLease], released: Collection[IntegrationKey]) -> None:
        """Have the product's own record of ports follow, some time soon; never blocks, never raises."""


class Store(Protocol):
    """What is remembered. Every method is durable when it returns, and may be called from any thread.

    Raises StoreError.
    """

    def owner(self) -> str:
        """The installation id: made once, kept for ever."""

    def memory(self) -> Memory:
        """Everything but `gates` and `retries`, which live with the loop. Holds that have expired are still in it."""

    # the loop's: what it says counts in `memory` from then on, also where StoreError is raised because it could not be
    # written; it is written as soon as that is possible again
    def attempt(self, slot: Slot, attempt: Attempt | None) -> None:
        """Replace what is remembered of a slot; None forgets it."""

    def judge(self, revision: Revision) -> None: ...

    def hooked(self, container_id: str, started_at: float) -> None:
        """The post_start of this run of this container has succeeded. Forgets earlier runs of the same container."""

    def pulled(self, image: str, at: float) -> None: ...

    def forget(self, services: Collection[str], containers: Collection[str]) -> None:
        """Forget attempts, revisions, approvals and intent of services other than these, hooks of other containers.
        A job that is none of them owes nothing any more, and is not in `memory` once its runs have ended; its rows
        stay."""

    # the journal
    def begin(self, entry: Entry) -> int:
        """Append; returns its id (the one in `entry` is ignored). Bounded by age and number: the oldest go first, and
        where they are too many, those of the service that has most (stores/retention.py)."""

    def finish(
        self,
        entry_id: int,
        result: Result,
        detail: str,
        seconds: float,
        container_id: str,
        exit_code: int | None = None,
        lived_seconds: float | None = None,
    ) -> None: ...

    def ready(self, entry_id: int, seconds: float) -> None:
        """What was run or started was ready so long after its start."""

    def journal(
        self, service: str | None = None, since_id: int = 0, since: float | None = None, limit: int = 500
    ) -> tuple[Entry, ...]:
        """The newest `limit` entries, oldest first. `service` "": those that concern no service."""

    def lines(self, asked: Lines) -> tuple[Entry, ...]:
        """As `journal`, asked in every way that there is; the oldest first."""

    def keep_dossier(self, dossier: Dossier) -> None:
        """Bounded to the last 10 of a service."""

    def dossiers(self, service: str | None, limit: int = 10) -> tuple[Dossier, ...]:
        """Newest first, `limit` at most; of all services where None is given."""

    # last known good
    def last_good(self, source: str) -> Desired | None: ...

    def keep_good(self, source: str, desired: Desired) -> None: ...

    # of tenants and integrations
    def salt(self) -> bytes:
        """Of this installation, made once and kept: for names that follow from the content of secrets."""

    def last_rows(self) -> Rows | None:
        """The rows that counted last; None where none are known, or they cannot be read with the key at hand."""

    def keep_rows(self, rows: Rows) -> None:
        """Durable, and sealed: rows hold passwords."""

    def leases(self) -> Mapping[IntegrationKey, PortLease]: ...

    def keep_leases(self, leases: Collection[PortLease], forgotten: Collection[IntegrationKey]) -> None:
        """Put these in place of what was kept under their keys, and forget those; durable when it returns."""

    def connections(self) -> Mapping[str, Connection]:
        """What `keep_connection` was told, for registries that take no writing: by `collection/row`."""

    def keep_connection(self, subject: str, connection: Connection) -> None: ...

    # the ledger of patches: one row a drop
    def begin_patch(self, patch: Patch) -> int:
        """Append a row; returns its number (the one in `patch` is ignored). Durable when it returns. Bounded: of rows
        that have ended and are not applied the oldest go first."""

    def keep_patch(self, patch: Patch) -> None:
        """Replace the row of this number, but for `asked` and `filed`, which have verbs of their own. The loop's: it
        counts in `memory` also where StoreError is raised. Durable."""

    def file_patch(self, number: int, filed: str) -> None:
        """Where the file of an ended patch is now."""

    def ask_revert(self, numbers: Collection[int], actor: str) -> None:
        """All of them, or none. Durable. An ended reverting makes the row REVERTED, and the asking is then history."""

    def ledger(self, limit: int = 100, id: str | None = None) -> tuple[Patch, ...]:
        """The newest rows first, of one patch id where that is given."""

    # the ledger of jobs: one row for every due instant
    def keep_runs(self, kept: RunsKept) -> None:
        """All of it in one transaction (model/job.py says what takes the place of what). The loop's: it counts in
        `memory` also where StoreError is raised. Durable. Bounded: of ended rows the oldest of each job go, and none
        that `memory` gives."""

    def keep_run_evidence(self, job: str, due: int, attempt: int, log_tail: Sequence[str]) -> None:
        """The last lines of a try. The loop's; nothing where there is no such row, or a later try's are kept."""

    def ask_run(self, run: Run) -> None:
        """Append a row that somebody asks for. Durable. Raises SecondTaken where (job, due) has one already."""

    def set_suspended(self, job: str, actor: str | None) -> None:
        """None: it runs again when it is due."""

    def runs(self, job: str | None, limit: int = 100, before: tuple[int, str] | None = None) -> tuple[Run, ...]:
        """Rows of one job, or of all, without their logs: the latest due first, then by job, of those after `before`
        (due, job) in that order. `limit` at most."""

    def run(self, job: str, due: int) -> Run | None:
        """With the logs that were kept of it."""

    def keep_timing(self, service: str, timing: Timing) -> None:
        """The loop's; may be lost with the power."""

    # operators'
    def set_stopped(self, service: str, stopped: bool) -> None: ...

    def set_scale(self, service: str, replicas: int | None) -> None: ...

    def raise_generation(self, service: str, above: int = 0) -> int:
        """To one more than it is, and than `above`: containers may carry higher numbers than a store that was lost."""

    def hold(self, hold: Hold) -> None: ...

    def release(self, service: str) -> bool: ...

    def approve(self, services: Collection[str]) -> None: ...

    def disapprove(self, services: Collection[str]) -> None:
        """An approval is for one removal: it ends when the service is declared again."""

    def set_down(self, down: Down) -> None: ...

    def close(self) -> None: ...


class Tokens(Protocol):
    """The API keys that were given out: not themselves, but what tells one when it comes. Any thread may call it.

    What writes raises StoreError.
    """

    def find(self, id: str) -> ApiToken | None:
        """Also one that is revoked or has expired. Never waits for the disk."""

    def all(self) -> tuple[ApiToken, ...]:
        """The oldest first."""

    def keep(self, token: ApiToken) -> None:
        """One more. Durable when it returns. Bounded: those that are not good any more go; Refused where all are."""

    def revoke(self, id: str, at: float) -> ApiToken | None:
        """It counts at once, also where StoreError is raised. Returns it; None where there is none."""

    def used(self, id: str, at: float) -> None:
        """Remembered about once a minute; may be lost with the power."""


class Audit(Protocol):
    """Who wrote what through the API: a chain of rows (model/audit.py). Durable when a method returns, from any thread.

    Raises StoreError: then nothing of the call counts.
    """

    def begin(self, record: Record) -> int:
        """Somebody's write is about to be carried out; returns its number. It is in no chain yet, and stays begun over
        the death of this process."""

    def end(self, begun: int, record: Record) -> Link:
        """Its row, in the chain, in place of the beginning: both or neither."""

    def add(self, record: Record) -> Link:
        """A row without a beginning."""

    def begun(self) -> Mapping[int, Record]:
        """What has begun and not ended, of former processes too, the oldest first."""

    def rows(self, after: int | None, limit: int) -> tuple[Link, ...]:
        """The first `limit` rows after this number; None: the newest. The oldest first. Bounded: whole segments of the
        oldest go, and the chain says so."""

    def head(self) -> Head: ...

    def looked_through(self) -> int | None:
        """The last entry of the journal that was looked at for verbs without a row; None where nobody ever looked."""

    def look_through(self, entry_id: int) -> None: ...


class Answers(Protocol):
    """What was answered to writes with an Idempotency-Key, so that the same one again gets the same answer. Any thread
    may call it. Raises StoreError."""

    def find(self, actor: str, key: str, now: float) -> Answer | None:
        """None where there is none, or it is older than a day."""

    def keep(self, answer: Answer) -> None:
        """Durable when it returns; replaces one of the same actor and key. Bounded: the oldest go first."""


class Arrival(Protocol):
    """A patch file that has come whole, and is not yet where patches are taken from."""

    name: str
    size: int
    sha256: str

    def drop(self) -> None:
        """Put it there, durably. Raises Refused where one of this name lies there, ZpmdError where it cannot be."""


class Control(Protocol):
    """What operators can ask of the running daemon. The interfaces call it from their own threads.

    Every verb is durable when it returns, is written to the journal with its actor, and wakes the loop; it does not
    wait for the effect. Raises NotFound for an unknown service, Refused where the request cannot be honoured.
    """

    def snapshot(self) -> Snapshot:
        """The last published one. Raises Refused while the first pass has not ended."""

    def wait(self, after: int, timeout_seconds: float) -> Snapshot | None:
        """The first snapshot with a number above `after`, or None at the timeout."""

    def journal(self, service: str | None, since_id: int, since: float | None, limit: int) -> tuple[Entry, ...]: ...

    def lines(self, asked: Lines) -> tuple[Entry, ...]: ...

    def dossiers(self, service: str | None, limit: int = 10) -> tuple[Dossier, ...]: ...

    def logs(
        self, wanted: Collection[tuple[str, int | None]], tail: int, follow: bool, since: float | None = None
    ) -> Iterator[tuple[Replica, LogLine]]:
        """Lines of services, or of single slots of them, merged by time; `tail` is for each replica."""

    def start(self, service: str, actor: str) -> None:
        """Undo `stop` (service "*": undo `down` and every stop), and skip a backoff that is running."""

    def stop(self, service: str, actor: str) -> None: ...

    def restart(self, service: str, actor: str) -> None:
        """Replace every replica, by the service's own update_config; skips backoff, and tries a failed spec anew."""

    def scale(self, service: str, replicas: int | None, actor: str) -> None:
        """None: back to what the file says. Refused for a container_name with more than one replica."""

    def hold(self, hold: Hold) -> None: ...

    def release(self, service: str, actor: str) -> None: ...

    def approve(self, actor: str) -> tuple[str, ...]:
        """Approve the removals that are held now; returns the services. Refused when none is."""

    def down(self, volumes: bool, actor: str) -> None: ...

    def reload(self, actor: str) -> None: ...

    def usage(self, container_ids: Collection[str]) -> Mapping[str, Usage]:
        """As Engine.usage."""

    def about_engine(self) -> Mapping[str, str]: ...

    # patches

    def patches(self, limit: int, id: str | None) -> tuple[Patch, ...]:
        """Rows of the ledger, the newest first."""

    def preview(self, manifest: Manifest) -> Preview:
        """What this patch would do now. Changes nothing."""

    def upload(self, file: Arrival, actor: str) -> None:
        """Drop it, as anybody may who has the folder."""

    def revert(self, id: str, with_later: bool, actor: str) -> tuple[str, ...]:
        """Take an applied patch back, and `with_later` all that were applied after it and touch the same services or
        require it; returns the ids in the order in which they go back, the latest first. Refused where the patch is not
        applied, or where later ones stand on it and were not named."""

    # jobs; NotFound also for a service that is no job

    def runs(self, job: str | None, limit: int, before: tuple[int, str] | None = None) -> tuple[Run, ...]:
        """Rows of the ledger, as Store.runs; of a job that is no longer declared too."""

    def run(self, job: str, due: int) -> Run:
        """Raises NotFound where the ledger has no such row."""

    def upcoming(self, job: str, count: int) -> tuple[Upcoming, ...]:
        """The next due instants, by its schedule alone."""

    def run_job(self, job: str, actor: str) -> Run:
        """Ask for a run now, whatever the schedule says, also of a job that is suspended. Refused under a hold or a
        stop, and where a run of it has not ended, unless the job allows or replaces that. Raises SecondTaken where it
        has a run that is due at this very second."""

    def suspend(self, job: str, actor: str) -> None: ...

    def resume(self, job: str, actor: str) -> None:
        """Refused where the service file itself suspends it."""
