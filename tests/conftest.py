"""Fixtures that all tests share: a real Docker Engine of the test run's own, and artifacts of what failed."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.lab.engine import LabEngine
from tests.lab.order import ordered

FAILED = pytest.StashKey[bool]()
SHRINKING_SECONDS = 900
"""Hypothesis takes at most 300 s of them to shrink."""

# How long an example takes is the machine's affair: speed is measured in benchmarks/, never in a test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def lab_engine() -> Iterator[LabEngine]:
    """One engine for the whole run, with the sample images. Ask for `engine_host` to have it clean."""
    engine = LabEngine()
    try:
        engine.start()
        engine.load_images()
        yield engine
    finally:
        engine.close()


@pytest.fixture
def engine_host(lab_engine: LabEngine, artifacts: Path, request: pytest.FixtureRequest) -> Iterator[LabEngine]:
    """The engine, running and empty but for the sample images. Whatever the test does to it is mended afterwards."""
    lab_engine.cleanup()
    yield lab_engine
    if request.node.stash.get(FAILED, False):
        lab_engine.keep_artifacts(artifacts)
    lab_engine.cleanup()


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """A folder for what explains a failure; a failed test names it."""
    return tmp_path / "artifacts"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note that a test failed, before its fixtures are torn down, and say where its artifacts are."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
        folder = getattr(item, "funcargs", {}).get("artifacts")
        if folder is not None:
            report.sections.append(("artifacts", str(folder)))
    return report


def pytest_configure() -> None:
    """A shell in the background has Ctrl-C ignored, and whatever these tests start would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses the engine is marked, so that `-m "not engine"` is a quick run. Files have their order. A property
    that fails has the time in which its example is made small: else nothing is left of what was found."""
    for item in items:
        if (
            getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
            and item.get_closest_marker("timeout") is None
        ):
            item.add_marker(pytest.mark.timeout(SHRINKING_SECONDS))
        if "lab_engine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.engine)
    place = {file: number for number, file in enumerate(ordered(map(_file, items)))}
    items.sort(key=lambda item: place[_file(item)])


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
