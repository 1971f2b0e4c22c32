"""Finds what may not be in nouns and decisions, by the syntax tree: what an import contract does not see."""

from __future__ import annotations

import ast
from collections.abc import Iterator

CALLS = frozenset({"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint", "id", "hash"})
"""Built-ins that do I/O, or whose answer differs from one run to the next."""

CLOCKS = frozenset({"now", "utcnow", "today", "time", "monotonic", "perf_counter", "localtime", "gmtime"})
"""Attributes that read a clock when they are called on one of `CLOCK_OWNERS`."""

CLOCK_OWNERS = frozenset({"datetime", "date", "time", "dt"})

MODULES = frozenset(
    {"time", "random", "secrets", "uuid", "os", "sys", "io", "socket", "subprocess", "threading", "asyncio", "logging"}
    | {"pathlib", "tempfile", "shutil", "sqlite3", "urllib", "http", "locale", "platform", "signal", "queue", "ctypes"}
)


def impurities(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Pairs of line and what stands there."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, f"import {n.name}") for n in names if n.name.split(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module), level=0) if module.split(".")[0] in MODULES:
                yield node.lineno, f"from {module} import"
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                yield node.lineno, f"{name}()"
            case ast.Call(func=ast.Attribute(attr=attribute, value=owner)) if attribute in CLOCKS:
                if ast.unparse(owner).split(".")[-1] in CLOCK_OWNERS:
                    yield node.lineno, f"{ast.unparse(owner)}.{attribute}()"
            case ast.Global(names=names):
                yield node.lineno, f"global {', '.join(names)}"
