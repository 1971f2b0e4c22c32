"""The log of a simulated site: quiet while nothing changes, and a handful of lines however long something is wrong.

What is counted is what journald would get at the default level, from the real loop in virtual time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from loguru import logger

from zpmd.messages import Message
from zpmd.model.service import Desired
from zpmd.simulation import appliances, moves
from zpmd.simulation.session import site_named
from zpmd.simulation.site import Site

HOUR, DAY = 3600.0, 86400.0
NAMES = {message.id: message for message in Message}


@dataclass(frozen=True)
class Line:
    at: float
    level: str
    text: str
    name: Message | None
    bound: dict[str, str]


@contextmanager
def log(site: Site) -> Iterator[list[Line]]:
    """What is logged from here on, with the seconds since the beginning of the site."""
    lines: list[Line] = []

    def take(message: object) -> None:
        record = message.record  # type: ignore[attr-defined]
        extra = dict(record["extra"])
        name = NAMES.get(extra.pop("message_id", ""))
        lines.append(Line(site.true.now() - began, record["level"].name, record["message"], name, extra))

    began = site.true.now()
    logger.enable("zpmd")  # simulations of other tests have switched it off
    sink = logger.add(take, level="INFO", format="{message}")
    try:
        yield lines
    finally:
        logger.remove(sink)


def play(site: Site, *script: str) -> list[Line]:
    with log(site) as lines:
        if site.daemon is None:
            site.boot()
        for line in script:
            assert moves.perform(site, line), line
    return lines


def with_image(name: str, image: str) -> Desired:
    """The small appliance, one service of which has never been anything but this."""
    desired = appliances.small()
    services = (
        replace(s, container=replace(s.container, image=image)) if s.name == name else s for s in desired.services
    )
    return replace(desired, services=tuple(services))


def named(lines: list[Line]) -> Counter[Message]:
    return Counter(line.name for line in lines if line.name is not None)


def told(lines: list[Line], message: Message) -> list[str]:
    return [line.text for line in lines if line.name is message]


@pytest.mark.parametrize(("name", "seconds"), [("small", DAY), ("tenants", HOUR), ("many", HOUR)])
def test_while_nothing_happens_there_is_no_line(name: str, seconds: float) -> None:
    site = site_named(name)
    begun = play(site, "run 600")
    assert told(begun, Message.ALL_UP), "it says once that all is up"
    assert play(site, f"run {seconds}") == []


def test_a_crash_loop_is_told_when_it_becomes_one_and_four_times_a_day_that_it_lasts() -> None:
    site = Site(with_image("sla", "app/sla:crash1"), resync_seconds=600.0)
    begun = play(site, "run 600")
    assert told(begun, Message.CRASH_LOOP) == [
        "sla is in a crash loop: exited with 1; try 3 in a row comes after its backoff"
    ]
    [loop] = [line for line in begun if line.name is Message.CRASH_LOOP]
    assert (loop.level, loop.bound["service"]) == ("ERROR", "sla")
    about = [line for line in begun if line.bound.get("service") == "sla"]
    assert about[-1] is loop, "its further tries are for the journal of decisions"
    assert play(site, f"run {HOUR}") == []
    lasting = play(site, f"run {DAY}")
    assert named(lasting) == {Message.STILL_WRONG: 4}
    assert len(lasting) == 4
    assert site.counts["call start"] + site.counts["call run"] > 250, "it goes on being tried"


def test_the_end_of_a_crash_loop_is_told_once_and_after_that_its_failures_count_anew() -> None:
    site = Site(with_image("sla", "app/sla:crash1"))
    play(site, f"run {HOUR}")
    mended = play(site, "image sla app/sla:1", "run 60")
    assert told(mended, Message.WELL_AGAIN) == ["sla is no longer in a crash loop after 59 min: it is running"]
    assert play(site, f"run {HOUR}") == []
    [again] = [line for line in play(site, "kill sla/1", "run 60") if line.bound.get("action") == "start"]
    assert (again.level, again.bound["cause"]) == ("WARNING", "died")


def test_a_service_that_the_engine_refuses_is_told_once() -> None:
    lines = play(Site(with_image("sla", "app/sla:refuse1")), f"run {HOUR}")
    about = [(line.level, line.name) for line in lines if line.bound.get("service") == "sla"]
    assert about == [("INFO", None), ("WARNING", None), ("ERROR", Message.REFUSED_BY_ENGINE)]
    assert len(lines) < 20


def test_an_engine_that_is_away_for_an_hour_is_lost_once_and_found_once() -> None:
    site = site_named("small")
    play(site, "run 60")
    lines = play(site, "engine-away refused", f"run {HOUR}", "engine-back", "run 60")
    assert [line.name for line in lines] == [Message.ENGINE_LOST, Message.ENGINE_FOUND, Message.ALL_UP]
    assert [line.level for line in lines] == ["ERROR", "NOTICE", "NOTICE"]


def test_an_engine_that_is_away_for_a_day_is_told_of_every_six_hours() -> None:
    site = Site(appliances.small(), resync_seconds=600.0)
    play(site, "run 60")
    lines = play(site, "engine-away refused", f"run {DAY}")
    assert named(lines) == {Message.ENGINE_LOST: 1, Message.STILL_WRONG: 3}
    assert len(lines) == 4


def test_what_ended_while_nobody_looked_is_no_warning() -> None:
    site = site_named("small")
    play(site, "run 60")
    lines = play(site, "engine-away refused", "kill user/1", "run 120", "engine-back", "run 60")
    [start] = [line for line in lines if line.bound.get("action") == "start"]
    assert (start.level, start.bound["service"]) == ("INFO", "user")


def test_an_image_that_cannot_be_pulled_for_an_hour_is_told_with_its_service_and_its_end() -> None:
    site = site_named("small")
    play(site, "run 60")
    lines = play(site, "registry-down", "image user app/user:2", f"run {HOUR}", "registry-up", "run 900")
    assert told(lines, Message.IMAGE_UNAVAILABLE) == [
        "user is blocked: waits for image app/user:2: 429 too many requests"
    ]
    assert len([line for line in lines if line.bound.get("action") == "pull"]) == 2, "the try, and that it failed"
    assert len(told(lines, Message.WELL_AGAIN)) == 1


def test_a_name_that_a_stranger_has_is_told_once() -> None:
    lines = play(site_named("small"), "stranger sla/1", f"run {HOUR}")
    [blocked] = told(lines, Message.REFUSED_BY_ENGINE)
    assert "that is not ours: rename or remove it" in blocked


def test_a_group_that_is_held_up_is_told_when_patience_ends_and_by_whom() -> None:
    lines = play(Site(with_image("mongo", "app/mongo:dull1")), f"run {HOUR}")
    assert told(lines, Message.GROUP_DEGRADED) == [
        "group core goes on without mongo, schema",
        "group batch goes on without mongo, schema, user",
    ]
    assert told(lines, Message.WAITING_LONG) == ["3 services are not up for 10 min; what keeps them: mongo (starting)"]


def test_a_removal_that_is_held_is_told_once() -> None:
    site = site_named("many")
    play(site, "run 60")
    lines = play(site, "empty", f"run {HOUR}", "refill", "run 60")
    assert told(lines, Message.REMOVAL_HELD) == [
        "the removal of 10 services at once is held: s0, s1, s2, s3, s4 and 5 more; `zpmctl approve` lets them go"
    ]
    assert len(lines) == 3, "and the two readings of the files"


def test_one_query_has_all_that_belongs_to_a_patch() -> None:
    site = site_named("small")
    play(site, "run 60")
    lines = play(site, "patch drop hotfix user,sla good", "run 120")
    of_it = [line for line in lines if line.bound.get("patch") == "hotfix"]
    assert {line.bound.get("service") for line in of_it} == {None, "user", "sla"}
    assert {"patch", "run", "stop", "remove"} == {line.bound["action"] for line in of_it}


def test_a_patch_that_goes_back_is_a_warning_with_its_name() -> None:
    site = site_named("small")
    play(site, "run 60")
    lines = play(site, "patch drop hotfix user,sla dies within 30", "run 120")
    [back] = [line for line in lines if line.name is Message.PATCH_ROLLED_BACK]
    assert (back.level, back.bound["patch"]) == ("WARNING", "hotfix")


def test_every_line_with_a_name_has_the_fields_that_its_explanation_may_use() -> None:
    scripts = (
        ("small", "engine-away refused", "run 60", "engine-back", "image sla app/sla:crash1", "run 60"),
        ("many", "empty", "run 60"),
    )
    lines = [line for name, *script in scripts for line in play(site_named(name), "run 60", *script)]
    lines += play(Site(with_image("mongo", "app/mongo:oom1")), f"run {HOUR}")
    lines += play(Site(with_image("mongo", "app/mongo:sick1")), f"run {HOUR}")
    without = {(line.name, line.text) for line in lines if line.name and not set(line.name.fields) <= line.bound.keys()}
    assert without == set()
    assert len(named(lines)) >= 10
