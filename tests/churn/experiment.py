"""Hours of churn on a real engine: does zpmd hold as much after the second one as before it?

One zpmd, never restarted, under everything that people, programs and misfortune do to an appliance (the storm of
tests/chaos, without its deaths of zpmd and with longer pauses between the failures of the engine; and crowd.py). What
its process holds is sampled all the time; the verdict is on the second half (verdict.py).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import machine
from tests.chaos.appliance import FIRST, SERVICES
from tests.chaos.ledger import Kind, Ledger
from tests.chaos.observer import Observer
from tests.chaos.storm import Stage, Storm, Weather
from tests.chaos.wire import Wire
from tests.churn import counted
from tests.churn.crowd import TEMPLATE, Crowd, local, write_rows
from tests.churn.sampling import Sample, sample, told
from tests.churn.verdict import HEAD, Finding, findings
from tests.integration.daemon import CHECKOUT, Daemon
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually, settled
from tests.lab.mongod import free_port

COLD_START_SECONDS = 180.0
CONVERGED_SECONDS = 300.0
REST_SECONDS = 20.0
LOOK_SECONDS = 3.0
"""Between two looks at what runs, of those who choose a victim."""
WEATHER = Weather(kills_zpmd=False, engine_seconds=(180.0, 420.0), wire_seconds=(20.0, 60.0))
ENVIRONMENT = "Environment="
JOURNAL_ENTRIES = 2000
"""So few that the journal is at its bound before the second half of an hour."""
SETTINGS: dict[str, Any] = {
    "journal_entries": JOURNAL_ENTRIES,
    "port_cooldown_seconds": 60.0,
    "resync_seconds": 10.0,
}


@dataclass(slots=True)
class Report:
    """What came of it. `broken` is what kept the experiment from being one; empty, and all findings flat: it held."""

    seed: int
    minutes: float
    samples: list[Sample] = field(default_factory=list)
    rest: list[Sample] = field(default_factory=list)
    """Before the churn and after it, with nothing that is to be done and nobody there who asks."""
    faults: Counter[Kind] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    passes: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return findings(self.samples)

    @property
    def flat(self) -> bool:
        found = self.findings
        return bool(found) and not self.broken and all(one.flat for one in found)

    def __str__(self) -> str:
        found = self.findings
        return "\n".join(
            [
                f"churn: seed {self.seed}, {self.minutes:g} minutes, {self.passes} passes, {len(self.samples)} samples",
                *(f"  {count:6}  {kind}" for kind, count in sorted(self.faults.items())),
                *(f"  {count:6}  {what}" for what, count in sorted(self.done.items())),
                *(f"at rest {when}: {told(one)}" for when, one in zip(("before", "after "), self.rest, strict=False)),
                HEAD,
                *(one.row() for one in found),
                *(f"broken: {what}" for what in self.broken),
                *([] if found else ["too few samples for a verdict"]),
                f"verdict: {'flat' if self.flat else 'NOT FLAT'}",
            ]
        )

    def document(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "minutes": self.minutes,
            "passes": self.passes,
            "flat": self.flat,
            "machine": dict(machine()),
            "findings": [one.document() for one in self.findings],
            "faults": {str(kind): count for kind, count in sorted(self.faults.items())},
            "done": dict(sorted(self.done.items())),
            "broken": self.broken,
            "rest": [one.document() for one in self.rest],
            "samples": [one.document() for one in self.samples],
        }


def run(
    minutes: float,
    seed: int,
    every_seconds: float = 10.0,
    each: Callable[[Sample], None] = lambda _: None,
    objects: Path | None = None,
    rest_seconds: float = REST_SECONDS,
) -> Report:
    """The whole experiment, on an engine of its own. `each` hears of every sample as it is taken; zpmd counts its
    objects into the file `objects`, if any (counted.py). It is at rest when nothing has moved for `rest_seconds`."""
    report = Report(seed=seed, minutes=minutes)
    folder = Path(tempfile.mkdtemp(prefix="zpmd-churn-"))
    engine, ledger = LabEngine(), Ledger(folder / "story.txt")
    wire = Wire(folder / "wire.sock", Path(engine.url.removeprefix("unix://")), ledger, f"{seed} wire")
    observer = Observer(engine.url, ledger)
    tcp = f"127.0.0.1:{free_port()}"
    daemon = Daemon(
        engine, folder / "zpmd", {**SETTINGS, "engine": {"url": wire.url}, "api": {"listen": tcp}}, installed=True
    )
    daemon.environment = as_the_unit_has_it()
    if objects is not None:
        daemon.under = (sys.executable, "-m", "tests.churn.counted")
        daemon.environment[counted.WHERE] = str(objects.resolve())
    stage = Stage(engine, daemon, wire, observer, ledger, {s.name: FIRST for s in SERVICES})
    try:
        engine.start()
        engine.load_images()
        _churn(stage, Crowd(stage, tcp, report.done), report, every_seconds, each, rest_seconds)
        report.broken += ledger.broken
    except Exception as error:
        report.broken += [*ledger.broken, f"{type(error).__name__}: {error}", *_what_is_left(daemon)]
    finally:
        report.faults = ledger.counts()
        daemon.close()
        wire.close()
        ledger.close()
        observer.close()
        engine.close()
        if report.broken:
            report.broken.append(f"log of zpmd, its end: {daemon.log[-2000:]}")
        shutil.rmtree(folder, ignore_errors=True)
    return report


def as_the_unit_has_it() -> dict[str, str]:
    """The variables that systemd gives it: how the C library keeps its memory is one of them."""
    lines = (CHECKOUT / "systemd" / "zpmd.service").read_text().splitlines()
    given = (line.removeprefix(ENVIRONMENT).split("=", 1) for line in lines if line.startswith(ENVIRONMENT))
    return dict(given)


def _churn(
    stage: Stage,
    crowd: Crowd,
    report: Report,
    every_seconds: float,
    each: Callable[[Sample], None],
    rest_seconds: float,
) -> None:
    daemon = stage.daemon
    for service in SERVICES:
        daemon.file(f"{service.name}.yaml", service.text(FIRST))
    daemon.file("integrations.yaml", TEMPLATE)
    write_rows(daemon, [0, 1])
    daemon.start()
    daemon.converged(COLD_START_SECONDS)
    report.rest.append(_at_rest(daemon, rest_seconds))
    stage.observer.adopt_owner()
    over = threading.Event()
    looking = threading.Thread(target=_look, args=(stage.observer, over), name="looking")
    looking.start()
    storm = Storm(stage, report.seed, WEATHER, crowd.actors())
    raging = threading.Thread(target=storm.rage, args=(report.minutes * 60,), name="storm")
    try:
        raging.start()
        _sample(stage, report, raging, every_seconds, each)
    finally:
        storm.end()
        raging.join()
        over.set()
        looking.join(30)
    _put_right(daemon)
    report.rest.append(_at_rest(daemon, rest_seconds))
    report.passes = daemon.status()["number"]


def _put_right(daemon: Daemon) -> None:
    """Until nothing more is to be done. What zpmd leaves to people ends by nobody else's doing: a removal of many is
    approved, and what the storm has spoiled of a rollout or a patch stays taken back, which is told as trouble."""

    def rests() -> bool:
        approved = api.post("/v1/approve")
        at_rest = daemon.status()["state"] in ("converged", "troubled") and not daemon.ask("/v1/plan")["would_change"]
        return at_rest and not approved.is_success

    with local(daemon) as api:
        eventually(rests, CONVERGED_SECONDS, "an appliance of which nothing is to be done", 1.0)


def _what_is_left(daemon: Daemon) -> list[str]:
    """How zpmd has ended, if it has; else what it is still waiting for."""
    if daemon.process is None:
        return []
    code = daemon.process.poll()
    if code is not None:
        return [f"zpmd has ended with {code}" + (f" ({signal.Signals(-code).name})" if code < 0 else "")]
    with contextlib.suppress(Exception):
        told = daemon.status()
        unwell = {key: told[key] for key in ("state", "troubled", "degraded", "held_removals", "patches")}
        return [f"zpmd says {unwell}", f"zpmd waits for {daemon.ask('/v1/plan')}"]
    return ["zpmd does not answer"]


def _at_rest(daemon: Daemon, seconds: float) -> Sample:
    """Once nobody asks any more, as soon as it has held the same number of descriptors and threads for a while."""

    def held() -> tuple[int, int]:
        now = _now(daemon)
        return now.descriptors, now.threads

    settled(held, seconds, CONVERGED_SECONDS, "a zpmd that holds what it holds")
    return _now(daemon)


def _now(daemon: Daemon) -> Sample:
    assert daemon.process is not None
    return sample(daemon.process.pid, daemon.folder / "state" / "zpmd.db")


def _sample(
    stage: Stage, report: Report, raging: threading.Thread, every_seconds: float, each: Callable[[Sample], None]
) -> None:
    """Until the storm is over: at every multiple of the interval, however long a sample takes."""
    due = time.monotonic()
    while raging.is_alive():
        report.samples.append(_now(stage.daemon))
        each(report.samples[-1])
        due += every_seconds
        raging.join(max(0.0, due - time.monotonic()))


def _look(observer: Observer, over: threading.Event) -> None:
    """For those who choose a victim. What the observer thinks of it is chaos's business: here operators scale and
    patch, of which it knows nothing."""
    while not over.wait(LOOK_SECONDS):
        observer.look()


def kept(report: Report, path: Path) -> None:
    """Write the figures and every sample as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report.document(), indent=1) + "\n")
