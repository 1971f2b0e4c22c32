"""No key of the specification is dropped in silence: each has its effect, or a note, or a refusal that names it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.sources.given import understood
from tests.unit.sources.keys import BESIDE, PAIRS, SHELLS, SWAPPED, VALUES
from zpmd.sources.compose.desired import Understood
from zpmd.sources.compose.vocabulary import SECTIONS
from zpmd.sources.reading import Fate

ROOT = Path(__file__).parents[3]
OURS = {
    ("(top level)", "x-zpmd"), ("services.NAME", "x-zpmd"),
    *(("x-zpmd", key) for key in SECTIONS["x-zpmd"]),
    *(("services.NAME.x-zpmd", key) for key in SECTIONS["services.NAME.x-zpmd"]),
    *(("services.NAME.x-zpmd.ports", key) for key in SECTIONS["services.NAME.x-zpmd.ports"]),
    *(("services.NAME.x-zpmd.schedule", key) for key in SECTIONS["services.NAME.x-zpmd.schedule"]),
    *(("services.NAME.x-zpmd.schedule.history", key) for key in SECTIONS["services.NAME.x-zpmd.schedule.history"]),
    *(("services.NAME.x-zpmd.watch", key) for key in SECTIONS["services.NAME.x-zpmd.watch"]),
}  # fmt: skip


def specification() -> dict[str, set[str]]:
    text = (ROOT / "tests/data/compose/specification-keys.txt").read_text()
    found = re.findall(r"^\[(.+)\]\n((?:[^\[#\n].*\n)+)", text, re.MULTILINE)
    return {section: set(keys.split()) for section, keys in found}


def values(section: str) -> dict[str, str]:
    """`key=value` pairs; a value ends where the next key begins."""
    parts = re.split(r"\s*\b([\w-]+)=(?=[^ ])", " " + VALUES.get(section, ""))
    return dict(zip(parts[1::2], (v.strip() for v in parts[2::2]), strict=True))


def meaning(result: Understood) -> tuple[object, ...]:
    services = tuple((s.name, s.group, s.container, s.replicas, s.depends_on, s.restart, s.update, s.rollback,
                      s.stop_grace_seconds, s.pull, s.required, s.watch, s.watch_pace, s.job)
                     for s in result.desired.services)  # fmt: skip
    templates = tuple((t.name, t.group, t.only, t.ports, t.credentials, t.off) for t in result.templates)
    return (services, templates, result.desired.volumes, result.desired.networks, [p.message for p in result.problems])


def read(text: str) -> Understood:
    return understood(text, others=BESIDE, variables={"E": "e"})


def keys(fate: Fate) -> list[tuple[str, str]]:
    return [(section, key) for section, known in SECTIONS.items() for key, k in known.items() if k.fate is fate]


def test_the_vocabulary_is_the_specification_and_our_own_keys() -> None:
    known = {(section, key) for section, known in SECTIONS.items() for key in known}
    specified = {(section, key) for section, known in specification().items() for key in known}
    assert known == specified | OURS


def bare(section: str) -> str:
    return SHELLS[section].replace(", @", "").replace("@", "")


def with_and_without(section: str, key: str) -> tuple[str, str]:
    """Two files that differ in this key alone."""
    if (section, key) in PAIRS:
        return PAIRS[section, key]
    if (section, key) in SWAPPED:
        old, new = SWAPPED[section, key]
        assert old in bare(section)
        return bare(section).replace(old, new, 1), bare(section)
    return SHELLS[section].replace("@", f"{key}: {values(section)[key]}"), bare(section)


@pytest.mark.parametrize(("section", "key"), keys(Fate.HONOURED), ids=lambda v: v)
def test_an_honoured_key_changes_what_runs(section: str, key: str) -> None:
    one, other = with_and_without(section, key)
    assert meaning(read(one)) != meaning(read(other)), one


@pytest.mark.parametrize(("section", "key"), keys(Fate.NOTED), ids=lambda v: v)
def test_a_noted_key_is_accepted_and_said(section: str, key: str) -> None:
    shell = SHELLS[section]
    if section in ("configs.NAME", "secrets.NAME"):
        shell = shell.replace("{@}", "{file: a.txt, @}")
    result = read(shell.replace("@", f"{key}: a" if key not in ("placement",) else f"{key}: {{}}"))
    assert result.problems == ()
    assert [n for n in result.notes if n.path.endswith((f".{key}", ".build")) or n.path == key]


@pytest.mark.parametrize(("section", "key"), keys(Fate.REFUSED), ids=lambda v: v)
def test_a_refused_key_is_named_with_what_to_do(section: str, key: str) -> None:
    result = read(SHELLS[section].replace("@", f"{key}: {{}}"))
    found = [p for p in result.problems if p.path.endswith(key)]
    assert len(found) == 1
    assert found[0].line > 0
    assert re.search(r"^(is|has) .*: \w+", found[0].message)


def test_the_files_that_tests_stand_on_are_understood() -> None:
    # Of these, the empty mapping lacks what it must have.
    incomplete = {"include[]": 1, "configs.NAME": 1, "secrets.NAME": 1}
    found = {section: len(read(bare(section)).problems) for section in SHELLS}
    assert {section: count for section, count in found.items() if count} == incomplete


def test_extensions_are_allowed_in_every_mapping_of_the_specification() -> None:
    for section, shell in SHELLS.items():
        if section in ("configs.NAME", "secrets.NAME", "include[]"):
            continue
        text = shell.replace("@", "x-anything: {goes: here}")
        assert read(text).problems == (), text


def test_the_document_lists_every_key_with_its_fate() -> None:
    text = (ROOT / "docs/service-files.md").read_text()
    for section, known in SECTIONS.items():
        chapter = text.partition(f"### `{section}`")[2].partition("\n### ")[0]
        rows = dict(re.findall(r"^\| `([\w-]+)` \| (\w+)", chapter, re.MULTILINE))
        assert rows == {key: k.fate.value for key, k in known.items()}, section
