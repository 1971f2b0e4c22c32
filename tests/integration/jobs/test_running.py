"""Jobs run when they are due, or are asked to: once, and within bounds; each time a row says what became of it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.integration.appliance import worker
from tests.integration.jobs.site import EVERY_SECONDS, NEVER, OFTEN, Jobs, site
from tests.integration.patches import drops
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually, settled

AFTER = "depends_on: {often: {condition: service_completed_successfully}}\n"


@pytest.fixture(scope="module")
def jobs(
    lab_engine: LabEngine, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Jobs]:
    with site(lab_engine, tmp_path_factory.mktemp("running"), request) as jobs:
        jobs.declare("often", OFTEN, DURATION=1)
        for word in ("forbid", "allow"):
            jobs.declare(word, {**OFTEN, "concurrency": word}, DURATION=14)
        jobs.declare("replace", {**OFTEN, "concurrency": "replace"}, DURATION=60)
        jobs.declare("paused", OFTEN)
        jobs.declare("parked", OFTEN)
        jobs.declare("failing", {**NEVER, "retries": 2, "retry_delay": "1s"}, EXIT_CODE=3)
        jobs.declare("slow", {**NEVER, "timeout": "2s"}, DURATION=60)
        jobs.declare("held", {**NEVER, "timeout": "2s"}, DURATION=60)
        jobs.declare("stopped", NEVER, DURATION=60)
        jobs.declare("lost", NEVER, DURATION=60)
        jobs.declare("edited", NEVER, DURATION=4)
        jobs.declare("patched", NEVER, DURATION=4)
        jobs.declare("refused", {**NEVER, "retries": 1, "retry_delay": "1s"}, body="entrypoint: [/no/such/program]\n")
        jobs.daemon.file("after.yaml", worker("after", "app", AFTER))
        jobs.daemon.start()
        jobs.tell("/v1/jobs/paused/suspend")
        jobs.tell("/v1/services/parked/hold", reason="the database is moved")
        yield jobs


# Asked for


def test_a_run_that_is_asked_for_begins_at_once_and_its_row_says_who_asked(jobs: Jobs) -> None:
    due = jobs.run("edited")
    row = jobs.running("edited", due)
    assert row["asked"] not in ("", "zpmd")
    assert 0 <= row["late_seconds"] < EVERY_SECONDS
    assert [(box["Names"][0], box["State"]) for box in jobs.boxes("edited", due)] == [
        (f"/t-edited-{row['due'].replace('-', '').replace(':', '')}", "running")
    ]
    assert jobs.ended("edited", due)["ending"] == "ok"


def test_a_run_that_fails_is_tried_again_each_try_in_a_container_of_its_own(jobs: Jobs) -> None:
    due = jobs.run("failing")
    row = jobs.ended("failing", due)
    assert (row["ending"], row["exit_code"], row["tries"], row["bad"]) == ("failed", 3, 3, True)
    assert row["lasted_seconds"] >= 3, "1 s and 2 s of pauses"
    made = jobs.made("failing", due)
    assert len(set(made)) == len(made) == 3, made
    eventually(lambda: len(jobs.story("failing", due)["dossiers"]) == 3, 10, "three dossiers", 0.1)
    story = jobs.story("failing", due)
    assert sorted(d["container_id"] for d in story["dossiers"]) == sorted(made)
    assert {d["exit_code"] for d in story["dossiers"]} == {3}
    assert "ends with 3" in story["log_tail"][-1]
    eventually(lambda: [box["Id"] for box in jobs.boxes("failing")] == made[-1:], 10, "the last try's container alone")
    assert jobs.state("failing") == "failed"


def test_a_run_that_cannot_be_started_says_what_the_engine_says(jobs: Jobs) -> None:
    due = jobs.run("refused")
    row = jobs.ended("refused", due)
    assert (row["ending"], row["tries"], row["started_at"]) == ("failed-start", 2, None)
    assert "no such file or directory" in row["reason"]
    assert len(jobs.made("refused", due)) == 2


def test_a_run_that_takes_longer_than_it_may_is_stopped(jobs: Jobs) -> None:
    due = jobs.run("slow")
    row = jobs.ended("slow", due)
    assert (row["ending"], row["tries"]) == ("timed-out", 1)
    assert 2 <= row["lasted_seconds"] < 8
    assert "2 s" in row["reason"]
    stops = [e for e in jobs.journal("slow", due) if e["verb"] == "stop"]
    assert [(e["code"], e["result"]) for e in stops] == [("timed-out", "ok")]


def test_a_hold_leaves_a_run_alone_and_its_timeout_as_well(jobs: Jobs) -> None:
    due = jobs.run("held")
    started = jobs.running("held", due)["started_at"]
    jobs.tell("/v1/services/held/hold", reason="somebody looks at it")
    assert settled(lambda: jobs.row("held", due)["step"], 3.0) == "running"
    jobs.tell("/v1/services/held/release")
    row = jobs.ended("held", due)
    assert row["ending"] == "timed-out"
    assert row["finished_at"] - started >= 3


def test_a_stop_by_an_operator_stops_the_run_and_the_job_until_it_is_started(jobs: Jobs) -> None:
    due = jobs.run("stopped")
    jobs.running("stopped", due)
    jobs.tell("/v1/services/stopped/stop")
    assert jobs.ended("stopped", due)["ending"] == "stopped"
    assert "stopped" in jobs.refused("/v1/jobs/stopped/run")
    jobs.tell("/v1/services/stopped/start")
    jobs.running("stopped", jobs.run("stopped"))
    jobs.tell("/v1/services/stopped/stop")


def test_a_run_whose_container_is_removed_by_hand_is_not_run_again(jobs: Jobs) -> None:
    due = jobs.run("lost")
    jobs.running("lost", due)
    jobs.daemon.engine.client().remove_container(jobs.boxes("lost")[0]["Id"], force=True)
    row = jobs.ended("lost", due)
    assert (row["ending"], row["bad"]) == ("vanished", True)
    assert settled(lambda: (len(jobs.boxes("lost")), len(jobs.made("lost", due))), 2.0) == (0, 1)


# Its definition changes


def test_a_reload_leaves_a_run_alone_and_the_next_one_has_the_new_definition(jobs: Jobs) -> None:
    due = jobs.run("edited")
    jobs.running("edited", due)
    before = jobs.boxes("edited", due)[0]["Id"]
    passes = jobs.daemon.status()["number"]
    jobs.declare("edited", NEVER, DURATION=1, EXIT_CODE=4)
    eventually(lambda: jobs.daemon.status()["number"] > passes, 10, "the change to be taken", 0.1)
    row = jobs.ended("edited", due)
    assert (row["ending"], row["tries"], jobs.made("edited", due)) == ("ok", 1, [before])
    following = jobs.ended("edited", jobs.run("edited"))
    assert (following["ending"], following["exit_code"]) == ("failed", 4)


def test_a_patch_leaves_a_run_alone_and_the_next_one_has_the_patched_image(jobs: Jobs) -> None:
    client = jobs.daemon.engine.client()
    due = jobs.run("patched")
    jobs.running("patched", due)
    before = jobs.boxes("patched", due)[0]["Id"]
    drops.dropped(jobs.daemon, "flaky-1", services={"patched": {"image": "appliance/flaky:1.0"}})
    assert drops.ended(jobs.daemon, "flaky-1") == "applied"
    row = jobs.ended("patched", due)
    assert (row["ending"], jobs.made("patched", due)) == ("ok", [before])
    following = jobs.run("patched")
    jobs.running("patched", following)
    box = jobs.boxes("patched", following)[0]
    assert (box["Image"], box["Labels"]["io.zpmd.revision"]) == ("appliance/flaky:1.0", "flaky-1")
    assert client.inspect_container(before)["Config"]["Image"] == "appliance/oneshot:1.0"


# Due


def test_a_run_that_ends_well_has_its_row(jobs: Jobs) -> None:
    row = jobs.first("often", "ok")
    assert row["due_at"] % EVERY_SECONDS == 0
    row = jobs.ended("often", row["due_at"])
    assert (row["exit_code"], row["tries"], row["asked"], row["caught_up"]) == (0, 1, "", False)
    assert 0 <= row["late_seconds"] < EVERY_SECONDS
    assert 0.9 <= row["lasted_seconds"] < EVERY_SECONDS
    assert "ends with 0" in jobs.story("often", row["due_at"])["log_tail"][-1]
    assert jobs.state("often") in ("scheduled", "running")


def test_a_service_that_waits_for_a_job_begins_when_a_run_of_it_has_ended_well(jobs: Jobs) -> None:
    first = jobs.first("often", "ok")
    began_at = eventually(lambda: jobs.daemon.service("after")["since"], 20, "the service to run", 0.2)
    assert began_at >= first["finished_at"]


def test_what_is_due_while_a_run_goes_on_is_skipped_and_says_why(jobs: Jobs) -> None:
    first, second, third = jobs.at_least("forbid", 3)
    assert [each["due_at"] - first["due_at"] for each in (first, second, third)] == [0, 10, 20]
    assert jobs.ended("forbid", first["due_at"])["ending"] == "ok"
    assert second["ending"] == "skipped-overlap"
    assert first["due"][:10] in second["reason"], "it names the run that had not ended"
    assert jobs.boxes("forbid", second["due_at"]) == []
    assert jobs.ended("forbid", third["due_at"])["ending"] == "ok"


def test_runs_that_may_overlap_do(jobs: Jobs) -> None:
    first, second = jobs.at_least("allow", 2)
    rows = [jobs.ended("allow", each["due_at"]) for each in (first, second)]
    assert [row["ending"] for row in rows] == ["ok", "ok"]
    assert rows[1]["started_at"] < rows[0]["finished_at"]


def test_what_is_due_while_a_run_goes_on_replaces_it_and_begins_when_it_has_ended(jobs: Jobs) -> None:
    first = jobs.first("replace", "stopped", 40)
    assert "replaced by the run of" in first["reason"]
    second = jobs.begun("replace", first["due_at"] + EVERY_SECONDS)
    assert first["finished_at"] <= second["started_at"]


def test_what_is_due_while_a_job_is_suspended_or_held_does_not_run_and_has_its_row(jobs: Jobs) -> None:
    suspended, held = jobs.first("paused", "suspended"), jobs.first("parked", "held")
    assert suspended["asked"] not in ("", "zpmd")
    assert "the database is moved" in held["reason"]
    assert jobs.boxes("paused", suspended["due_at"]) == jobs.boxes("parked", held["due_at"]) == []
    assert (jobs.state("paused"), jobs.state("parked")) == ("suspended", "held")
    jobs.tell("/v1/jobs/paused/resume")
    jobs.tell("/v1/services/parked/release")
    for job, now in (("paused", suspended), ("parked", held)):
        assert jobs.first(job, "ok", after=now["due_at"])["exit_code"] == 0


def test_no_slot_is_silent_and_none_has_two_containers(jobs: Jobs) -> None:
    """Of all that the tests before have seen: it comes last."""
    for job in ("often", "forbid", "allow", "replace", "paused", "parked"):
        rows = jobs.rows(job)
        assert len(rows) >= 2, job
        assert {b["due_at"] - a["due_at"] for a, b in itertools.pairwise(rows)} == {EVERY_SECONDS}, job
        made = Counter(e["subject"] for e in jobs.events(job) if e["verb"] == "run")
        for row in rows:
            assert row["step"] != "ended" or made[f"{job}/{row['due_at']}"] == row["tries"], row
