"""The scenarios: one short script each in `scenarios/`, for what is to be tried in every way that can be thought of."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "scenarios"
SCENARIOS = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.sim"))}
