"""`x-zpmd.schedule`: what makes a service a job, and what of a service has no meaning for one.

A job has no replicas and no rollout: when it is due, one container runs to its end, by the definition that there is
then. So all that speaks of something that is kept running is refused, with what a job has in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from zpmd.model.job import CatchUp, Concurrency, JobPolicy
from zpmd.model.schedule import Cron, Every, Schedule, Timetable
from zpmd.model.service import Condition, Dependency, RestartCondition, RestartPolicy, ServiceData
from zpmd.sources import schedules, units
from zpmd.sources.compose import vocabulary
from zpmd.sources.compose.network import Ports
from zpmd.sources.cron import cron
from zpmd.sources.nodes import Map, Scalar, Sequence, shortened
from zpmd.sources.reading import Cursor, Fields

Zone = Callable[[str], tzinfo]
"""A time zone by its IANA name. Raises ValueError that says what to write."""

NEVER = RestartPolicy(condition=RestartCondition.NONE)
"""What ended is not started again: a failed run is tried again by `retries`, in a container of its own."""
SPREAD_SECONDS = 300.0
MOST_RETRIES = 100
MOST_KEPT = 20
"""As many ended rows of each kind as a pass knows: a container goes when its row, and so its kind, is known."""


def policy(cursor: Cursor, zone: Zone, templated: bool) -> JobPolicy:
    """`x-zpmd.schedule`: a cron expression, a list of them, or a mapping. `templated`: it becomes many jobs."""
    if not isinstance(cursor.node, Map):
        due: tuple[Schedule, ...] = tuple(read for _, read in expressions(cursor))
        return JobPolicy(timetable=Timetable(schedules=due, jitter_seconds=spread(due) if templated else 0.0))
    f = cursor.fields(vocabulary.SCHEDULE)
    crons = expressions(f["cron"])
    due = (*(read for _, read in crons), *periods(f["every"]))
    if "cron" not in f and "every" not in f:
        cursor.problem_at_key('says not when: write `cron: "0 3 * * *"` or `every: 15m`')
    deadline = lasting(f["deadline"])
    default = JobPolicy(timetable=Timetable(schedules=()))
    delay = pause(f["retry_delay"], default.retry_delay_seconds)
    history = f["history"].fields(vocabulary.HISTORY)
    found = JobPolicy(
        timetable=Timetable(
            schedules=due,
            zone=time_zone(f["time_zone"], zone, crons),
            jitter_seconds=jitter(f, due, deadline, templated),
        ),
        concurrency=f["concurrency"].word({c.value: c for c in Concurrency}, default.concurrency),
        catch_up=f["catch_up"].word({c.value: c for c in CatchUp}, default.catch_up),
        deadline_seconds=deadline,
        timeout_seconds=lasting(f["timeout"]),
        retries=f["retries"].integer(low=0, high=MOST_RETRIES),
        retry_delay_seconds=delay,
        retry_max_seconds=pause(f["retry_max_delay"], max(delay, default.retry_max_seconds)),
        suspend=f["suspend"].boolean(),
        keep_succeeded=history["succeeded"].integer(low=0, high=MOST_KEPT, default=default.keep_succeeded),
        keep_failed=history["failed"].integer(low=0, high=MOST_KEPT, default=default.keep_failed),
    )
    if found.retry_max_seconds < delay:
        f["retry_max_delay"].problem("is less than `retry_delay`: write the longer time here")
    return found


def expressions(cursor: Cursor) -> list[tuple[Cursor, Cron]]:
    """Cron expressions, one or a list, each with its place; what is none is a problem at its character."""
    found = []
    for item in times(cursor):
        text = item.text()
        if period := period_of(text):
            item.problem(f"{shortened(text)!r} is no cron expression: write `schedule: {{every: {period}}}`")
            continue
        read = cron(text)
        if isinstance(read, Cron):
            found.append((item, read))
            continue
        for fault in read:
            item.problem_within(fault.column, fault.message)
    return found


def times(cursor: Cursor) -> list[Cursor]:
    """One text, or those of a list."""
    found = cursor.one_or_many()
    if isinstance(cursor.node, Sequence) and not found:
        cursor.problem('is an empty list: write a time in it, for example "0 3 * * *"')
    for item in found:
        if not isinstance(item.node, Scalar):
            item.problem(
                "expected a text: write `schedule: {cron: [...], every: [...]}` for more than cron expressions"
            )
    return [item for item in found if isinstance(item.node, Scalar)]


def period_of(text: str) -> str:
    """The duration of `every 15m` or `15m`, where a cron expression should stand."""
    word = text.strip().removeprefix("@").removeprefix("every").strip()
    try:
        return word if units.duration(word) else ""
    except ValueError:
        return ""


def periods(cursor: Cursor) -> tuple[Every, ...]:
    """`every`, one or a list."""
    nothing: Every | None = None
    found = [item.converted(schedules.every, nothing) for item in times(cursor)]
    return tuple(every for every in found if every is not None)


def time_zone(cursor: Cursor, zone: Zone, crons: list[tuple[Cursor, Cron]]) -> str:
    """Of expressions that have no run at all on a day of a change of its clock it says so."""
    name = cursor.text("UTC")
    try:
        known = zone(name)
    except ValueError as error:
        cursor.problem(str(error))
        return name
    for item, read in crons:
        if skipped := schedules.skipped_whole(read, known):
            item.note(
                f"{shortened(read.text)!r} has no run on a day on which the clock of {name} skips {skipped}: write its "
                "minutes without `*`, as a list, and it runs once when that is over"
            )
    return name


def lasting(cursor: Cursor) -> float | None:
    """A time in which something can happen; None where it is not written."""
    return pause(cursor, 0.0, low=1.0) if cursor.written else None


def pause(cursor: Cursor, default: float, low: float = 0.0) -> float:
    """A duration that a calendar can be asked about."""
    seconds = cursor.duration(max(default, low))
    if not low <= seconds <= schedules.LONGEST_SECONDS and cursor.written:
        cursor.problem(f"is out of range: write {low:g}s to 366d, or leave it out")
        return default
    return seconds


def jitter(f: Fields, due: tuple[Schedule, ...], deadline: float | None, templated: bool) -> float:
    """Less than what is between two runs, and than the deadline: nothing is late, or overlaps, by jitter alone."""
    if "jitter" not in f:
        return spread(due, deadline) if templated else 0.0
    seconds = pause(f["jitter"], 0.0)
    shortest = min((schedules.apart_seconds((schedule,)) for schedule in due), default=seconds)
    if deadline is not None and seconds > deadline:
        f["jitter"].problem("is longer than `deadline`: a run would be too late by it, write less")
    elif seconds > shortest:
        f["jitter"].problem(f"is longer than the {shortest:g} s between two runs: write {shortest / 2:g}s or less")
    return seconds


def spread(due: tuple[Schedule, ...], deadline: float | None = None) -> float:
    """Over how long the jobs of one template are spread, where nothing is written."""
    halves = (schedules.apart_seconds(due) / 2, SPREAD_SECONDS if deadline is None else deadline / 2)
    return min(SPREAD_SECONDS, *halves)


# what has no meaning for a job


def misfits(f: Fields, zpmd: Fields, deployed: Fields, data: ServiceData, ports: Ports) -> None:
    """Tell all that speaks of a service that is kept running."""
    wanted = deployed["mode"] if deployed["mode"].text() == "global" else None
    if data.replicas != 1:
        wanted = f["scale"] if "scale" in f else deployed["replicas"]
    if wanted is not None:
        wanted.problem_at_key("a job has no replicas, one container runs when it is due: remove it")
    restarts(f, deployed)
    for key in ("update_config", "rollback_config"):
        if key in deployed:
            deployed[key].problem_at_key("a job is not rolled out, its next run has the new definition: remove it")
    if "container_name" in f:
        f["container_name"].problem_at_key("each run of a job has a container of its own: remove container_name")
    if "post_start" in f:
        f["post_start"].problem_at_key("nothing is run in the container of a job beside it: put it into `command`")
    if data.watch:
        f["develop"].problem_at_key("a job is not restarted, its next run finds the changed file: remove `watch`")
    if "watch" in zpmd:
        zpmd["watch"].problem_at_key("a job watches nothing: remove it")
    if "required" in zpmd and zpmd["required"].boolean():
        zpmd["required"].problem_at_key("nothing waits for a job but by `depends_on`: remove it")
    check = data.container.healthcheck
    if check is not None and check.test != ("NONE",):
        f["healthcheck"].note("a run is judged by its exit code alone: use `timeout` for one that hangs")
    if data.job is not None and data.job.concurrency is Concurrency.ALLOW:
        one_at_a_time(f, data, ports)


def restarts(f: Fields, deployed: Fields) -> None:
    restart, wanted = f["restart"], deployed["restart_policy"]
    word, _, count = restart.text().partition(":")
    if word in ("always", "unless-stopped", "on-failure"):
        instead = f"`retries: {count or 3}`" if word == "on-failure" else "`retries: 3`, for a run that fails"
        restart.problem(f'a job ends: write restart: "no", or nothing, and in its schedule {instead}')
    if wanted.written and wanted.fields(vocabulary.RESTART_POLICY)["condition"].text() != "none":
        wanted.problem_at_key("a job ends: write `condition: none`, or nothing, and in its schedule `retries: 3`")


def one_at_a_time(f: Fields, data: ServiceData, ports: Ports) -> None:
    """What one container has, and two at once cannot."""
    for binding, cursor in ports:
        if binding.published and "-" not in binding.published:
            cursor.problem("runs that overlap cannot share a host port: remove it, or `concurrency: allow`")
    fixed = any(a.ipv4_address or a.ipv6_address or a.mac_address for a in data.container.networks)
    if fixed or data.container.mac_address:
        where = f["networks" if fixed else "mac_address"]
        where.problem_at_key("runs that overlap cannot share an address: remove it, or `concurrency: allow`")


def waiting(need: Dependency, cursor: Cursor) -> None:
    """A service that waits for a job."""
    if need.condition is not Condition.COMPLETED:
        cursor.problem_at_key(
            f"{need.service} is a job, which runs when it is due and ends: wait for "
            "`condition: service_completed_successfully` of it, or remove it"
        )
