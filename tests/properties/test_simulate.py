"""`zpmd simulate`, as an operator calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.architecture.checkout import ROOT
from zpmd.__main__ import app

SERVICES = [str(path) for path in sorted((ROOT / "etc/zpmd/services.d").glob("*.yaml"))]


def simulate(*arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, ["simulate", *arguments])
    return answer.exit_code, answer.output


def test_a_cold_start_of_the_sample_appliance_says_when_each_service_is_up() -> None:
    code, said = simulate(*SERVICES)
    assert code == 0
    assert "all is as it should be" in said
    assert said.splitlines()[-1].split()[1:3] == ["up", "after"]


def test_what_if_the_database_dies_now() -> None:
    answer = CliRunner().invoke(app, ["simulate", "--kill", "mongo_metadb", "--json", *SERVICES])
    told = json.loads(answer.stdout)
    assert answer.exit_code == 0
    assert told["violation"] is None
    assert len(told["services"]["mongo_metadb"]["outages_seconds"]) == 1
    assert told["services"]["zona_user"]["outages_seconds"] == [], "what depends on it goes on running"


def test_a_script_whose_expectation_does_not_hold_exits_with_1(tmp_path: Path) -> None:
    script = tmp_path / "wrong.sim"
    script.write_text("run 60\nexpect mongo_metadb/1 exited\n")
    code, said = simulate("--script", str(script), *SERVICES)
    assert code == 1
    assert "expect mongo_metadb/1 exited; it is healthy running" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kill", "nobody", *SERVICES], "no service nobody"),
        (["--seed", "1", "--kill", "redis"], "exclude each other"),
        (["--script", "/nowhere.sim", *SERVICES], "cannot read /nowhere.sim"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(arguments: list[str], words: str) -> None:
    code, said = simulate(*arguments)
    assert code == 2
    assert words in said


@pytest.mark.parametrize("line", ["explode redis/1", "kill", "expect nothing much at all"])
def test_a_line_that_is_no_move_is_refused(line: str, tmp_path: Path) -> None:
    script = tmp_path / "wrong.sim"
    script.write_text(f"run 1\n{line}\n")
    code, _ = simulate("--script", str(script), *SERVICES)
    assert code == 2


def test_every_word_of_scripts_is_listed() -> None:
    code, said = simulate("--moves")
    assert code == 0
    assert {"kill", "engine-restart", "clock", "converge"} <= set(said.split())


def test_the_script_of_the_manual_can_be_played(tmp_path: Path) -> None:
    manual = (ROOT / "docs/simulate.md").read_text()
    script = tmp_path / "manual.sim"
    script.write_text(manual.split("```")[1])
    code, said = simulate("--script", str(script), *SERVICES)
    assert code == 0, said[-2000:]
