"""What it costs to know when a job is due next, and to tell all dues of a year.

    .venv/bin/python -m benchmarks.schedules [--rounds 50] [--json FILE]

Of this process's CPU time, so that a busy machine does not count. A thousand calls make one measurement of the next
due, asked for in March 2096, so that 29 February is eight years away.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks import measure
from tests.unit.planning.dues import instant, timetable
from zpmd.planning.schedules import due_after
from zpmd.sources.cron import cron
from zpmd.sources.zones import zone

CALLS = 1_000
SCHEDULES = ("every 15m", "* * * * *", "*/15 8-18 * * mon-fri", "0 3 * * *", "0 0 1 1 *", "0 0 29 2 *")
BERLIN = "Europe/Berlin"


def main() -> None:
    options = measure.arguments(__doc__ or "", rounds=50)
    asked = {text: _next(text) for text in SCHEDULES}
    series = {text: measure.Series(text) for text in ("an expression is read", *asked)}
    asked["an expression is read"] = lambda: cron("*/15 8-18 1,15 jan-jun *")
    for text in measure.rotated(list(asked), options.rounds):
        series[text].values.append(_taken(asked[text], CALLS))
    measure.report(f"{CALLS} times the next due, in {BERLIN}", list(series.values()), options)

    years = [measure.Series("* * * * *: 525,600 dues"), measure.Series("0 3 * * *: 365 dues")]
    for _ in range(max(1, options.rounds // 10)):
        for text, one in zip(("* * * * *", "0 3 * * *"), years, strict=True):
            one.values.append(_taken(_year(text), 1))
    measure.report(f"a year of dues, in {BERLIN}", years, options)


def _next(text: str) -> Callable[[], object]:
    table, berlin, after = timetable(text, zone=BERLIN), zone(BERLIN), instant("2096-03-02 05:03")
    return lambda: next(due_after(table, berlin, after))


def _year(text: str) -> Callable[[], object]:
    table, berlin, after = timetable(text, zone=BERLIN), zone(BERLIN), instant("2026-01-01 00:00")
    return lambda: sum(1 for _ in due_after(table, berlin, after, after + 365 * 86_400))


def _taken(what: Callable[[], object], calls: int) -> float:
    began = time.process_time()
    for _ in range(calls):
        what()
    return time.process_time() - began


if __name__ == "__main__":
    main()
