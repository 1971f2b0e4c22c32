"""kill -9 at every stage of a patch: after a restart it ends once, as it would have ended, and nothing moves twice.

All scenarios are of one appliance, one patch after the other, as on a host: each begins where the last one has ended.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import FAILED
from tests.integration.conftest import keep
from tests.integration.daemon import Daemon
from tests.integration.patches import crashing
from tests.integration.patches.drops import appliance, images
from tests.lab.engine import LabEngine

GOOD, SICK = "appliance/service:1.0", "appliance/sick:1.0"


@dataclass(slots=True)
class Kind:
    """A sort of patch: what it is made of, how it ends, and how many containers that takes."""

    made_of: dict[str, str]
    end: str
    made: dict[str, int]


HEALTHY = Kind({"user": GOOD, "siem": GOOD}, "applied", {"user": 1, "siem": 1})
FAILING = Kind({"user": GOOD, "siem": SICK}, "rolled-back", {"user": 2, "siem": 2})
SMALL = Kind({"user": GOOD}, "applied", {"user": 1})
SMALL_FAILING = Kind({"siem": SICK}, "rolled-back", {"siem": 2})
REFUSED = Kind({"usr": GOOD}, "quarantined", {})


@dataclass(slots=True)
class Site:
    """A running appliance whose zpmd was killed, and a file that is dropped before the next one starts."""

    daemon: Daemon
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    def dropped(self, kind: Kind) -> tuple[str, dict[str, list[str]]]:
        """The id of a new patch, and what every service is to run in the end."""
        number = next(self.numbers)
        id, after = f"hotfix-{number}", images(self.daemon)
        path, references = crashing.bundle(self.daemon, id, kind.made_of, f"1.{number}")
        if kind.end == "applied":
            after |= {service: [reference] for service, reference in references.items()}
        crashing.drop(self.daemon, path)
        return id, after


@pytest.fixture(scope="module")
def standing(lab_engine: LabEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    lab_engine.cleanup()
    daemon = Daemon(lab_engine, tmp_path_factory.mktemp("crashes") / "zpmd")
    try:
        appliance(daemon)
        yield Site(daemon)
    finally:
        daemon.close()
        lab_engine.cleanup()


@pytest.fixture
def site(standing: Site, artifacts: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    standing.daemon.converged()
    standing.daemon.kill()
    yield standing
    if request.node.stash.get(FAILED, False):
        keep(standing.daemon, artifacts)
        standing.daemon.engine.keep_artifacts(artifacts)
    process = standing.daemon.process
    if process is None or process.poll() is not None:
        standing.daemon.start()


MOMENTS = [
    *((SMALL, f"after {stage}") for stage in ("seen", "piece", "copied", "verified", "loaded", "switched", "rolling")),
    *((SMALL, f"after {what}") for what in ("applied", "move", "result")),
    *((SMALL_FAILING, f"after {what}") for what in ("rolling-back", "rolled-back", "result")),
    *((REFUSED, f"after {what}") for what in ("quarantined", "move")),
]


@pytest.mark.parametrize(("kind", "moment"), MOMENTS, ids=[f"{kind.end}: {moment}" for kind, moment in MOMENTS])
def test_after_a_crash_a_patch_goes_on_to_its_one_end(site: Site, kind: Kind, moment: str) -> None:
    with moved_once(site, kind) as id:
        crashing.dies(site.daemon, moment)
        site.daemon.start()
        crashing.has_one_end(site.daemon, id, kind.end)


LADDERS = [
    (HEALTHY, "before write 2"),
    (FAILING, "after write"),
    (FAILING, "before write 2"),
    (REFUSED, "before write 2"),
]


@pytest.mark.parametrize(("kind", "moment"), LADDERS, ids=[f"{kind.end}: {moment}" for kind, moment in LADDERS])
def test_a_zpmd_that_dies_at_every_write_of_the_ledger_comes_to_the_same_end(
    site: Site, kind: Kind, moment: str
) -> None:
    """Right after each, or with all that follows from it done, right before the next."""
    with moved_once(site, kind) as id:
        assert crashing.lives(site.daemon, id, moment) > len(kind.made_of)
        site.daemon.start()
        crashing.has_one_end(site.daemon, id, kind.end)


@contextlib.contextmanager
def moved_once(site: Site, kind: Kind) -> Iterator[str]:
    """Drop a patch of this kind; in the end every service runs what it is to run, nothing was made twice, and no
    container of the others was touched."""
    daemon = site.daemon
    others = crashing.lifetimes(daemon, *({"db", "user", "siem", "mail"} - {*kind.made_of}))
    id, after = site.dropped(kind)
    with crashing.witness(daemon) as seen:
        yield id
        crashing.runs(daemon, after)
    assert seen.made == kind.made
    assert crashing.lifetimes(daemon, *({"db", "user", "siem", "mail"} - {*kind.made_of})) == others
