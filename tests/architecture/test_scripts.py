"""Short commands that people and CI both run: each can be run, and says how."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.checkout import ROOT, is_script

FILES = sorted(path for folder in ("scripts", ".ci") for path in (ROOT / folder).iterdir() if path.is_file())
SCRIPTS = [path for path in FILES if is_script(path)]
PACKAGING = sorted(path for path in (ROOT / "packaging").rglob("*") if path.suffix in (".sh", ".py") or is_script(path))
SHELL = [path for path in FILES if path.suffix == ".sh" or path.read_bytes().startswith(b"#!/usr/bin/env bash")]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_a_script_can_be_run_and_opens_with_its_usage(script: Path) -> None:
    assert os.access(script, os.X_OK), f"{name(script)} is not executable"
    opening = "\n".join(script.read_text().splitlines()[1:12])
    assert name(script) in opening, f"{name(script)} does not open with how it is called"


@pytest.mark.parametrize("script", [s for s in SCRIPTS if s.parent.name == "scripts"], ids=name)
def test_a_script_explains_itself_when_asked_and_does_nothing_else(script: Path, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ZPMD_LAB": str(tmp_path)}
    answer = subprocess.run(
        [script, "--help"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert name(script) in answer.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", [s for s in SHELL if is_script(s)], ids=name)
def test_a_shell_script_refuses_what_it_does_not_know(script: Path) -> None:
    if script.name in ("test", "run"):  # their arguments are pytest's
        return
    answer = subprocess.run([script, "--no-such-option"], capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 2, answer.stderr
    assert answer.stderr


@pytest.mark.parametrize("script", [*SHELL, *(p for p in PACKAGING if p.suffix == ".sh")], ids=name)
def test_a_shell_script_parses(script: Path) -> None:
    assert subprocess.run(["bash", "-n", script], capture_output=True, check=False).stderr == b""


@pytest.mark.parametrize("script", [p for p in PACKAGING if is_script(p)], ids=name)
def test_a_maintainer_script_parses_says_what_it_is_for_and_stops_at_a_failure(script: Path) -> None:
    assert subprocess.run(["dash", "-n", script], capture_output=True, check=False).stderr == b""
    first, second, *rest = script.read_text().splitlines()
    assert (first, second[:2]) == ("#!/bin/sh", "# ")
    assert "set -e" in rest


@pytest.mark.parametrize("script", [*FILES, *PACKAGING], ids=name)
def test_nothing_names_a_machine(script: Path) -> None:
    assert not re.search(r"/home/|/root/", script.read_text())
