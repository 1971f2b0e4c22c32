"""Simulated health as a table: by which probe a replica is what, as moby's prober would have it."""

from __future__ import annotations

import pytest

from zpmd.engines.simulated_container import Behaviour, Box
from zpmd.model.container import Healthcheck
from zpmd.model.observed import Health

S, H, U, N = Health.STARTING, Health.HEALTHY, Health.UNHEALTHY, Health.NONE
STARTED = 100.0


def check(interval: float = 10, retries: int = 2, start_period: float = 0) -> Healthcheck:
    return Healthcheck(
        test=("CMD", "true"), interval_seconds=interval, retries=retries, start_period_seconds=start_period
    )


def box(behaviour: Behaviour, healthcheck: Healthcheck | None) -> Box:
    made = Box(id="1", name="a", image="i", image_id="x", behaviour=behaviour, created_at=0.0, healthcheck=healthcheck)
    return made.started(STARTED)


WELL, NEVER = Behaviour(), Behaviour(never_healthy=True)
TABLE = [
    ("no check", WELL, None, [(0, N), (99, N)]),
    ("switched off", WELL, Healthcheck(test=("NONE",)), [(0, N), (99, N)]),
    ("well: at the first probe", WELL, check(), [(0, S), (9.9, S), (10, H), (999, H)]),
    ("slow: at the first probe after", Behaviour(healthy_after_seconds=14), check(), [(10, S), (19, S), (20, H)]),
    ("too slow: unhealthy, then healthy", Behaviour(healthy_after_seconds=35), check(), [(19, S), (20, U), (40, H)]),
    ("never: after its retries", NEVER, check(), [(10, S), (19, S), (20, U), (999, U)]),
    ("failures before 25 s do not count", NEVER, check(start_period=25), [(30, S), (39, S), (40, U)]),
    ("a probe at the end of the period counts", NEVER, check(start_period=20), [(20, S), (29, S), (30, U)]),
    ("slow within the period", Behaviour(healthy_after_seconds=45), check(start_period=60), [(40, S), (50, H)]),
    ("the engine's defaults", NEVER, Healthcheck(test=("CMD", "x")), [(60, S), (89, S), (90, U)]),
    ("the image's own", Behaviour(healthcheck=check()), None, [(0, S), (10, H)]),
    (
        "the image's with other numbers",
        Behaviour(healthcheck=check()),
        Healthcheck(interval_seconds=3),
        [(0, S), (3, H)],
    ),
]


@pytest.mark.parametrize(
    ("behaviour", "healthcheck", "expected"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_health_follows_from_the_probes(
    behaviour: Behaviour, healthcheck: Healthcheck | None, expected: list[tuple[float, Health]]
) -> None:
    made = box(behaviour, healthcheck)
    assert [(after, made.health(STARTED + after)) for after, _ in expected] == expected


@pytest.mark.parametrize(
    ("behaviour", "healthcheck", "expected"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_a_walk_from_change_to_change_misses_no_change_of_health(
    behaviour: Behaviour, healthcheck: Healthcheck | None, expected: list[tuple[float, Health]]
) -> None:
    made = box(behaviour, healthcheck)
    told: dict[float, Health] = {}
    at: float | None = STARTED
    while at is not None:
        told[at] = made.health(at)
        at = made.changes_after(at)
    for second in range(1000):
        last = max(instant for instant in told if instant <= STARTED + second)
        assert made.health(STARTED + second) is told[last], second


def test_sick_from_an_instant_it_is_unhealthy_after_its_retries_and_healthy_when_healed() -> None:
    made = box(WELL, check())
    sick = made.sickened(STARTED + 34)
    assert [sick.health(STARTED + after) for after in (39, 40, 49, 50, 99)] == [H, H, H, U, U]
    assert sick.changes_after(STARTED + 34) == STARTED + 50
    assert sick.sickened(None).health(STARTED + 99) is H
    assert sick.ended(STARTED + 60, 1).started(STARTED + 61).health(STARTED + 71) is H


def test_never_started_it_has_no_health_and_ended_it_is_unhealthy() -> None:
    made = Box(id="1", name="a", image="i", image_id="x", behaviour=WELL, created_at=0.0, healthcheck=check())
    assert made.health(50.0) is N
    assert made.started(STARTED).ended(STARTED + 15, 0).health(STARTED + 20) is U
