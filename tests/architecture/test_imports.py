"""Imports go one way: the contracts of setup.cfg hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.checkout import ROOT

LINTER = Path(sys.executable).with_name("lint-imports")
"""A process of its own: in this one it would disable every logger that it finds (logging.config does so by default)."""


def test_the_import_contracts_hold(tmp_path: Path) -> None:
    command = [LINTER, "setup.cfg", "--cache-dir", tmp_path, "--no-logo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == os.EX_OK, done.stdout + done.stderr
