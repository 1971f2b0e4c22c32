"""What is pinned is what setup.cfg asks for, and a vulnerability in it does not go unnoticed."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

import pytest

from scripts import audit, lock
from tests.architecture.checkout import ROOT

TODAY = datetime.date(2026, 11, 28)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the locks are made from, and of the locks."""
    for file in ("setup.cfg", "requirements.lock", "packaging/tools.in", "packaging/tools.lock"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_the_locks_hold_what_is_asked_for() -> None:
    assert lock.problems(ROOT) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "setup.cfg",
            "    typer >= 0.29\n",
            "    typer >= 0.29\n    attrs\n",
            "has no attrs, which setup.cfg asks for",
        ),
        ("setup.cfg", "    typer >= 0.29\n", "    typer >= 99\n", "and setup.cfg asks for typer>=99"),
        ("setup.cfg", "    typer >= 0.29\n", "", "has typer, for which setup.cfg no longer asks"),
        ("requirements.lock", "    # via zpmd (setup.cfg)\n", "    # via rich\n", "which setup.cfg asks for"),
        ("packaging/tools.in", "\nbuild\n", "\n", "has build, for which packaging/tools.in no longer asks"),
        ("requirements.lock", "annotated-doc==", "--index-url https://example.com\nannotated-doc==", "names a host"),
    ],
)
def test_a_lock_that_is_not_what_is_asked_for_is_told(checkout: Path, file: str, old: str, new: str, told: str) -> None:
    edit(checkout / file, old, new)
    assert any(told in problem for problem in lock.problems(checkout)), lock.problems(checkout)


def test_a_pin_without_a_hash_is_told(checkout: Path) -> None:
    text = (checkout / "requirements.lock").read_text()
    edit(checkout / "requirements.lock", "--hash=sha256:", "--hash=md5:")
    told = lock.problems(checkout)
    assert len(told) == len(lock.pins(text, "setup.cfg"))
    assert all("has no hash for" in problem for problem in told)


def audited(name: str, *ids: str) -> dict[str, object]:
    return {"name": name, "version": "1.0", "vulns": [{"id": i, "fix_versions": ["1.1"]} for i in ids]}


def test_a_known_vulnerability_fails() -> None:
    said = audit.verdict([audited("good"), audited("bad", "CVE-1")], {}, TODAY)
    assert said == audit.Verdict(("bad 1.0: CVE-1, mended in 1.1",), (), 2)


def test_a_package_that_the_service_does_not_know_is_no_good_news() -> None:
    unknown = {"name": "odd", "skip_reason": "not found"}
    assert audit.verdict([unknown, audited("good")], {}, TODAY) == audit.Verdict((), ("odd",), 1)


@pytest.mark.parametrize(("until", "fails"), [(TODAY, False), (TODAY - datetime.timedelta(days=1), True)])
def test_a_vulnerability_is_waived_until_a_day(until: datetime.date, fails: bool) -> None:
    said = audit.verdict([audited("bad", "CVE-1")], {"CVE-1": (until, "that part is not used")}, TODAY)
    assert bool(said.vulnerable) is fails


def test_every_waiver_has_a_reason() -> None:
    assert [i for i, (_, why) in audit.WAIVED.items() if len(why.split()) < 4] == []
