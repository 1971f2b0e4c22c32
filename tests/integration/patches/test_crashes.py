"""kill -9 at every stage of a patch: after a restart it ends once, as it would have ended, and nothing moves twice.

All scenarios are of one appliance, one patch after the other, as on a host: each begins where the last one has ended.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import FAILED
from tests.integration.conftest import keep
from tests.integration.daemon import Daemon
from tests.integration.patches import crashing
from tests.integration.patches.drops import appliance, images, row
from tests.lab.engine import LabEngine

WELL = {"user": "appliance/service:1.0", "siem": "appliance/service:1.0"}
SICK = WELL | {"siem": "appliance/sick:1.0"}
UNKNOWN = {"usr": "appliance/service:1.0"}


@dataclass(slots=True)
class Kind:
    """A sort of patch: what it is made of, how it ends, and how many containers that takes."""

    made_of: dict[str, str]
    end: str
    made: dict[str, int]


HEALTHY = Kind(WELL, "applied", {"user": 1, "siem": 1})
FAILING = Kind(SICK, "rolled-back", {"user": 2, "siem": 2})
REFUSED = Kind(UNKNOWN, "quarantined", {})


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
    standing.daemon.close()
    standing.daemon.start()


BEFORE_IT_MOVES = ("seen", "copied", "verified", "loaded", "switched")
FILING = ("before move", "after move", "after result", "before filed", "after filed")
MOMENTS = [
    *((HEALTHY, f"{when} {stage}") for stage in BEFORE_IT_MOVES for when in ("before", "after")),
    *((HEALTHY, moment) for moment in ("after piece", "before rolling", "after rolling", "before rolling 2")),
    *((HEALTHY, moment) for moment in ("after rolling 2", "before applied", "after applied", *FILING)),
    *((FAILING, f"{when} rolling-back{n}") for n in ("", " 2", " 3") for when in ("before", "after")),
    *((FAILING, moment) for moment in ("before rolled-back", "after rolled-back", *FILING)),
    *((REFUSED, moment) for moment in ("before quarantined", "after quarantined", *FILING)),
]


@pytest.mark.parametrize(("kind", "moment"), MOMENTS, ids=[f"{kind.end}: {moment}" for kind, moment in MOMENTS])
def test_a_crash_ends_in_one_end(site: Site, kind: Kind, moment: str) -> None:
    daemon = site.daemon
    others = crashing.lifetimes(daemon, "db", "mail")
    id, after = site.dropped(kind)
    with crashing.witness(daemon) as seen:
        crashing.dies(daemon, moment)
        stage = row(daemon, id).get("stage", "")
        assert (stage == moment.split()[1]) is (moment.startswith("after") and stage != "") or "rolling" in moment
        daemon.start()
        crashing.has_one_end(daemon, id, kind.end)
        crashing.runs(daemon, after)
    assert seen.made == kind.made
    assert crashing.lifetimes(daemon, "db", "mail") == others


@pytest.mark.parametrize("moment", ["after write", "before write 2"])
@pytest.mark.parametrize("kind", [HEALTHY, FAILING, REFUSED], ids=lambda kind: kind.end)
def test_lives_that_end_at_every_write_come_to_one_end(site: Site, kind: Kind, moment: str) -> None:
    daemon = site.daemon
    others = crashing.lifetimes(daemon, "db", "mail")
    id, after = site.dropped(kind)
    with crashing.witness(daemon) as seen:
        assert crashing.lives(daemon, id, moment) > 3
        daemon.start()
        crashing.has_one_end(daemon, id, kind.end)
        crashing.runs(daemon, after)
    assert seen.made == kind.made
    assert crashing.lifetimes(daemon, "db", "mail") == others
