"""How zpmctl puts stories and evidence on a terminal. Pure; the time zone is an argument."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from zpmd.interfaces.ctl.lines import BAD, FAINT, GOOD, NOTICE, STRONG, Zone, folded, line, table
from zpmd.interfaces.ctl.patch_lines import story_lines
from zpmd.interfaces.ctl.render import entries_table
from zpmd.interfaces.why_views import (
    AnyWhy,
    ChainView,
    DossierView,
    LimitsView,
    PatchWhyView,
    ReplicaStory,
    TenantWhyView,
    WhyView,
)
from zpmd.interfaces.words import clock, due, size, span
from zpmd.model.plan import State

HAPPENINGS_SHOWN = 8
LOG_LINES_SHOWN = 10
LOG_LINES_OF_A_DOSSIER = 50
NAMES_SHOWN = 5
NEVER = "not probed"


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
    found = _answer(view.answer, view.handling, view.handled, view.state in (State.RUNNING, State.COMPLETED))
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
                line((f"  {reason.subject}", ""), (f"  {reason.code}{until}", NOTICE), (f"  {reason.text}", ""))
            )
            found.append(line((f"    {reason.advice}", FAINT)))
    for replica in view.replicas:
        found += [Text(""), *_replica_lines(replica, view.now, zone)]
    verdicts = [entry for entry in view.rollouts if entry.verb == "judge"]  # replacements are told above
    for title, entries in (("rollouts", verdicts), ("asked and noticed", view.operators)):
        if entries:
            found += [Text(""), line((title, STRONG)), *entries_table(entries[-HAPPENINGS_SHOWN:], view.now, zone)]
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
            (replica.subject, STRONG),
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
        found += _evidence_lines(dossier, now, zone)
    if len(replica.dossiers) > 1:
        more = f"`zpmctl dossier {replica.subject} --last {len(replica.dossiers)}`"
        found.append(line((f"  {len(replica.dossiers) - 1} older of these: {more}", FAINT)))
    return found


def _chain_line(chain: ChainView) -> Text:
    style = {None: FAINT, True: "", False: BAD}[chain.ok]
    return line((f"  {chain.text.partition(f'replica {chain.slot} ')[2] or chain.text}", style))


def _evidence_lines(dossier: DossierView, now: float, zone: Zone) -> list[Text]:
    title = f"  evidence of {clock(dossier.at, now, zone)}: container {dossier.container_id[:12]}, {_end(dossier)}"
    return [line((title, "")), *_output_lines(dossier, LOG_LINES_SHOWN, "    ")]


def _end(dossier: DossierView) -> str:
    lived = ""
    if dossier.started_at is not None and dossier.finished_at is not None:
        lived = f", after {span(dossier.finished_at - dossier.started_at)}"
    return f"{dossier.meaning}{lived}"


def _output_lines(dossier: DossierView, most: int, indent: str) -> list[Text]:
    found = []
    for name, output in (("health", dossier.health_output), ("last words", dossier.log_tail)):
        if output:
            found.append(line((f"{indent}{name}", FAINT)))
            found += [line((f"{indent}  | {text}", "")) for text in folded(output)[-most:]]
    return found


def dossiers_lines(subject: str, dossiers: Sequence[DossierView], zone: Zone) -> list[Text]:
    if not dossiers:
        return [line((f"no failure of {subject} is on record", GOOD))]
    found: list[Text] = []
    for dossier in dossiers:
        found += [*([Text("")] if found else []), *_dossier_lines(dossier, zone)]
    return found


def _dossier_lines(dossier: DossierView, zone: Zone) -> list[Text]:
    at = dossier.at
    found = [
        line(
            (f"{dossier.service}/{dossier.slot}", STRONG),
            (f"  {clock(at, at + 1e9, zone)}  ", ""),
            (_end(dossier), BAD),
        )
    ]
    revision = f", patch {dossier.revision}" if dossier.revision else ""
    spec = f", spec {dossier.spec}" if dossier.spec else ""
    facts = [("container", f"{dossier.container_id[:12]}, image {dossier.image}{spec}{revision}")]
    if dossier.restart:
        facts.append(("restart", f"number {dossier.restart} in a row"))
    if dossier.limits is not None:
        facts.append(("limits", _limits(dossier.limits)))
    facts += [("depends on", f"{n.service}: {n.state}, {n.ready} of {n.desired} ready") for n in dossier.dependencies]
    found += table([((f"  {name}", FAINT), (text, "")) for name, text in facts])
    if dossier.changes:
        found.append(line(("  in the hour before", FAINT)))
        for change in dossier.changes:
            who = "" if change.actor == "zpmd" else f"{change.actor}: "
            found.append(line((f"    {clock(change.at, at, zone)}", FAINT), (f"  {who}{change.text}", "")))
    return [*found, *_output_lines(dossier, LOG_LINES_OF_A_DOSSIER, "  ")]


def _limits(limits: LimitsView) -> str:
    memory = f"memory {size(limits.memory_bytes)}" if limits.memory_bytes else "memory without limit"
    cpus = f"{limits.cpus:g} CPUs" if limits.cpus else "all CPUs"
    pids = f"{limits.pids} processes" if limits.pids else "any number of processes"
    return f"{memory}, {cpus}, {pids}"
