"""`zpmctl job`: services that run when they are due, the ledger of their runs, and what they can be told."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from zpmd.interfaces.ctl import job_lines as lines
from zpmd.interfaces.ctl.client import Exit, Failure, segment
from zpmd.interfaces.ctl.options import Json, OfGroup, OfTenant, complete_job, duration, run_due
from zpmd.interfaces.ctl.run_end import ended
from zpmd.interfaces.ctl.screen import Screen
from zpmd.interfaces.job_views import JobsView, JobView, NextView, RunStoryView, RunsView
from zpmd.interfaces.run_words import remark, stands
from zpmd.interfaces.views import DoneView
from zpmd.interfaces.words import clean, moment
from zpmd.model.job import Ending

RUNS_SHOWN = 10

app = typer.Typer(
    name="job",
    help="Look at jobs and what became of their runs, run one now, suspend and resume them.",
    rich_markup_mode=None,
    invoke_without_command=True,
)

Job = Annotated[str, typer.Argument(metavar="JOB", help="Name of the job.", autocompletion=complete_job)]
Due = Annotated[
    str | None,
    typer.Argument(
        metavar="DUE", help="A run of it, by when it is due: as `history` has it, 02:00 or '2026-03-29 02:00'."
    ),
]


@app.callback()
def root(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@app.command("list")
def list_jobs(ctx: typer.Context, group: OfGroup = None, tenant: OfTenant = None, as_json: Json = False) -> None:
    """Show the jobs: how the last run of each went, and when the next one starts.

    What needs attention comes first.

    \b
    Examples:
      zpmctl job list
      zpmctl job list --json | jq -r '.jobs[] | select(.last.bad) | .name'
    """
    view = ctx.obj.get(JobsView, "/v1/jobs", group=group.value if group else None, tenant=tenant)
    screen = Screen()
    screen.say(as_json, view, lines.list_lines(view, screen.zone))


@app.command()
def show(ctx: typer.Context, job: Job, due: Due = None, as_json: Json = False) -> None:
    """Show one job, or one run of it.

    Of a job its schedule, bounds, newest runs and the next one; of a run how it ended, the last lines of its log and,
    where it failed, the rest of what was kept.

    \b
    Examples:
      zpmctl job show report
      zpmctl job show report 02:00
      zpmctl job show report 2026-03-29T01:00:00Z
    """
    screen = Screen()
    if due is not None:
        told = ctx.obj.get(RunStoryView, f"{_path(job)}/runs/{run_due(due)}")
        screen.say(as_json, told, lines.run_lines(told, screen.zone))
        return
    view = ctx.obj.get(JobView, _path(job))
    runs = RunsView(now=time.time(), runs=(), before=None, before_job="")
    if not as_json:
        runs = ctx.obj.get(RunsView, f"{_path(job)}/runs", limit=RUNS_SHOWN)
    screen.say(as_json, view, lines.job_lines(view, runs, screen.zone))


@app.command()
def history(
    ctx: typer.Context,
    job: Annotated[
        str | None,
        typer.Argument(metavar="JOB", help="Name of the job; none: of all.", autocompletion=complete_job),
    ] = None,
    bad: Annotated[bool, typer.Option("--bad", help="Only runs that somebody has to look at.")] = False,
    since: Annotated[
        float | None,
        typer.Option(parser=duration, metavar="DURATION", help="Only what was due in the last 12h, 7d, ..."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="So many, the latest due first.")] = 50,
    as_json: Json = False,
) -> None:
    """Show the ledger: what became of every time that jobs were due.

    Each has one row: it ran, and how; or it did not, and why.

    \b
    Examples:
      zpmctl job history report
      zpmctl job history --bad --since 7d
      zpmctl job history report --json | jq -r '.runs[] | select(.ending == "missed-down") | .due'
    """
    path = "/v1/runs" if job is None else f"{_path(job)}/runs"
    start = None if since is None else time.time() - since
    view = ctx.obj.get(RunsView, path, limit=limit, bad="true" if bad else None, since=start)
    screen = Screen()
    asked = (f" of {job}" if job else "") + (" that somebody has to look at" if bad else "")
    asked += "" if start is None else f" due since {moment(start, screen.zone)}"
    screen.say(as_json, view, lines.history_lines(view, screen.zone, job is None, asked))


@app.command("next")
def next_runs(
    ctx: typer.Context,
    job: Job,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=100, help="So many.")] = 10,
    as_json: Json = False,
) -> None:
    """Show when a job is due next, and what changes of the clock make of it.

    Times are those of the job's own time zone. What the clock skips runs at the end of the gap; what it shows twice
    runs the first time.

    \b
    Examples:
      zpmctl job next report
      zpmctl job next report --count 50 --json | jq '.upcoming[] | select(.mark != "ordinary")'
    """
    view = ctx.obj.get(NextView, f"{_path(job)}/next", count=count)
    screen = Screen()
    screen.say(as_json, view, lines.next_lines(view, screen.zone))


@app.command()
def run(
    ctx: typer.Context,
    job: Job,
    wait: Annotated[
        bool,
        typer.Option("--wait", "-w", help="Stay until it has ended, and print its last lines; exit 1 if not well."),
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(parser=duration, metavar="DURATION", help="How long --wait waits. [default: as long as it takes]"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a job now, whatever its schedule says.

    Also one that is suspended. It is refused under a hold or a stop, and while a run of it has not ended, unless its
    `concurrency` allows or replaces that.

    \b
    Examples:
      zpmctl job run report
      zpmctl job run report --wait && echo well
    """
    done: DoneView = ctx.obj.post(f"{_path(job)}/run")
    screen = Screen()
    if not wait:
        _say(screen, done, as_json)
        return
    with screen.progress() as note:
        story = ended(ctx.obj, f"{_path(job)}/runs/{done.run}", timeout, note)
    ran = story.run
    if as_json:
        screen.say(True, story, [])
    for text in () if as_json else story.log_tail:
        screen.log(job, text) if screen.terminal else screen.raw(text)
    text = f"{job}: the run of {moment(ran.due_at, screen.zone)} {stands(ran, story.now)}"
    text += f": {remark(ran)}" if remark(ran) and ran.ending != Ending.OK else ""
    if ran.ending != Ending.OK:
        raise Failure(Exit.FAILED, text)
    if not as_json:
        screen.raw(clean(text))


@app.command()
def suspend(ctx: typer.Context, job: Job, as_json: Json = False) -> None:
    """Have a job not run when it is due, until `zpmctl job resume`.

    What runs goes on to its end. Each time that it is due is written down as suspended.

    \b
    Examples:
      zpmctl job suspend report
    """
    _say(Screen(), ctx.obj.post(f"{_path(job)}/suspend"), as_json)


@app.command()
def resume(ctx: typer.Context, job: Job, as_json: Json = False) -> None:
    """Have a suspended job run again when it is due.

    \b
    Examples:
      zpmctl job resume report
    """
    _say(Screen(), ctx.obj.post(f"{_path(job)}/resume"), as_json)


def _path(job: str) -> str:
    return f"/v1/jobs/{segment(job, 'job')}"


def _say(screen: Screen, done: DoneView, as_json: bool) -> None:
    if as_json:
        screen.raw(json.dumps({**asdict(done), "done": False}, ensure_ascii=False))
    else:
        screen.raw(clean(done.detail))
