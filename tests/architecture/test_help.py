"""Help texts, and the man pages that are made of them: complete, and read by the programs that they are for."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.architecture.checkout import ROOT
from zpmd.__main__ import app as daemon_app
from zpmd.interfaces.ctl import manual
from zpmd.interfaces.ctl.client import Exit
from zpmd.interfaces.ctl.program import app as ctl_app

COMMANDS: list[tuple[str, Any]] = [
    (path, command)
    for app, name in ((ctl_app, "zpmctl"), (daemon_app, "zpmd"))
    for path, command, _ in manual.commands(typer.main.get_command(app), name)
]
NAMES = [path for path, _ in COMMANDS]
WITHOUT_JSON = {"zpmctl metrics", "zpmctl openapi", "zpmd run"}
PAGES = ("zpmctl.1", "zpmd.8", "zpmd.yaml.5")
COMPLETIONS = ("zpmctl.bash", "_zpmctl", "zpmctl.fish")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("man")
    done = subprocess.run(
        [ROOT / "scripts/manpages", folder.name],
        cwd=folder.parent,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700049600"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(folder / name) for name in (*PAGES, *COMPLETIONS)]
    return folder


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=NAMES)
def test_a_command_says_in_a_sentence_what_it_does_and_what_each_of_its_words_means(path: str, command: Any) -> None:
    first = manual.parted(command).paragraphs[0]
    assert first[0].isupper(), first
    assert first.endswith("."), first
    for parameter in command.params:
        assert parameter.help, f"{path} {parameter.name} has no help"


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=NAMES)
def test_an_example_shows_its_own_command(path: str, command: Any) -> None:
    for line in manual.parted(command).examples:
        assert manual.example(line).startswith(path), line


def test_every_command_speaks_json() -> None:
    without = {path for path, c in COMMANDS if not any("--json" in p.opts for p in c.params)}
    assert without == WITHOUT_JSON


def test_exit_codes_are_told_in_the_same_words_everywhere() -> None:
    table = (ROOT / "docs/zpmctl.md").read_text().split("\n## Exit codes\n")[1].split("\n## ")[0]
    told = {int(code): text for code, text in re.findall(r"^\| (\d+) \| (.*) \|$", table, re.MULTILINE)}
    assert told == manual.EXITS
    assert set(manual.EXITS) == set(Exit)


@pytest.mark.parametrize("name", PAGES)
def test_a_man_page_is_shown_without_a_warning(pages: Path, name: str) -> None:
    environment = {**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""}
    man = subprocess.run(
        ["man", "--warnings", "-l", pages / name], env=environment, capture_output=True, text=True, check=False
    )
    assert (man.returncode, man.stderr) == (0, "")
    lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", pages / name], capture_output=True, text=True, check=False)
    assert (lint.returncode, lint.stdout) == (0, "")


def test_the_page_of_zpmctl_has_every_command_with_its_options_and_examples(pages: Path) -> None:
    shown = subprocess.run(
        ["man", "-l", pages / "zpmctl.1"],
        env={**os.environ, "MANWIDTH": "200", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for path, command in COMMANDS:
        if path.startswith("zpmctl "):
            assert f"   {path}\n" in shown
            assert all(example in shown for example in manual.parted(command).examples), path
            assert all(option in shown for p in command.params for option in p.opts if option.startswith("-"))
    assert "--reason <str>" not in shown
    assert "Made by scripts/manpages" not in shown


def test_every_setting_has_its_place_in_the_page_of_the_settings(pages: Path) -> None:
    text = (pages / "zpmd.yaml.5").read_text()
    keys = re.findall(r"^ *#(\w+):", (ROOT / "etc/zpmd/zpmd.yaml").read_text(), re.MULTILINE)
    assert len(keys) > 40
    assert [key for key in keys if f"\\fB{key}:" not in text] == []
    assert text.count("\n.RS") == text.count("\n.RE")


def test_completions_are_good_shell(pages: Path) -> None:
    for shell, name in (("bash", "zpmctl.bash"), ("zsh", "_zpmctl")):
        done = subprocess.run([shell, "-n", pages / name], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
