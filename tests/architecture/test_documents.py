"""Documents stay true: what they name exists, and what exists is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import zpmd
from tests.architecture.checkout import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ROOMS = ("zpmd/", "tests/", "scripts/", "benchmarks/", "docs/", "etc/", "systemd/", "packaging/", ".ci/")
MACHINES = re.compile(r"/home/\w+|/tmp/\w+/")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def paths_in(text: str) -> set[str]:
    """Everything that looks like a path in the checkout: in backticks, and as a word of a command."""
    words = re.findall(r"(?<![\w/.-])([\w.][\w./*-]*/[\w./*-]*)", text)
    return {word.rstrip(".,:;") for word in words if word.startswith(ROOMS)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    missing = [path for path in paths_in(document.read_text()) if not list(ROOT.glob(path.rstrip("/")))]
    assert sorted(missing) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", document.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_no_document_names_a_machine(document: Path) -> None:
    assert MACHINES.findall(document.read_text()) == []


def test_the_changelog_ends_with_this_version() -> None:
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == zpmd.__version__


def test_the_readme_and_ci_name_the_same_test_command() -> None:
    assert re.search(r"^    scripts/test\b", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert "scripts/test" in (ROOT / ".ci/run").read_text()


def test_the_readme_names_every_benchmark() -> None:
    present = {p.stem for p in (ROOT / "benchmarks").glob("*.py") if 'if __name__ == "__main__"' in p.read_text()}
    assert present
    named = re.findall(r"^    \.venv/bin/python -m benchmarks\.(\w+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert set(named) == present


def test_the_pictured_rooms_are_the_packages() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    packages = {f"zpmd/{p.parent.name}" for p in (ROOT / "zpmd").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(zpmd/\w+)` \|", text, re.MULTILINE)) == packages
