"""`scripts/churn`: run one experiment, print its samples as they come and its report, exit 1 where it is not flat."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from pathlib import Path

from tests.churn import experiment
from tests.churn.sampling import Sample, told


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/churn", description=experiment.__doc__)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--every", type=float, default=10.0, metavar="SECONDS", help="between two samples")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures and every sample there")
    parser.add_argument("--objects", type=Path, metavar="FILE", help="have zpmd count its objects into it, by kind")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that an engine that was started is ended as well
    print(f"churn: seed {options.seed}, {options.minutes:g} minutes", flush=True)
    report = experiment.run(options.minutes, options.seed, options.every, tell, options.objects)
    if options.json:
        experiment.kept(report, options.json)
    print(report, flush=True)
    return 0 if report.flat else 1


def tell(sample: Sample) -> None:
    print(f"{time.strftime('%H:%M:%S', time.gmtime(sample.at))} {told(sample)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
