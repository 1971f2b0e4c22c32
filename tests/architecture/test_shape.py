"""How the code is cut: treaties, docstrings, sizes, words."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.checkout import ROOT, Module, modules

ALL = [*modules("zpmd"), *modules("tests")]
PACKAGES = [m for m in modules("zpmd") if m.path.name == "__init__.py" and m.path.parent.name != "zpmd"]
LONGEST = 500


@pytest.mark.parametrize("module", PACKAGES, ids=lambda m: m.name)
def test_a_package_opens_with_its_treaty(module: Module) -> None:
    top_level = module.path.parent.parent.name == "zpmd"
    missing = [part for part in ("Lives here:", "Never here:", "May import:") if part not in module.docstring]
    assert not top_level or missing == [], f"{module.name} does not say {missing}"
    assert module.docstring, f"{module.name} does not say what it is for"


@pytest.mark.parametrize("module", ALL, ids=lambda m: m.name)
def test_a_module_says_what_it_is_for_and_is_no_longer_than_one_idea(module: Module) -> None:
    if module.text.strip():
        assert module.docstring, f"{module.name} has no docstring"
    assert len(module.text.splitlines()) <= LONGEST


@pytest.mark.parametrize("module", modules("zpmd"), ids=lambda m: m.name)
def test_names_are_the_words_of_the_project(module: Module) -> None:
    assert not re.search(r"manager|handler|helper|util", module.path.stem)
    classes = [n.name for n in ast.walk(module.tree) if isinstance(n, ast.ClassDef)]
    assert [c for c in classes if re.search(r"Manager|Handler|Helper|Util", c)] == []


@pytest.mark.parametrize("module", ALL, ids=lambda m: m.name)
def test_nothing_is_left_to_be_done(module: Module) -> None:
    unfinished = re.compile(r"\b(TODO|FIXME|XXX|NotImplemented(Error)?)\b")
    if module.path.name == "test_shape.py":
        return
    lines = enumerate(module.text.splitlines(), 1)
    assert [f"{module.name}:{n}: {line.strip()}" for n, line in lines if unfinished.search(line)] == []


@pytest.mark.parametrize("module", modules("tests"), ids=lambda m: m.name)
def test_no_test_skips_or_is_expected_to_fail(module: Module) -> None:
    banned = {"pytest.skip", "pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail", "pytest.importorskip"}
    found = [
        f"{module.name}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in banned
    ]
    assert found == []


def test_the_frame_is_complete() -> None:
    expected = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "docs/architecture.md", "docs/operations.md"]
    assert [name for name in expected if not (ROOT / name).is_file()] == []
