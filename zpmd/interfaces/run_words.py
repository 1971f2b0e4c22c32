"""How a run went, in words. Pure; the time zone is an argument."""

from __future__ import annotations

from datetime import tzinfo

from zpmd.interfaces.job_views import RunView
from zpmd.interfaces.views import JobBriefView, LastRunView
from zpmd.interfaces.words import clock, due, exit_brief, lasting
from zpmd.model.job import Ending, Step

ENDINGS = {
    Ending.OK: "ok",
    Ending.FAILED: "failed",
    Ending.TIMED_OUT: "timed out",
    Ending.STOPPED: "stopped",
    Ending.VANISHED: "vanished: its container was removed while it ran",
    Ending.FAILED_START: "could not be started",
    Ending.SKIPPED_OVERLAP: "skipped: another run had not ended",
    Ending.MISSED_DOWN: "missed: nobody looked then",
    Ending.TOO_LATE: "could not begin in time",
    Ending.HELD: "held",
    Ending.SUSPENDED: "suspended",
    Ending.REPEATED: "not run twice: the clock was put back",
    Ending.REPLACED: "replaced by the next one before it began",
}
STEPS = {Step.WAITING: "waiting", Step.STARTING: "starting", Step.RUNNING: "running"}


def ended(run: RunView | LastRunView) -> str:
    """ "failed with exit 3 after 12 s": also of an ending that only a newer daemon knows."""
    ending = ENDINGS[Ending(run.ending)] if run.ending in ENDINGS else run.ending
    code = f" with {exit_brief(run.exit_code, False)}" if run.exit_code and run.ending == Ending.FAILED else ""
    took = f" after {lasting(run.lasted_seconds)}" if run.lasted_seconds is not None else ""
    return f"{ending}{code}{took}"


def stands(run: RunView, now: float) -> str:
    """Of a run, whether it has ended or not."""
    if run.ending:
        return ended(run)
    if run.step == Step.RUNNING and run.started_at is not None:
        text = f"running for {lasting(now - run.started_at)}"
    elif run.not_before is not None and run.not_before > now:
        text = f"waiting, for {lasting(run.not_before - now)} more"
    else:
        text = run.step
    if run.tries > 1:
        text += f", try {run.tries}"
    return text + (f", is being stopped: {run.stopping}" if run.stopping else "")


def remark(run: RunView) -> str:
    """Its reason, as far as that says more than its ending does."""
    if run.ending == Ending.FAILED and run.reason == f"exited with {run.exit_code}":
        return ""
    return run.reason.removeprefix("could not start: ") if run.ending == Ending.FAILED_START else run.reason


def story(job: JobBriefView, now: float, zone: tzinfo | None) -> str:
    """ "last run 02:00:00 ok after 12 s; next 03:00:00, in 12 min"."""
    parts = [f"suspended by {job.suspended_by}"] if job.suspended_by else []
    parts.append(
        "no run yet" if job.last is None else f"last run {clock(job.last.due_at, now, zone)} {ended(job.last)}"
    )
    if job.next_at is not None:
        parts.append(f"next in {due(job.next_at, now, zone)}" if job.next_at - now >= 0.5 else "next now")
    return "; ".join(parts)
