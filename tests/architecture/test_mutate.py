"""The list of mutants that are no faults stays honest: each entry speaks of code that is there, and says why."""

from __future__ import annotations

import tomllib

import pytest

from tests.architecture.checkout import ROOT

ENTRIES = tomllib.loads((ROOT / "scripts/mutate-equivalent.toml").read_text())["equivalent"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e['file']}:{e['function']}:{e['new'][-40:]}")
def test_an_equivalent_mutant_is_one_of_code_that_is_there_and_has_a_reason(entry: dict[str, str]) -> None:
    assert set(entry) == {"file", "function", "old", "new", "why"}
    source = (ROOT / entry["file"]).read_text()
    assert f"def {entry['function'].rpartition('.')[2]}(" in source
    assert entry["old"] in " ".join(line.strip() for line in source.splitlines())
    assert entry["old"] != entry["new"]
    assert len(entry["why"].split()) > 3
