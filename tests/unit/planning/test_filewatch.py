"""When a change in a watched file counts, and when a service that changes its own files is left alone."""

from __future__ import annotations

import dataclasses

import pytest

from tests.unit.planning.build import NOW, planned, replica, service
from zpmd.model.cause import Code
from zpmd.model.service import ServiceData
from zpmd.model.watch import Watched, WatchPace, labelled
from zpmd.planning.filewatch import BURST, CALM_SECONDS, LONGEST_REST_SECONDS, Judged, Seen, judged, rest_seconds

PACE = WatchPace(quiet_seconds=2, at_most_seconds=60)
OLD, NEW = "old", "new"


def judge(known: Watched | None, digest: str = NEW, generation: int = 0, now: float = NOW, **seen: object) -> Judged:
    return judged(known, Seen(digest=digest, changed=("/rules",), **seen), PACE, generation, now)  # type: ignore[arg-type]


def in_a_row(count: int, ago: float = 30, **fields: object) -> Watched:
    return Watched(digest=OLD, count=count, at=NOW - ago, **fields)  # type: ignore[arg-type]


def test_what_is_there_at_first_is_in_effect() -> None:
    assert judge(None) == Judged(watched=Watched(digest=NEW))


@pytest.mark.parametrize(
    ("quiet", "differing", "again"),
    [(0, 0, 2), (1.5, 1.5, 0.5), (0, 59, 1), (0.5, 59.9, 0.1), (2, 2, None), (0, 60, None), (9, 9, None)],
)
def test_a_change_counts_when_it_is_over_or_has_lasted_too_long(
    quiet: float, differing: float, again: float | None
) -> None:
    found = judge(Watched(digest=OLD), quiet_seconds=quiet, differing_seconds=differing)
    assert found.again_seconds == (pytest.approx(again) if again else None)
    assert found.watched.digest == (OLD if again else NEW)


def test_what_is_there_again_as_it_was_is_no_change() -> None:
    assert judge(in_a_row(3), digest=OLD) == Judged(watched=in_a_row(3))


def test_a_change_that_counts_says_what_it_followed_and_where() -> None:
    found = judge(Watched(digest=OLD), quiet_seconds=5).watched
    assert (found.digest, found.before, found.changed, found.count, found.at) == (NEW, OLD, ("/rules",), 1, NOW)


def test_replacements_are_in_a_row_until_a_calm_time_sets_them_back() -> None:
    assert judge(in_a_row(3), quiet_seconds=5).watched.count == 4
    assert judge(in_a_row(3, ago=CALM_SECONDS), quiet_seconds=5).watched.count == 1


def test_a_clock_that_was_set_back_sets_nothing_back() -> None:
    assert judge(in_a_row(BURST, ago=-3600), quiet_seconds=5).watched.suspended == NOW


def test_after_a_burst_of_replacements_the_watch_is_suspended() -> None:
    found = judge(in_a_row(BURST), quiet_seconds=5)
    assert (found.watched.digest, found.watched.suspended, found.watched.changed) == (OLD, NOW, ("/rules",))
    assert found.again_seconds == CALM_SECONDS


def test_a_suspended_watch_ends_when_it_has_been_quiet_and_what_is_there_comes_into_effect() -> None:
    suspended = in_a_row(BURST, suspended=NOW - 900)
    assert judge(suspended, quiet_seconds=500) == Judged(watched=suspended, again_seconds=100)
    ended = judge(suspended, quiet_seconds=600).watched
    assert (ended.digest, ended.suspended, ended.count) == (NEW, None, BURST + 1)


def test_a_suspended_watch_whose_files_are_as_they_were_ends_without_a_replacement() -> None:
    suspended = in_a_row(BURST, suspended=NOW - 900)
    ended = judge(suspended, digest=OLD, quiet_seconds=600).watched
    assert ended == dataclasses.replace(suspended, suspended=None)


def test_the_rest_grows_with_every_replacement_in_a_row() -> None:
    assert [rest_seconds(BURST + n) for n in (0, 1, 2, 3)] == [600, 1200, 2400, 4800]
    assert rest_seconds(10**6) == LONGEST_REST_SECONDS


@pytest.mark.parametrize("known", [in_a_row(2), in_a_row(BURST, suspended=NOW - 5)])
def test_an_operators_restart_puts_what_is_there_into_effect_and_begins_anew(known: Watched) -> None:
    assert judge(known, generation=1) == Judged(watched=Watched(digest=NEW, generation=1))
    assert judge(dataclasses.replace(known, generation=1), generation=1).watched.count == known.count


def test_a_service_that_writes_at_every_start_is_replaced_ever_more_rarely() -> None:
    """It writes 5 s after each replacement, for two days."""
    watched, now, replaced, wrote_at, version = Watched(digest="0"), NOW, [], NOW, 1
    while now < NOW + 2 * 86_400:
        seen = Seen(digest=str(version), quiet_seconds=now - wrote_at, differing_seconds=now - wrote_at)
        found = judged(watched, seen, PACE, 0, now)
        if found.watched.digest != watched.digest:
            replaced.append(now)
            wrote_at, version = now + 5, version + 1
            now += 5
        watched = found.watched
        now += found.again_seconds or 1
    assert len([at for at in replaced if at < NOW + 600]) == BURST
    assert len(replaced) < BURST + 10
    gaps = [b - a for a, b in zip(replaced[BURST:], replaced[BURST + 1 :], strict=False)]
    assert gaps == sorted(gaps)


# what the planner makes of it


def watching(digest: str = NEW, **fields: object) -> ServiceData:
    base = service()
    container = dataclasses.replace(base.container, labels=labelled((), digest))
    return dataclasses.replace(base, container=container, watched=Watched(digest=digest, **fields))  # type: ignore[arg-type]


def test_a_replacement_for_a_changed_file_says_so() -> None:
    now = watching(before=OLD, changed=("/rules",))
    (action,) = planned([now], [replica(watching(OLD))]).actions
    assert (action.cause.code, str(action.cause)) == (Code.FILE_CHANGED, "what it watches has changed: /rules")


def test_a_definition_that_changed_as_well_is_drift() -> None:
    before = dataclasses.replace(service(image="web:0"), watched=None)
    (action,) = planned([watching(before=OLD, changed=("/rules",))], [replica(before)]).actions
    assert action.cause.code is Code.DRIFT


def test_a_suspended_watch_is_told_with_its_reason_and_keeps_the_service_running() -> None:
    suspended = watching(suspended=NOW - 5, count=5, changed=("/rules",))
    plan = planned([suspended], [replica(suspended)])
    assert str(plan) == (
        "waiting web: 5 replacements in a row for changed files in /rules: changes have no effect until nothing has "
        "changed there for 10 min; does it write into what it watches?"
    )
    assert plan.standings[0].state == "running"


def test_what_cannot_be_told_is_told() -> None:
    blind = watching(trouble="/rules: Permission denied")
    text = str(planned([blind], [replica(blind)]))
    assert text == ("waiting web: what it watches cannot be told, and counts as unchanged: /rules: Permission denied")
