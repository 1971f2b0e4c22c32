"""`scripts/fuzz`: one target after the other under atheris, each in a process of its own; exit 1 where one was crashed.

Limits for one input: CPU_SECONDS of the processor, measured in one.py, because a wall clock blames a busy machine
(libFuzzer's own wall-clock limit stands behind it for what never ends); and RSS_MB for the whole process: interpreter,
libraries and instrumentation included, which is harder than the same limit for the input alone.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.seeds import CHECKOUT, SEEDS, TOKENS
from tests.fuzz.targets import TARGETS

RSS_MB = 256
HANG_SECONDS = 20
LONGEST_INPUT = 65_536
_EXECUTIONS = re.compile(r"stat::number_of_executed_units: +(\d+)")
_CORPUS = re.compile(r"corp: (\d+)/")
_PEAK = re.compile(r"stat::peak_rss_mb: +(\d+)")


@dataclass(frozen=True, slots=True)
class Told:
    """What one target's process told of itself."""

    target: str
    executions: int
    corpus: int
    peak_mb: int
    crash: str

    def __str__(self) -> str:
        ending = self.crash or "no crash"
        return f"{self.target:17} {self.executions:>9} inputs  corpus {self.corpus:>5}  {self.peak_mb:>4} MB  {ending}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=float(2 * len(TARGETS)), metavar="MINUTES")
    parser.add_argument("--target", choices=sorted(TARGETS), action="append", help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=0, help="libFuzzer's; 0 is chance")
    parser.add_argument(
        "--findings", type=Path, default=CHECKOUT / ".lab" / "fuzz", help="where crashing inputs are kept"
    )
    options = parser.parse_args()
    targets = options.target or list(TARGETS)
    seconds = max(1, round(options.minutes * 60 / len(targets)))
    options.findings.mkdir(parents=True, exist_ok=True)
    crashed = False
    for target in targets:
        told = fuzz(target, seconds, options.seed, options.findings)
        print(told, flush=True)
        crashed = crashed or bool(told.crash)
    return 1 if crashed else 0


def fuzz(target: str, seconds: int, seed: int, findings: Path) -> Told:
    """Run one target for so long, from its seeds and what earlier runs on this checkout have found worth keeping."""
    corpus = findings / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="zpmd-fuzz-") as seeds:
        for content in SEEDS[target]():
            (Path(seeds) / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
        command = [
            *(sys.executable, "-m", "tests.fuzz.one", target, str(corpus), seeds),
            *(f"-max_total_time={seconds}", f"-timeout={HANG_SECONDS}", f"-rss_limit_mb={RSS_MB}", f"-seed={seed}"),
            *(f"-dict={TOKENS}", f"-max_len={LONGEST_INPUT}"),
            *("-print_final_stats=1", f"-artifact_prefix={findings}/{target}-"),
        ]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, errors="replace", check=False)
    return Told(
        target=target,
        executions=_last(_EXECUTIONS, done.stderr),
        corpus=_last(_CORPUS, done.stderr),
        peak_mb=_last(_PEAK, done.stderr),
        crash=_crash(done, findings / f"{target}.log") if done.returncode else "",
    )


def _crash(done: subprocess.CompletedProcess[str], log: Path) -> str:
    log.write_text(done.stdout + done.stderr)
    told = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    errors = [
        line for line in told if re.match(r"([\w.]+(Error|Exception|Warning)|TooSlow)\b|.*ERROR: libFuzzer", line)
    ]
    return f"CRASH {errors[0] if errors else f'exit {done.returncode}'}; see {log}"


def _last(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.findall(text)
    return int(found[-1]) if found else 0


if __name__ == "__main__":
    sys.exit(main())
