"""How zpmctl puts the evidence of failures on a terminal. Pure; the time zone is an argument."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from zpmd.interfaces.ctl.lines import BAD, FAINT, GOOD, STRONG, Zone, folded, line, table
from zpmd.interfaces.evidence_views import DossierView, LimitsView
from zpmd.interfaces.words import clock, named, size, span

LINES_SHOWN = 10
LINES_OF_A_DOSSIER = 50
FIRST_DUE = 10**8
"""A slot from here on is the instant that a job's run is due at: no service has so many replicas."""


def evidence_lines(dossier: DossierView, now: float, zone: Zone) -> list[Text]:
    title = f"  evidence of {clock(dossier.at, now, zone)}: container {dossier.container_id[:12]}, {_end(dossier)}"
    return [line((title, "")), *_output_lines(dossier, LINES_SHOWN, "    ")]


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
            (named(f"{dossier.service}/{dossier.slot}", zone), STRONG),
            (f"  {clock(at, at + 1e9, zone)}  ", ""),
            (_end(dossier), BAD),
        )
    ]
    revision = f", patch {dossier.revision}" if dossier.revision else ""
    spec = f", spec {dossier.spec}" if dossier.spec else ""
    facts = [("container", f"{dossier.container_id[:12]}, image {dossier.image}{spec}{revision}")]
    if dossier.restart:
        run = dossier.slot >= FIRST_DUE
        facts.append(("try", str(dossier.restart)) if run else ("restart", f"number {dossier.restart} in a row"))
    if dossier.limits is not None:
        facts.append(("limits", _limits(dossier.limits)))
    facts += [("depends on", f"{n.service}: {n.state}, {n.ready} of {n.desired} ready") for n in dossier.dependencies]
    found += table([((f"  {name}", FAINT), (text, "")) for name, text in facts])
    if dossier.changes:
        found.append(line(("  in the hour before", FAINT)))
        for change in dossier.changes:
            who = "" if change.actor == "zpmd" else f"{change.actor}: "
            found.append(line((f"    {clock(change.at, at, zone)}", FAINT), (f"  {who}{change.text}", "")))
    return [*found, *_output_lines(dossier, LINES_OF_A_DOSSIER, "  ")]


def _limits(limits: LimitsView) -> str:
    memory = f"memory {size(limits.memory_bytes)}" if limits.memory_bytes else "memory without limit"
    cpus = f"{limits.cpus:g} CPUs" if limits.cpus else "all CPUs"
    pids = f"{limits.pids} processes" if limits.pids else "any number of processes"
    return f"{memory}, {cpus}, {pids}"
