"""The order in which a whole run comes to the files of tests. xdist hands them out one by one, as workers get free.

Tests on engines wait for much of their time: a sweep beside them, whose processes are nice
(tests/properties/processes.py), takes what they leave. So the sweeps are spread among them. What is short comes last,
for the workers to end together.
"""

from __future__ import annotations

from collections.abc import Iterable

SWEEPS = tuple(f"tests/properties/test_{name}.py" for name in ("crash_sweep", "seeds", "exhaustive"))
WAITING = tuple(f"tests/{folder}/" for folder in ("browser", "chaos", "contracts", "integration", "lab"))


def ordered(files: Iterable[str]) -> list[str]:
    """The same files, by their paths in the checkout: each sweep before its share of those that wait, then the rest."""
    rest = sorted(set(files))
    sweeps = [file for file in SWEEPS if file in rest]
    waiting = [file for file in rest if file.startswith(WAITING)]
    share = -(-len(waiting) // len(sweeps)) if sweeps else 0
    found: list[str] = []
    for number, sweep in enumerate(sweeps):
        found += [sweep, *waiting[number * share : (number + 1) * share]]
    return list(dict.fromkeys([*found, *waiting, *rest]))
