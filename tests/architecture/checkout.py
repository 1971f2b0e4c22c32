"""What the checkout holds, as the architecture tests see it: its files, modules and their syntax trees."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Module:
    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @property
    def docstring(self) -> str:
        return ast.get_docstring(self.tree) or ""


def modules(folder: str) -> list[Module]:
    """Every Python module below a folder of the checkout, in order of name."""
    found = [Module(path) for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found, f"no module below {folder}: the test would hold for nothing"
    return found


def is_script(path: Path) -> bool:
    """Whether people run it: a file with a first line that says by what."""
    return path.is_file() and path.read_bytes().startswith(b"#!")
