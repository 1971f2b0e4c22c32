"""Imports go one way: the contracts of setup.cfg hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from tests.architecture.checkout import ROOT


def test_the_import_contracts_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    broken = lint_imports(config_filename="setup.cfg", cache_dir=str(tmp_path), no_logo=True)
    assert broken == os.EX_OK, capsys.readouterr().out
