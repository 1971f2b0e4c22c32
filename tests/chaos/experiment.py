"""One chaos experiment on a real engine, from a cold start to the calm after the storm, and what came of it.

Hypothesis: whatever happens to zpmd, the engine, the wire and the replicas, no slot ever holds two live containers, no
stranger is touched, and no container is restarted or removed that no fault has hit; and once the faults stop, the
appliance is as declared within CONVERGED_SECONDS and is then left alone for QUIET_SECONDS.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.appliance import FIRST, LAST, SERVICES, TO_AND_FRO
from tests.chaos.ledger import Kind, Ledger
from tests.chaos.observer import Observer
from tests.chaos.storm import Stage, Storm
from tests.chaos.wire import Wire
from tests.integration.daemon import Daemon
from tests.lab.engine import LabEngine
from tests.lab.eventually import NotInTime, eventually

COLD_START_SECONDS = 120.0
CONVERGED_SECONDS = 120.0
"""Generous, because the machine may be busy; what it really took is in the report."""
QUIET_SECONDS = 10
ENGINE_TIMEOUT_SECONDS = 10


@dataclass(slots=True)
class Report:
    """What came of it. `violations` are of zpmd, `broken` is what else went wrong; both empty: it held."""

    seed: int
    minutes: float
    faults: Counter[Kind] = field(default_factory=Counter)
    rounds: int = 0
    away: int = 0
    checks: Counter[str] = field(default_factory=Counter)
    explained: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    converged_seconds: float | None = None
    artifacts: Path | None = None

    @property
    def live(self) -> float:
        """How many slots had a live container, on the average: low, where zpmd hardly got to act."""
        return self.checks["one live container a slot"] / max(1, self.rounds)

    @property
    def held(self) -> bool:
        return not self.violations and not self.broken

    def __str__(self) -> str:
        converged = (
            "never" if self.converged_seconds is None else f"{self.converged_seconds:.1f} s after the last fault"
        )
        unexplained = sum(" was gone" in v or " was started again" in v for v in self.violations)
        lines = [
            f"chaos: seed {self.seed}, {self.minutes:g} minutes, {self.faults.total()} faults",
            *(f"  {self.faults[kind]:5}  {kind}" for kind in Kind),
            f"observed {self.rounds} times ({self.away} more while the engine was away), {self.checks.total()} checks",
            *(f"  {count:5}  {what}" for what, count in sorted(self.checks.items())),
            f"{self.live:.1f} of {sum(s.replicas for s in SERVICES)} slots live on the average",
            f"restarts and removals of our containers: {self.explained.total()} explained, {unexplained} unexplained",
            *(f"  {count:5}  {what}" for what, count in sorted(self.explained.items())),
            f"as declared again: {converged}",
            f"violations: {len(self.violations)}",
            *(f"  {violation}" for violation in self.violations),
            *(f"broken: {what}" for what in self.broken),
        ]
        if self.artifacts:
            lines.append(f"story, logs and containers: {self.artifacts}")
        return "\n".join(lines)


def run(minutes: float, seed: int, artifacts: Path, keep: bool = False) -> Report:
    """The whole experiment, on an engine of its own. `artifacts` is written where it did not hold, or with `keep`."""
    report = Report(seed=seed, minutes=minutes)
    folder = Path(tempfile.mkdtemp(prefix="zpmd-chaos-"))
    engine = LabEngine()
    ledger = Ledger(folder / "story.txt")
    wire = Wire(folder / "wire.sock", Path(engine.url.removeprefix("unix://")), ledger, f"{seed} wire")
    observer = Observer(engine.url, ledger)
    settings = {"engine": {"url": wire.url, "timeout_seconds": ENGINE_TIMEOUT_SECONDS}}
    daemon = Daemon(engine, folder / "zpmd", settings, installed=True)
    stage = Stage(engine, daemon, wire, observer, ledger, {s.name: FIRST for s in SERVICES})
    try:
        engine.start()
        engine.load_images()
        _experiment(stage, report, minutes, seed)
        report.broken += ledger.broken
    except Exception as error:
        report.broken += [*ledger.broken, f"{type(error).__name__}: {error}"]
    finally:
        daemon.close()
        wire.close()
        ledger.close()
        if keep or not report.held:
            _keep(stage, folder, artifacts)
            report.artifacts = artifacts
        observer.close()
        engine.close()
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _experiment(stage: Stage, report: Report, minutes: float, seed: int) -> None:
    observer, ledger = stage.observer, stage.ledger
    for service in SERVICES:
        stage.daemon.file(f"{service.name}.yaml", service.text(FIRST))
    stage.daemon.start(wait=False)
    _as_declared(stage, COLD_START_SECONDS)
    observer.adopt_owner()
    ledger.tell("the appliance is up; the storm begins")
    over = threading.Event()
    watching = threading.Thread(target=observer.watch, args=(over,), name="observer")
    watching.start()
    storm = Storm(stage, seed)
    try:
        storm.rage(minutes * 60)
        storm.end()
        _calm(stage, report)
    finally:
        storm.end()
        over.set()
        watching.join(30)
        report.faults = ledger.counts()
        report.rounds, report.away = observer.rounds, observer.away
        report.checks, report.explained = observer.checks, observer.explained
        report.violations += observer.violations


def _calm(stage: Stage, report: Report) -> None:
    """After the storm: one last edition of what was changed, and then nothing but zpmd."""
    for service in TO_AND_FRO:
        stage.change(service, LAST)
    stage.ledger.tell("the storm is over")
    began = time.monotonic()
    try:
        _as_declared(stage, CONVERGED_SECONDS)
    except NotInTime as error:
        report.violations.append(f"not as declared after the storm: {error}")
        return
    report.converged_seconds = time.monotonic() - began
    eventually(lambda: stage.daemon.status()["state"] == "converged", 60, "a zpmd that says it has converged", 0.5)
    since = math.ceil(time.time())
    until = since + QUIET_SECONDS
    commotion, events = stage.observer.commotion(since, until)  # the engine answers when `until` has come
    report.checks["events in the calm"] += events
    if not events:
        report.broken.append("the engine told of no event at all in the calm, not even of health checks")
    report.violations += [f"not quiet after the storm: {event}" for event in commotion]


def _as_declared(stage: Stage, seconds: float) -> None:
    def there() -> bool:
        missing = stage.observer.missing(stage.editions)
        assert not missing, missing
        return True

    eventually(there, seconds, "an appliance as declared", 0.5)


def _keep(stage: Stage, folder: Path, artifacts: Path) -> None:
    artifacts.mkdir(parents=True, exist_ok=True)
    stage.engine.keep_artifacts(artifacts)
    for path in (folder / "story.txt", stage.daemon.folder / "zpmd.log"):
        if path.exists():
            shutil.copy(path, artifacts)
    shutil.copytree(stage.daemon.folder / "state", artifacts / "state", dirs_exist_ok=True)
