"""Services with what they watch: exactly those that watch a changed file move, once, and it outlives zpmd."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.unit.planning.build import service
from zpmd.model.container import Container
from zpmd.model.service import Desired, ServiceData
from zpmd.model.watch import LABEL, WatchPace, WatchRule
from zpmd.planning.filewatch import BURST
from zpmd.ports import Wake
from zpmd.sources.filewatch.layer import FileWatch
from zpmd.sources.filewatch.looking import Looking
from zpmd.stores.embedded import EmbeddedStore


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at - 900_000.0


class Said:
    """A source that says what a test makes it say."""

    name = "files"

    def __init__(self, services: Iterable[ServiceData]) -> None:
        self.desired = Desired(services=tuple(services))

    def load(self) -> Desired:
        return self.desired

    def away(self) -> None:
        """It is here."""

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        del wake
        stop.wait()

    def watching(self) -> bool:
        return True


class Bench:
    """`pass_` is a look at the files and a pass of the loop, `seconds` later."""

    def __init__(self, folder: Path, *services: ServiceData) -> None:
        self.folder, self.clock = folder, Time()
        self.said = Said(services)
        self.begin()

    def begin(self) -> None:
        """Another life of zpmd on what the last one left."""
        self.store = EmbeddedStore(self.folder / "zpmd.db", 100, self.clock)
        self.looking = Looking(self.clock.monotonic)
        self.source = FileWatch(self.said, self.looking, self.store, self.clock)

    def load(self) -> Desired:
        desired = self.source.load()
        self.store.keep_good(self.source.name, desired)
        return desired

    def pass_(self, seconds: float = 0.0) -> Desired:
        self.clock.at += seconds
        self.load()
        self.looking.look()
        return self.load()

    def settled(self) -> Desired:
        """A change that has been noticed, and has been quiet for long enough."""
        self.pass_()
        return self.pass_(3)

    def labels(self, desired: Desired) -> dict[str, str]:
        return {s.name: dict(s.container.labels).get(LABEL, "") for s in desired.services}

    def moved(self, before: Desired, after: Desired) -> list[str]:
        old, new = self.labels(before), self.labels(after)
        return sorted(name for name in new if old[name] != new[name])


def watching(name: str, *paths: Path, ignore: tuple[str, ...] = ()) -> ServiceData:
    return service(name, watch=tuple(sorted(WatchRule(str(path), ignore) for path in paths)))


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    root = tmp_path / "etc"
    for name in ("shared.conf", "web/web.conf", "web/deep/x.conf", "db/db.conf"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("1")
    return root


@pytest.mark.parametrize(
    ("changed", "moved"),
    [
        ("shared.conf", ["all", "db", "web"]),
        ("web/web.conf", ["all", "web"]),
        ("web/deep/x.conf", ["all", "deep", "web"]),
        ("web/new", ["all", "web"]),
        ("db/db.conf", ["all", "db"]),
        ("db/a.log", ["all"]),
        ("elsewhere", ["all"]),
    ],
)
def test_a_change_moves_exactly_the_services_that_watch_it(
    tmp_path: Path, rules: Path, changed: str, moved: list[str]
) -> None:
    bench = Bench(
        tmp_path,
        watching("all", rules),
        watching("deep", rules / "web" / "deep"),
        watching("db", rules / "db", rules / "shared.conf", ignore=("*.log",)),
        watching("web", rules / "web", rules / "shared.conf"),
        service("none"),
    )
    before = bench.pass_()
    (rules / changed).write_text("2")
    after = bench.settled()
    assert bench.moved(before, after) == moved
    assert bench.settled() is after


def test_a_burst_is_one_change_and_nothing_is_read_by_the_loop(tmp_path: Path, rules: Path) -> None:
    bench = Bench(tmp_path, watching("web", rules))
    seen = [bench.pass_()]
    for number in range(10):
        (rules / "shared.conf").write_text(f"burst {number}")
        seen.append(bench.pass_(1))
    assert len({id(desired) for desired in seen}) == 1
    after = bench.pass_(2)
    assert bench.moved(seen[0], after) == ["web"]
    found = after.services[0].watched
    assert found is not None
    assert (found.count, found.changed) == (1, (str(rules),))


def test_a_change_that_never_ends_counts_in_the_end_and_the_pace_is_the_services_own(
    tmp_path: Path, rules: Path
) -> None:
    hasty = dataclasses.replace(watching("hasty", rules), watch_pace=WatchPace(quiet_seconds=2, at_most_seconds=10))
    bench = Bench(tmp_path, hasty, watching("patient", rules))
    before = after = bench.pass_()
    for number in range(20):
        (rules / "shared.conf").write_text(f"and again {number}")
        after = bench.pass_(1)
    assert bench.moved(before, after) == ["hasty"]


def test_what_changed_while_zpmd_was_away_counts_when_it_is_back(tmp_path: Path, rules: Path) -> None:
    bench = Bench(tmp_path, watching("web", rules), watching("db", rules / "db"))
    before = bench.pass_()
    (rules / "shared.conf").write_text("2")
    bench.begin()
    assert bench.load() == before, "nothing is known yet, so nothing has changed"
    assert bench.moved(before, bench.settled()) == ["web"]


def test_a_path_that_is_away_when_zpmd_begins_changes_nothing(tmp_path: Path, rules: Path) -> None:
    bench = Bench(tmp_path, watching("web", rules))
    before = bench.pass_()
    rules.rename(tmp_path / "away")
    bench.begin()
    after = bench.settled()
    assert bench.moved(before, after) == []
    assert after.services[0].watched.trouble == f"{rules}: No such file or directory"  # type: ignore[union-attr]
    (tmp_path / "away").rename(rules)
    assert bench.settled() == before


def loop(bench: Bench, path: Path, rounds: int) -> Desired:
    """A service that writes into what it watches, a moment after each start."""
    desired = bench.pass_()
    for number in range(rounds):
        path.write_text(f"written by the service, {bench.clock.at} {number}")
        desired = bench.settled()
        bench.clock.at += 10
    return desired


def test_a_service_that_writes_what_it_watches_is_stopped_and_its_neighbour_is_not(tmp_path: Path, rules: Path) -> None:
    bench = Bench(tmp_path, watching("web", rules / "web"), watching("db", rules / "db"))
    looping = loop(bench, rules / "web" / "state", BURST + 3)
    web, db = looping.service("web"), looping.service("db")
    assert web is not None
    assert web.watched is not None
    assert db is not None
    assert db.watched is not None
    assert (web.watched.count, web.watched.suspended is not None) == (BURST, True)
    (rules / "db" / "db.conf").write_text("2")
    assert bench.moved(looping, bench.settled()) == ["db"]
    bench.begin()
    (rules / "web" / "state").write_text("another life")
    again = bench.settled()
    assert bench.moved(looping, again) == ["db"], "it outlives zpmd"


def test_a_suspended_watch_ends_with_quiet_files_or_an_operators_restart(tmp_path: Path, rules: Path) -> None:
    bench = Bench(tmp_path, watching("web", rules / "web"))
    looping = loop(bench, rules / "web" / "state", BURST + 1)
    assert bench.moved(looping, bench.pass_(300)) == []
    quiet = bench.pass_(300)
    assert bench.moved(looping, quiet) == ["web"]
    (rules / "web" / "state").write_text("once more")
    suspended = bench.settled()
    assert suspended.services[0].watched.suspended is not None  # type: ignore[union-attr]
    bench.store.raise_generation("web")
    asked = bench.load()
    assert bench.moved(suspended, asked) == ["web"]
    assert asked.services[0].watched.count == 0  # type: ignore[union-attr]


def test_files_that_never_rest_keep_nobody_busy_but_who_still_waits_for_them(tmp_path: Path, rules: Path) -> None:
    bench = Bench(tmp_path, watching("web", rules / "web"))
    loop(bench, rules / "web" / "state", BURST + 1)
    (rules / "web" / "state").write_text("again")
    assert not bench.looking.is_news(bench.looking.look())
    bench.said.desired = Desired(services=(*bench.said.desired.services, watching("other", rules / "web")))
    bench.pass_()
    (rules / "web" / "state").write_text("and again")
    assert bench.looking.is_news(bench.looking.look())


def test_another_path_to_watch_is_no_change_of_a_file(tmp_path: Path, rules: Path) -> None:
    bench = Bench(tmp_path, watching("web", rules / "web"))
    bench.pass_()
    bench.said.desired = Desired(services=(watching("web", rules / "web", rules / "db"),))
    found = bench.pass_().services[0].watched
    assert found is not None
    assert found.count == 0


def test_a_changed_definition_keeps_the_content_that_is_in_effect(tmp_path: Path, rules: Path) -> None:
    bench = Bench(tmp_path, watching("web", rules))
    before = bench.pass_()
    newer = dataclasses.replace(watching("web", rules), container=Container(image="web:2"))
    bench.said.desired = Desired(services=(newer,))
    after = bench.pass_()
    assert after.services[0].container.image == "web:2"
    assert bench.moved(before, after) == []


def test_who_watches_nothing_passes_untouched(tmp_path: Path) -> None:
    bench = Bench(tmp_path, service("web"))
    assert bench.source.load() is bench.said.desired
