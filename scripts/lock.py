"""What scripts/lock --check does: hold the locks to what they were made from, without asking any registry.

A pin that setup.cfg asks for is marked by pip-compile with "via zpmd (setup.cfg)". So it can be told that a requirement
was added, dropped, or made stricter since the lock was made.
"""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parents[1]
ENTRY = re.compile(r"^([\w.-]+)==(\S+) \\\n((?:    .*\n?)+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pin:
    """One entry of a lock. `asked` is whether the file that the lock is made from names it."""

    version: str
    hashed: bool
    asked: bool


def pins(lock: str, source: str) -> dict[str, Pin]:
    """The entries of a lock by canonical name. `source`: the file that it was made from."""
    return {
        canonicalize_name(name): Pin(version, "--hash=sha256:" in rest, f"{source})" in rest or f"-r {source}" in rest)
        for name, version, rest in ENTRY.findall(lock)
    }


def disagreements(asked: list[Requirement], held: dict[str, Pin], source: str, lock: str) -> Iterator[str]:
    for requirement in asked:
        pin = held.get(canonicalize_name(requirement.name))
        if pin is None or not pin.asked:
            yield f"{lock} has no {requirement.name}, which {source} asks for"
        elif not requirement.specifier.contains(pin.version, prereleases=True):
            yield f"{lock} has {requirement.name} {pin.version}, and {source} asks for {requirement}"
    names = {canonicalize_name(requirement.name) for requirement in asked}
    for name, pin in held.items():
        if pin.asked and name not in names:
            yield f"{lock} has {name}, for which {source} no longer asks"
        if not pin.hashed:
            yield f"{lock} has no hash for {name}"


def requirements(lines: str) -> list[Requirement]:
    return [Requirement(line) for line in lines.splitlines() if line.strip() and not line.startswith("#")]


def problems(checkout: Path) -> list[str]:
    """Sentences, empty when the locks are what they should be."""
    metadata = configparser.ConfigParser()
    metadata.read_string((checkout / "setup.cfg").read_text())
    found: list[str] = []
    for source, lock, asked in (
        ("setup.cfg", "requirements.lock", metadata["options"]["install_requires"]),
        ("packaging/tools.in", "packaging/tools.lock", (checkout / "packaging/tools.in").read_text()),
    ):
        text = (checkout / lock).read_text()
        found += disagreements(requirements(asked), pins(text, source), source, lock)
        found += [f"{lock} names a host: {line.strip()}" for line in text.splitlines() if "://" in line]
    return found


def main() -> int:
    found = problems(CHECKOUT)
    for problem in found:
        print(problem, file=sys.stderr)
    if found:
        print("scripts/lock makes them anew", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
