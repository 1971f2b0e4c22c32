"""What scripts/check asks about the locks: does anybody know of a vulnerability in what the package holds?

pip-audit asks the vulnerability service. It says "no known vulnerabilities" and exits with 0 where that service knows
none of the packages, too, as behind a mirror that has no advisories. So its report is read here: what was not audited
is said loudly, and a vulnerability fails. Where the service cannot be reached nothing fails: sites without internet
access build this, too.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "packaging/tools.lock")

WAIVED: Mapping[str, tuple[datetime.date, str]] = {}
"""Vulnerabilities by id that do not concern zpmd: until when that was thought through, and why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`vulnerable` fails the check. `unknown` are packages that the service did not know."""

    vulnerable: tuple[str, ...]
    unknown: tuple[str, ...]
    audited: int


def verdict(
    dependencies: Sequence[Mapping[str, Any]], waived: Mapping[str, tuple[datetime.date, str]], today: datetime.date
) -> Verdict:
    """Of the list `dependencies` of pip-audit's report: {name, version, vulns: [{id, fix_versions}]} for each that was
    audited, {name, skip_reason} for each that was not."""
    unknown = tuple(d["name"] for d in dependencies if "skip_reason" in d)
    vulnerable = tuple(
        f"{d['name']} {d['version']}: {v['id']}, mended in {', '.join(v['fix_versions']) or 'no release yet'}"
        for d in dependencies
        for v in d.get("vulns", ())
        if v["id"] not in waived or waived[v["id"]][0] < today
    )
    return Verdict(vulnerable, unknown, len(dependencies) - len(unknown))


def report(lock: str) -> list[dict[str, Any]] | str:
    """What pip-audit found, or in its words why it found out nothing."""
    command = [Path(sys.executable).with_name("pip-audit"), "--disable-pip", "--require-hashes", "--requirement", lock]
    done = subprocess.run(
        [*command, "--format", "json", "--progress-spinner", "off", "--timeout", "5"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return (done.stderr.strip().splitlines() or [f"pip-audit exited with {done.returncode}"])[-1]
    return found


def main() -> int:
    code = 0
    for lock in LOCKS:
        found = report(lock)
        if isinstance(found, str):
            print(f"NOT AUDITED: {lock}: the vulnerability service cannot be asked: {found}", file=sys.stderr)
            continue
        said = verdict(found, WAIVED, datetime.datetime.now(datetime.UTC).date())
        for line in said.vulnerable:
            print(f"VULNERABLE: {lock}: {line}", file=sys.stderr)
            code = 1
        if said.unknown:
            known = f"does not know {', '.join(said.unknown)}" if said.audited else "knows none of its packages"
            print(f"NOT AUDITED: {lock}: the vulnerability service {known}", file=sys.stderr)
        if said.audited:
            print(f"{lock}: {said.audited} packages audited")
    return code


if __name__ == "__main__":
    sys.exit(main())
