"""Nouns and decisions know no clock, no chance and no outside world: `now` is an argument, so that every plan can be
computed again from what was known, and compared with an expectation as text."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.checkout import Module, modules
from tests.architecture.purity import impurities


@pytest.mark.parametrize("module", [*modules("zpmd/model"), *modules("zpmd/planning")], ids=lambda m: m.name)
def test_a_pure_module_reads_nothing_but_its_arguments(module: Module) -> None:
    assert [f"{module.name}:{line}: {what}" for line, what in impurities(module.tree)] == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import time", "import time"),
        ("from os.path import join", "from os.path import"),
        ("from datetime import datetime\nx = datetime.now()", "datetime.now()"),
        ("import datetime\nx = datetime.datetime.now(datetime.UTC)", "datetime.datetime.now()"),
        ("import datetime as dt\nx = dt.date.today()", "dt.date.today()"),
        ("def f(p):\n    with open(p) as f:\n        return f", "open()"),
        ("print(1)", "print()"),
        ("x = hash('a')", "hash()"),
        ("def f():\n    global x\n    x = 1", "global x"),
    ],
)
def test_the_ban_finds_what_it_bans(code: str, found: str) -> None:
    assert [what for _, what in impurities(ast.parse(code))] == [found]


@pytest.mark.parametrize(
    "code", ["def f(now): return now()", "clock.now()", "from datetime import timedelta", "x.time"]
)
def test_the_ban_leaves_the_rest_alone(code: str) -> None:
    assert list(impurities(ast.parse(code))) == []
