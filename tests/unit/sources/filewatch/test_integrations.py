"""Integrations with the folders that their rows name: a changed program moves exactly those that run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.sources.filewatch.test_layer import Time
from tests.unit.sources.test_integrations import Bench, row, tenant
from zpmd.model.service import Desired
from zpmd.model.tenant import Rows
from zpmd.model.watch import LABEL
from zpmd.sources.filewatch import trees
from zpmd.sources.filewatch.layer import FileWatch
from zpmd.sources.filewatch.looking import Looking

FILES = """
    services:
      web: {image: "web:1"}
      app:
        image: app:1
        x-zpmd: {for_each: active-integration}
        volumes: ["${integration.executionDir}:/app"]
"""


class Watching(Bench):
    """A bench whose integrations carry what they watch."""

    def begin(self) -> None:
        super().begin()
        self.clock = Time()
        self.looking = Looking(self.clock.monotonic)
        self.watched = FileWatch(self.source, self.looking, self.store, self.clock)

    def load(self) -> Desired:
        self.files.load()
        desired = self.watched.load()
        self.store.keep_good(self.watched.name, desired)
        return desired

    def labels(self) -> dict[str, str]:
        """After a look at the files, and what has changed has been quiet for long enough."""
        self.load()
        self.looking.look()
        self.load()
        self.clock.at += 3
        return {s.name: dict(s.container.labels)[LABEL] for s in self.load().services}


@pytest.fixture
def bench(tmp_path: Path) -> Watching:
    found = Watching(tmp_path, FILES)
    for name in ("jira", "misp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.py").write_text("1")
    found.registry.say(
        Rows(
            tenants=(tenant("acme"), tenant("beta")),
            integrations=tuple(
                row(number, code, name, execution_dir=str(tmp_path / name))
                for number, code, name in ((1, "acme", "jira"), (2, "beta", "jira"), (3, "acme", "misp"))
            ),
        )
    )
    return found


def test_a_changed_program_moves_the_integrations_that_run_it(bench: Watching, tmp_path: Path) -> None:
    before = bench.labels()
    assert len(before) == 3
    (tmp_path / "jira" / "__pycache__").mkdir()
    (tmp_path / "jira" / "__pycache__" / "run.cpython-311.pyc").write_text("x")
    (tmp_path / "jira" / "today.log").write_text("x")
    assert bench.labels() == before
    (tmp_path / "jira" / "run.py").write_text("2")
    after = bench.labels()
    assert sorted(name for name in after if after[name] != before[name]) == ["jira-acme-1", "jira-beta-2"]
    bench.begin()
    assert bench.labels() == after


def test_integrations_that_share_a_folder_share_a_look_at_it(
    bench: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.labels()
    looks: list[str] = []
    real = trees.Rule.listing

    def listing(rule: trees.Rule) -> trees.Listing:
        looks.append(rule.path)
        return real(rule)

    monkeypatch.setattr(trees.Rule, "listing", listing)
    bench.looking.look()
    # one that changed a moment ago is read again, which is a second listing
    assert set(looks) == {str(tmp_path / "jira"), str(tmp_path / "misp")}
    assert len(looks) <= 4
