"""How zpmctl puts stories on a terminal. Pure; the time zone is an argument."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from zpmd.interfaces.ctl.dossier_lines import LINES_SHOWN, evidence_lines
from zpmd.interfaces.ctl.job_lines import runs_table
from zpmd.interfaces.ctl.lines import BAD, FAINT, GOOD, NOTICE, STRONG, Zone, folded, line, table
from zpmd.interfaces.ctl.patch_lines import story_lines
from zpmd.interfaces.ctl.render import entries_table
from zpmd.interfaces.run_words import stands
from zpmd.interfaces.why_views import (
    AnyWhy,
    ChainView,
    JobStoryView,
    PatchWhyView,
    ReplicaStory,
    TenantWhyView,
    WhyView,
)
from zpmd.interfaces.words import due, moment, named, plural
from zpmd.model.plan import State

HAPPENINGS_SHOWN = 8
NAMES_SHOWN = 5
NEVER = "not probed"
GOOD_STATES = frozenset({State.RUNNING, State.COMPLETED, State.SCHEDULED})


def lines(view: AnyWhy, zone: Zone) -> list[Text]:
    match view:
        case WhyView():
            return service_lines(view, zone)
        case TenantWhyView():
            return tenant_lines(view, zone)
        case PatchWhyView():
            return [*_answer(view.answer, view.handling, view.handled, view.handled), *story_lines(view.story, zone)]


def _answer(answer: str, handling: str, handled: bool, good: bool) -> list[Text]:
    return [line((answer, GOOD if good else BAD)), line((f"  {handling}", "" if handled else NOTICE))]


def service_lines(view: WhyView, zone: Zone) -> list[Text]:
    found = _answer(view.answer, view.handling, view.handled, view.state in GOOD_STATES)
    if view.awaited_by:
        found.append(line((f"  waiting for it: {_names(view.awaited_by)}", NOTICE)))
    if view.patch:
        found.append(line((f"  {view.patch}", "")))
    if view.made_of:
        found.append(line((f"  made of {view.made_of}", FAINT)))
    if view.row_trouble:
        found.append(line((f"  its row: {view.row_trouble}", NOTICE)))
    if view.rollout:
        found.append(line((f"  {view.rollout}", NOTICE)))
    if view.reasons:
        found += [Text(""), line(("waiting", STRONG))]
        for reason in view.reasons:
            until = "" if reason.until is None else f", {due(reason.until, view.now, zone)}"
            found.append(
                line(
                    (f"  {named(reason.subject, zone)}", ""),
                    (f"  {reason.code}{until}", NOTICE),
                    (f"  {reason.text}", ""),
                )
            )
            found.append(line((f"    {reason.advice}", FAINT)))
    if view.job is not None:
        found += _job_lines(view.job, view.now, zone, whole=view.kind == "service")
    for replica in view.replicas:
        found += [Text(""), *_replica_lines(replica, view.now, zone)]
    verdicts = [entry for entry in view.rollouts if entry.verb == "judge"]  # replacements are told above
    for title, entries in (("rollouts", verdicts), ("asked and noticed", view.operators)):
        if entries:
            found += [Text(""), line((title, STRONG)), *entries_table(entries[-HAPPENINGS_SHOWN:], view.now, zone)]
    return found


def _job_lines(job: JobStoryView, now: float, zone: Zone, whole: bool) -> list[Text]:
    """The rows of a job, of one run none; and the last words of the run that they are told of."""
    found = []
    if whole and job.schedule:
        found.append(line((f"  schedule {job.schedule} ({job.time_zone})", FAINT)))
    for title, runs in (("has not ended", job.open), ("last runs", job.runs)):
        if whole and runs:
            found += [Text(""), line((title, STRONG)), *runs_table(runs, now, zone)]
    if job.run is None:
        return found
    left = f", {plural(job.retries_left, 'try', 'tries')} left" if job.retries_left else ""
    title = f"the run of {moment(job.run.due_at, zone)}"
    found += [Text(""), line((title, STRONG), (f"  {stands(job.run, now)}{left}", BAD if job.run.bad else ""))]
    if job.log_tail and not any(d.log_tail == job.log_tail for d in job.dossiers[:1]):
        found.append(line(("  last words", FAINT)))
        found += [line((f"    | {text}", "")) for text in folded(job.log_tail)[-LINES_SHOWN:]]
    if job.dossiers and whole:
        found += evidence_lines(job.dossiers[0], now, zone)
    return found


def tenant_lines(view: TenantWhyView, zone: Zone) -> list[Text]:
    found = _answer(view.answer, view.handling, view.handled, not view.groups and view.handled)
    if view.tenant is not None and view.tenant.databases:
        rows = [
            tuple(
                (text, "") for text in (f"  {d.db_name or d.uuid}", d.db_host, d.status, d.connection_status or NEVER)
            )
            for d in view.tenant.databases
        ]
        found += [Text(""), line(("databases", STRONG)), *table(rows)]
    if view.groups:
        found += [Text(""), line(("not ready", STRONG))]
        for group in view.groups:
            found.append(line((f"  {group.text}", NOTICE)))
            found.append(line((f"    {_names(group.services)}", "")))
    if view.troubles:
        found += [Text(""), line(("rows", STRONG))]
        found += [
            line((f"  {t.collection} {t.row}: {t.field}: {t.reason}; {t.consequence}", "")) for t in view.troubles
        ]
    if view.happenings:
        found += [Text(""), line(("of late", STRONG)), *entries_table(view.happenings, view.now, zone)]
    return found


def _names(services: Sequence[str]) -> str:
    more = len(services) - NAMES_SHOWN
    return ", ".join(services[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _replica_lines(replica: ReplicaStory, now: float, zone: Zone) -> list[Text]:
    found = [
        line(
            (named(replica.subject, zone), STRONG),
            (f"  {replica.name}" if replica.name else "", FAINT),
            (f"  {replica.standing}", ""),
        )
    ]
    hidden = len(replica.chains) - HAPPENINGS_SHOWN
    if hidden > 0:
        service = replica.subject.rpartition("/")[0]
        found.append(line((f"  ... {hidden} before that: `zpmctl events --service {service}`", FAINT)))
    found += [_chain_line(chain) for chain in replica.chains[-HAPPENINGS_SHOWN:]]
    for dossier in replica.dossiers[:1]:
        found += evidence_lines(dossier, now, zone)
    if len(replica.dossiers) > 1:
        more = f"`zpmctl dossier {named(replica.subject, zone)} --last {len(replica.dossiers)}`"
        found.append(line((f"  {len(replica.dossiers) - 1} older of these: {more}", FAINT)))
    return found


def _chain_line(chain: ChainView) -> Text:
    style = {None: FAINT, True: "", False: BAD}[chain.ok]
    return line((f"  {chain.text.partition(f'replica {chain.slot} ')[2] or chain.text}", style))
