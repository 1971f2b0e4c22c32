"""`scripts/chaos`: run one experiment, print its report, exit 1 where the hypothesis did not hold."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from tests.chaos import experiment


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=experiment.__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=10.0, metavar="MINUTES")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--artifacts", type=Path, default=Path(".lab"), help="where a failure is kept (.lab)")
    parser.add_argument("--keep", action="store_true", help="keep the story also where the hypothesis held")
    options = parser.parse_args()
    print(f"chaos: seed {options.seed}, {options.minutes:g} minutes", flush=True)
    artifacts = options.artifacts / f"chaos-{options.seed}"
    report = experiment.run(options.minutes, options.seed, artifacts, options.keep)
    print(report, flush=True)
    return 0 if report.held else 1


if __name__ == "__main__":
    sys.exit(main())
