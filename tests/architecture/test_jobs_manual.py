"""The manual of jobs says what the program does: its examples are good, and it knows every policy and every ending."""

from __future__ import annotations

import re
import textwrap

import pytest

from tests.architecture.checkout import ROOT
from tests.unit.sources.given import lines, understood
from zpmd.model.job import BAD, RAN, Ending
from zpmd.model.service import Condition
from zpmd.sources.compose.vocabulary import SCHEDULE

TEXT = (ROOT / "docs/jobs.md").read_text()
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"(?m)(?:^ {4}.*\n)+(?:\n?(?:^ {4}.*\n)+)*", TEXT)]
FILES = [block for block in BLOCKS if block.startswith("services:")]
SERVICES = [block for block in BLOCKS if re.match(r"[a-z]+:\n  image:", block)]
SCHEDULES = [line for block in BLOCKS if block.startswith("schedule:") for line in block.splitlines()]


def section(heading: str) -> str:
    return TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def first_cells(text: str) -> list[str]:
    return re.findall(r"(?m)^\| (`.*?`) \|", text)


def test_every_block_is_one_that_is_tried_or_a_list_of_commands() -> None:
    commands = [block for block in BLOCKS if block.startswith("zpmctl ")]
    assert len(BLOCKS) == len(FILES) + len(SERVICES) + len(commands) + 1
    assert (len(FILES), len(SERVICES), len(SCHEDULES)) == (3, 5, 5)


@pytest.mark.parametrize("text", [*FILES, *(f"services:\n{textwrap.indent(block, '  ')}" for block in SERVICES)])
def test_the_files_that_the_manual_shows_are_good(text: str) -> None:
    result = understood(text)
    assert (lines(result.problems), lines(result.notes)) == ([], [])
    jobs = [s for s in result.desired.services if s.job is not None]
    waits = [d.condition for s in result.desired.services for d in s.depends_on]
    assert jobs or result.templates or waits == [Condition.COMPLETED]


@pytest.mark.parametrize("line", SCHEDULES)
def test_the_schedules_that_the_manual_shows_are_good(line: str) -> None:
    result = understood(f"services:\n  web:\n    image: a\n    x-zpmd:\n      {line}\n")
    assert lines(result.problems) == []


def test_the_manual_knows_every_ending_and_which_are_of_runs() -> None:
    ran, not_ran = section("The ledger").split("And of one that did not")
    assert {cell.strip("`") for cell in first_cells(ran)} == {str(ending) for ending in RAN}
    assert {cell.strip("`") for cell in first_cells(not_ran)} == {str(ending) for ending in Ending} - set(map(str, RAN))
    bad = re.search(r"(?m)^((?:`[\w-]+`(?:, | and )?)+) are bad", TEXT)
    assert bad is not None
    assert set(re.findall(r"`([\w-]+)`", bad.group(1))) == set(map(str, BAD))


def test_the_manual_knows_every_policy() -> None:
    told = {
        key
        for cell in re.findall(r"(?m)^\| (`.*`) \|.*\|.*\|$", section("Policies"))
        for key in re.findall(r"`(\w+)`", cell.split(" | ")[0])
    }
    assert told == set(SCHEDULE) - {"cron", "every", "time_zone"}


def test_the_jobs_of_the_sample_appliance_are_good_when_they_are_switched_on() -> None:
    text = (ROOT / "etc/zpmd/services.d/30-batch.yaml").read_text()
    switched_on = re.sub(r"(?m)^  #(?=\S*\w:|  )", "  ", text)
    result = understood(switched_on.replace("depends_on:", "x-depends:"))
    assert lines(result.problems) == []
    assert [s.name for s in result.desired.services if s.job] == ["nightly_cleanup"]
    assert [(t.name, t.each.value) for t in result.templates] == [("tenant_dump", "tenant")]
