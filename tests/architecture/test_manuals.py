"""The manuals of zpmctl and of integrations say what the program does: its commands, shapes, metrics and rows."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from tests.architecture.checkout import ROOT
from tests.unit.interfaces.given import NOON, snapshot
from tests.unit.interfaces.given_rows import tenancy
from zpmd.daemon.meters import Meters
from zpmd.interfaces import (
    audit,
    job_views,
    listing_views,
    metrics,
    patch_file_views,
    patch_views,
    row_views,
    token_views,
    usage_views,
    views,
    why_views,
)
from zpmd.interfaces.ctl.program import app
from zpmd.model.preview import Preview, PreviewImage, PreviewStep
from zpmd.patching import manifest
from zpmd.settings import Settings
from zpmd.sources import rows
from zpmd.sources.yamlfiles import YamlFiles

ZPMCTL = (ROOT / "docs/zpmctl.md").read_text()
PATCHES = (ROOT / "docs/patches.md").read_text()
INTEGRATIONS = (ROOT / "docs/integrations.md").read_text()
IN_WORDS = {"HoldView", "ListedTenant", "ListedIntegration"}
"""Shapes that the manual describes in words, or that are the product's own."""

SHAPES = [
    shape
    for module in (
        views,
        listing_views,
        row_views,
        patch_views,
        patch_file_views,
        audit,
        why_views,
        token_views,
        usage_views,
        job_views,
    )
    for shape in vars(module).values()
    if is_dataclass(shape) and shape.__module__ == module.__name__ and shape.__name__ not in IN_WORDS
] + [Preview, PreviewStep, PreviewImage]


def first_cells(section: str) -> list[str]:
    """The first cell of every row of the tables below a heading of zpmctl.md."""
    body = ZPMCTL.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| (`.*?`) \|", body, re.MULTILINE)


def names(cells: Iterable[str]) -> set[str]:
    return {word for cell in cells for word in re.findall(r"`([\w]+)", cell)}


def commands() -> dict[str, Any]:
    """Every command by its name, those of a group by both: "patch build"."""
    found: dict[str, Any] = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        group = getattr(command, "commands", None)
        found |= {name: command} if group is None else {f"{name} {own}": c for own, c in group.items()}
    return found


def command_of(cell: str) -> str:
    first, second = [*cell.strip("`").split(), ""][:2]
    return f"{first} {second}" if f"{first} {second}" in commands() else first


def test_the_manual_has_every_command_and_no_other() -> None:
    assert {command_of(cell) for cell in first_cells("Commands")} == set(commands())


def test_every_option_that_the_manual_gives_a_command_is_there() -> None:
    for cell in first_cells("Commands"):
        options = {option for parameter in commands()[command_of(cell)].params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+|(?<=[\[ ])-\w", cell)) <= options, cell


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.__name__)
def test_the_manual_has_every_shape(shape: Any) -> None:
    assert f"`{' '.join(field.name for field in fields(shape))}`" in ZPMCTL


def test_the_manual_has_every_metric() -> None:
    exposed = metrics.exposition(snapshot(tenancy=tenancy()), NOON, Meters("0.1.0")).decode()
    assert names(first_cells("Metrics")) == set(re.findall(r"^# TYPE (\w+)", exposed, re.MULTILINE))


def example(heading: str) -> str:
    """The first block below a heading of integrations.md that is YAML."""
    body = INTEGRATIONS.split(f"\n## {heading}\n")[1]
    blocks: list[str] = re.findall(r"(?:^    .*\n|^\n)+", body, re.MULTILINE)
    return textwrap.dedent(next(block for block in blocks if ":\n" in block))


def test_the_templates_that_the_manual_shows_are_good(tmp_path: Path) -> None:
    (tmp_path / "40-app.yaml").write_text(example("Templates"))
    files = YamlFiles(Settings(services_dir=tmp_path, state_dir=tmp_path / "state"), {})
    assert files.load().services == ()
    found = {t.name: t for t in files.templates or ()}
    assert {name: (t.only, t.ports) for name, t in found.items()} == {
        "integration": ((), (9100, 9999)),
        "siem": (("splunk", "qradar"), (9000, 9099)),
    }


def test_the_rows_that_the_manual_shows_are_good() -> None:
    found, troubles = rows.read(yaml.safe_load(example("Where rows come from")))
    assert troubles == ()
    assert (len(found.tenants), len(found.integrations), len(found.params), len(found.servers)) == (1, 1, 2, 1)


def test_the_manual_has_every_collection() -> None:
    table = INTEGRATIONS.split("\n## The collections\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(rows.COLLECTIONS)


def test_the_manifests_that_the_manual_shows_are_good() -> None:
    """The new form and the old one."""
    section = PATCHES.split("\n## The manifest\n")[1].split("\n## ")[0]
    blocks: list[str] = re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)
    found = [manifest.read(textwrap.dedent(block).encode(), "hotfix.patch.yaml") for block in blocks]
    assert [problems for _, problems in found] == [(), ()]
    assert [read.id for read, _ in found if read] == ["hotfix-1042", "hotfix"]


def test_the_manual_knows_every_key_of_a_manifest() -> None:
    section = PATCHES.split("\n## The manifest\n")[1].split("\n## ")[0]
    missing = [key for key in manifest.PATCH if not re.search(rf"\b{key}:", section)]
    assert missing == ["images"], "only `zpmctl patch build` writes that one"


def test_the_manual_quotes_reasons_that_are_given() -> None:
    """What stands in the first column of the troubleshooting table is said somewhere in the code."""
    code = "".join(
        path.read_text()
        for room in ("patching", "planning", "interfaces")
        for path in (ROOT / "zpmd" / room).glob("*.py")
    )
    said = re.sub(r"\{[^}]*\}", "...", re.sub(r'"\s*\n\s*f?"', "", code)).replace("`", "")
    table = PATCHES.split("\n## Troubleshooting\n")[1]
    quoted = re.findall(r"^\| `(.*?)` \|", table, re.MULTILINE)
    parts = [part.strip() for text in quoted for part in text.split("...")]
    assert quoted
    assert [part for part in parts if part not in said] == []
