"""zpmctl in the hands of somebody in a hurry: one line, the right exit code, never a traceback."""

from __future__ import annotations

import re

import pytest

from tests.integration.appliance import worker
from tests.integration.daemon import Daemon
from tests.lab.eventually import eventually

WRONG = [
    (["frobnicate"], 2),
    (["why"], 2),
    (["scale", "web=many"], 2),
    (["status", "--jsn"], 2),
    (["hold", "web", "--for", "soon"], 2),
    (["why", "wbe"], 4),
    (["stop", "nobody"], 4),
    (["restart", "nobody"], 4),
    (["logs", "nobody"], 4),
    (["events", "--service", "nobody"], 4),
    (["approve"], 5),
    (["release", "web"], 5),
    (["down"], 5),
]


@pytest.fixture(scope="module")
def running(lab_engine, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    lab_engine.cleanup()
    one = Daemon(lab_engine, tmp_path_factory.mktemp("ctl"))
    one.file("web.yaml", worker("web", "core"))
    one.start()
    one.converged()
    yield one
    one.close()
    lab_engine.cleanup()


@pytest.mark.parametrize(("words", "code"), WRONG, ids=[" ".join(w) for w, _ in WRONG])
def test_what_is_wrong_gets_one_line_and_its_exit_code(running: Daemon, words: list[str], code: int) -> None:
    said = running.ctl(*words)
    assert said.code == code, said
    assert said.err.strip()
    assert "Traceback" not in said.err + said.out
    if code != 2:
        assert len(said.err.strip().splitlines()) == 1, said.err


def test_an_unknown_name_gets_the_nearest(running: Daemon) -> None:
    assert "web" in running.ctl("why", "wbe").err


def test_plan_is_dry_and_says_with_its_exit_code_whether_something_would_change(running: Daemon) -> None:
    assert running.ctl("plan").code == 0
    assert running.ctl("hold", "web", "--for", "10m", "--reason", "looking").code == 0
    before = running.running("web")
    running.file("web.yaml", worker("web", "core", "environment: {A: b}\n"))
    assert running.ctl("reload").code == 0
    held = running.ctl("status")
    assert "looking" in held.out
    assert running.running("web") == before
    running.file("web.yaml", worker("web", "core"))
    running.ctl("reload")
    assert running.ctl("release", "web").code == 0
    running.converged()
    assert running.running("web") == before


@pytest.mark.parametrize("word", ["status", "events", "tenants", "integrations", "ports"])
def test_json_is_what_the_api_says(running: Daemon, word: str) -> None:
    """That is why scenarios may ask either."""

    def both() -> bool:
        asked, said = running.ask(f"/v1/{word}"), running.ctl(word, "--json").json
        if word != "events":  # the one was asked later than the other, and perhaps after another pass
            assert asked.pop("now") <= said.pop("now")
        return bool(asked == said)

    eventually(both, 30, f"zpmctl {word} --json and the API say the same")


def test_logs_and_events_and_doctor_answer(running: Daemon) -> None:
    assert running.ctl("logs", "web", "--tail", "5").code == 0
    assert "run" in running.ctl("events").out
    assert running.ctl("doctor").code in (0, 1)
    for words in (["--help"], ["status", "--help"], ["hold", "--help"]):
        said = running.ctl(*words)
        assert said.code == 0
        assert "zpmctl" in said.out


def test_without_a_daemon_every_verb_exits_with_6(daemon: Daemon) -> None:
    for words in (["status"], ["why", "web"], ["stop", "web"], ["plan"], ["events"]):
        said = daemon.ctl(*words)
        assert said.code == 6, said
        assert len(said.err.strip().splitlines()) == 1
        assert "Traceback" not in said.err


def test_what_was_asked_is_in_the_audit_over_kill_9_and_the_metrics_tell_of_passes_and_reactions(
    running: Daemon,
) -> None:
    assert running.ctl("restart", "web", "--wait").code == 0
    running.kill()
    running.start()
    running.converged()
    said = running.ctl("audit")
    assert "POST /v1/services/{name}/restart  web" in said.out, said
    assert re.search(r"generation: (-|\d+) -> \d+", said.out), said
    assert running.ctl("audit", "--verify").code == 0
    running.ctl("restart", "web", "--wait")
    lines = dict(line.rsplit(" ", 1) for line in running.ctl("metrics").out.splitlines() if not line.startswith("#"))
    assert float(lines["zpmd_pass_duration_seconds_count"]) > 1
    assert float(lines["zpmd_reaction_seconds_count"]) >= 1
    assert float(lines["zpmd_engine_up"]) == 1
    assert float(lines["process_resident_memory_bytes"]) > 1e7
