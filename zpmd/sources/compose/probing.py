"""Templates when files are loaded: read, and stamped with probing values, so that mistakes show without a database.

A reference with a default has its default then, any other one of a few values that differ in kind. A problem is told
if it is there whatever the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from zpmd.model.service import Problem
from zpmd.model.text import printable
from zpmd.sources.compose import blanks
from zpmd.sources.compose.blanks import Filling, Form, Prepared
from zpmd.sources.compose.service import Parsed
from zpmd.sources.compose.templates import Each, Source, Template, Wanted, wanted
from zpmd.sources.interpolate import BadTemplate
from zpmd.sources.nodes import Entry, Map, Sequence, null
from zpmd.sources.reading import Cursor, Report, joined
from zpmd.sources.references import MARK, OPENS, PORT, Reference, Value

PROBES = ("1", "1h", "probe-{}", "/probe/{}", "true", "10.0.0.1", "sha256:" + 64 * "0")
"""For each form that the reader asks of a text one that has it, words of a few allowed ones excepted. `{}` is the name
of the reference: two references are not the same path."""

TENANT = {"tenant.tenantcode", "tenant.id"}
INTEGRATION = "integration.integration_id"

Position = tuple[str, int, int]


@dataclass(frozen=True)
class Probed:
    """A template as the first probing value makes it. `report` has what is wrong with the template itself, and takes
    what is wrong between it and the services; `x_zpmd` is the place of its own words."""

    template: Template
    parsed: Parsed
    x_zpmd: Cursor
    report: Report


def probed(source: Source, entry: Entry, files_report: Report) -> Probed | None:
    """A template of the files; None where it cannot even be read, and then the report of the files says why."""
    report, parsed = lasting(source, files_report)
    if parsed is None:
        files_report.problems.extend(report.problems)
        return None
    cursor = Cursor(entry.node, f"services.{source.key}", report, entry.mark)
    x_zpmd = child(cursor, "x-zpmd")
    words = wanted(x_zpmd)
    names_are_written(cursor, source.form)
    what_is_each_ones_own(cursor, parsed, source)
    ports_are_leased(cursor, words, source)
    template = Template(
        name=source.key,
        group=parsed.data.group,
        wanted=words,
        origin=parsed.data.origin,
        off=parsed.off,
        retired=parsed.retired,
        source=source,
    )
    return Probed(template, parsed, x_zpmd, report)


def lasting(source: Source, files_report: Report) -> tuple[Report, Parsed | None]:
    """The template as the first probing value makes it; in the report only what is wrong for every one of them."""
    report, parsed = probe(source, PROBES[0], files_report)
    told = [report.problems]
    while told[-1] and len(told) < len(PROBES):
        told.append(probe(source, PROBES[len(told)], files_report)[0].problems)
    report.problems = whatever_the_value(told, mixed_texts(source)) if told[-1] else []
    return report, parsed


def whatever_the_value(told: list[list[Problem]], mixed: Mapping[Position, tuple[str, str]]) -> list[Problem]:
    """The problems that each of these lists has. What is wrong with a value says the value, and so differs; but in a
    text that has more to it than a value, where there is something wrong each time, the first of it is told."""
    same = [problem for problem in told[0] if all(problem in others for others in told)]
    settled = {position(problem) for problem in same}
    for problem in told[0]:
        at = position(problem)
        if at in mixed and at not in settled and all(at in map(position, others) for others in told):
            settled.add(at)
            made, written = mixed[at]
            same.append(replace(problem, message=problem.message.replace(printable(made), written)))
    return same


def probe(source: Source, value: str, files_report: Report) -> tuple[Report, Parsed | None]:
    report = Report(spoilt=set(files_report.spoilt), written=source.references.shown)
    filling = Filling(source.references, report, probing(value, source.each))
    objects = source.objects.stamping(filling, source.files)
    return report, source.read(source.key, filling.node(source.form), objects, report)


def probing(value: str, each: Each = Each.INTEGRATION) -> Value:
    def probe(reference: Reference) -> str | None:
        if each is Each.TENANT and reference.name.startswith("integration."):
            raise BadTemplate(f"a tenant has no {reference.name}: write ${{tenant.tenantcode}}, or a parameter")
        return None if reference.operator.endswith("-") else value.format(reference.name.lower())

    return probe


def mixed_texts(source: Source) -> dict[Position, tuple[str, str]]:
    """The texts that hold more than one reference alone, by their places: as the first probing value makes them, and as
    they were written."""
    found = {}
    for blank in blanks.within(source.form):
        mark, text = blank.node.mark, blank.node.text
        if not MARK.fullmatch(text):
            # A reference that requires a value has one here, so this cannot be refused.
            made = source.references.filled(text, probing(PROBES[0]))
            found[mark.origin.name, mark.line, mark.column] = (made, source.references.shown(text))
    return found


def position(problem: Problem) -> Position:
    return (problem.file, problem.line, problem.column)


def names_are_written(cursor: Cursor, form: Prepared) -> None:
    """A key is a name that the file gives; `environment: ["${params.X}=1"]` would have it given by a row."""
    match form:
        case Form(node=Map() as node, parts=Mapping() as below):
            for key in (key for key in below if OPENS in key):
                mark = node.entries[key].mark
                message = f"a name cannot come from a reference: write it in place of {key}"
                cursor.report.problem(mark, cursor.path, message)
            for part in below.values():
                names_are_written(cursor, part)
        case Form(parts=tuple() as items):
            for item in items:
                names_are_written(cursor, item)


def what_is_each_ones_own(cursor: Cursor, parsed: Parsed, source: Source) -> None:
    """Names, addresses and ports that the services of a template cannot share."""
    name = child(cursor, "container_name")
    named = blanks.named(name.node, source.references)
    each, of_one = source.each, "${tenant.tenantcode} and ${integration.integration_id}"
    if each is Each.TENANT:
        named, of_one = named | {INTEGRATION}, "${tenant.tenantcode}"
    if name.written and PORT not in named and not (named & TENANT and INTEGRATION in named):
        name.problem(f"one name cannot serve every {each.word}: remove container_name, or have {of_one} in it")
    ports = child(cursor, "ports").node
    items = ports.items if isinstance(ports, Sequence) else ()
    fixed = {item.mark for item in items if not blanks.marked(item)}
    for binding, place in parsed.ports:
        if binding.published and "-" not in binding.published and place.node.mark in fixed:
            instead = f"write ${{{PORT}}} in its place" if each is Each.INTEGRATION else "let the engine choose one"
            place.problem(f"host port {binding.published} cannot serve every {each.word}: {instead}")
    networks = child(cursor, "networks")
    addresses = [a for a in parsed.data.container.networks if a.ipv4_address or a.ipv6_address or a.mac_address]
    if addresses and not blanks.marked(networks.node):
        networks.problem_at_key(f"a fixed address cannot serve every {each.word}: remove it")


def ports_are_leased(cursor: Cursor, words: Wanted, source: Source) -> None:
    """`${integration.port}` has a value where there is a range to lease from."""
    if words.each is Each.TENANT or words.ports is not None or child(child(cursor, "x-zpmd"), "ports").written:
        return
    for scalar in blanks.texts(cursor.node):
        if any(reference.name == PORT for reference in source.references.within(scalar.text)):
            cursor.report.problem(
                scalar.mark,
                cursor.path,
                f"there are no ports to take ${{{PORT}}} from: write `x-zpmd: {{ports: {{range: 9100-9999}}}}`",
            )


def child(cursor: Cursor, key: str) -> Cursor:
    """The value of a key, nothing where it is not written; its key is neither honoured nor refused by that."""
    entry = cursor.node.entries.get(key) if isinstance(cursor.node, Map) else None
    if entry is None:
        return Cursor(null(cursor.node.mark), joined(cursor.path, key), cursor.report)
    return Cursor(entry.node, joined(cursor.path, key), cursor.report, entry.mark)
