"""Why, on a real engine: the root over two dependencies, a patch that replaced a replica, a probe's words, a stop."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from tests.integration.appliance import service, worker
from tests.integration.daemon import Daemon
from tests.integration.patches.drops import UPDATE, dropped, ended
from tests.lab.eventually import eventually

FLAKY = """\
environment: {LIFETIME: "0.2"}
healthcheck: {test: ["CMD", "false"], interval: 30s}
mem_limit: 64m
"""
NEEDS = "depends_on: {%s: {condition: service_healthy}}\n"


def told(daemon: Daemon, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = daemon.ask(f"/v1/why/{name}")
    return answer


def test_a_crash_loop_is_found_over_two_dependencies_and_says_who_waits_for_it(daemon: Daemon) -> None:
    daemon.file("10-zookeeper.yaml", service("zookeeper", "core", FLAKY, "appliance/flaky:1.0", healthy=False))
    daemon.file("20-kafka.yaml", worker("kafka", "core", NEEDS % "zookeeper"))
    daemon.file("30-siem.yaml", worker("siem", "core", NEEDS % "kafka"))
    daemon.start()
    found = eventually(
        lambda: (one := told(daemon, "siem"))["answer"].find("in a crash loop") > 0 and one, 60, "a crash loop", 0.1
    )
    assert re.match(
        r"siem waits for kafka, which waits for zookeeper:"
        r" zookeeper is in a crash loop, exit 1; being handled, next try",
        found["answer"],
    ), found["answer"]
    assert found["root"]["path"] == ["siem", "kafka", "zookeeper"]
    assert daemon.service("siem")["root"].startswith("zookeeper is in a crash loop")
    root = told(daemon, "zookeeper")
    assert root["awaited_by"] == ["kafka", "siem"]
    assert root["answer"].endswith("; 2 services wait for it")
    (dossier,) = daemon.ask("/v1/dossiers", service="zookeeper", limit="1")
    assert (dossier["exit_code"], dossier["limits"]["memory_bytes"]) == (1, 64 << 20)
    assert "cannot go on: this is what flaky does" in dossier["log_tail"][-1]
    sentence = root["replicas"][0]["chains"][1]["text"]
    assert re.search(r"was started again at .* because it exited with 1; it had run [\d.]+ s", sentence), sentence
    assert daemon.ctl("why", "zookepeer").err.strip() == (
        "zpmctl: no service, tenant or patch zookepeer: did you mean zookeeper?"
    )


def test_a_replica_that_a_patch_replaced_tells_the_whole_story(daemon: Daemon) -> None:
    daemon.file("10-user.yaml", service("user", "core", UPDATE))
    daemon.start()
    daemon.converged()
    dropped(daemon, "hotfix-1042", tag="1.1", services=["user"])
    assert ended(daemon, "hotfix-1042") == "applied"
    daemon.converged()
    chain = eventually(
        lambda: (last := told(daemon, "user/1")["replicas"][0]["chains"][-1])["text"].count("ready after") and last,
        20, "the new one to be seen ready", 0.1,
    )  # fmt: skip
    assert re.fullmatch(
        r"replica 1 was replaced at \d\d:\d\d:\d\d because patch hotfix-1042 changes it"
        r" \(image appliance/service:1.0 -> appliance/service:1.1\);( stop-first because .*;)?"
        r" the old one had run [\d.]+ (s|min) and exited (\d+ on our SIGTERM|0 when we stopped it);"
        r" the new one was ready after [\d.]+ s",
        chain["text"],
    ), chain["text"]
    assert told(daemon, "hotfix-1042")["answer"].endswith(": 1 service moved")
    assert told(daemon, "user")["answer"].endswith(chain["text"])


def test_the_words_of_a_probe_and_what_was_changed_before_are_in_the_dossier(daemon: Daemon) -> None:
    daemon.file("10-db.yaml", worker("db", "core"))
    moody = """\
    depends_on: [db]
    healthcheck:
      test: ["CMD-SHELL", "! test -e /tmp/broken || { echo the disk is full; exit 1; }"]
      interval: 300ms
      retries: 2
    """
    daemon.file("20-moody.yaml", service("moody", "core", textwrap.dedent(moody), healthy=False))
    daemon.start()
    daemon.converged()
    assert daemon.ctl("reload").code == 0
    client = daemon.engine.client()
    (moody_id,) = daemon.running("moody")
    client.exec_start(client.exec_create(moody_id, ["touch", "/tmp/broken"])["Id"])
    kept = eventually(lambda: daemon.ask("/v1/dossiers", service="moody"), 20, "the evidence of its sickness", 0.1)[-1]
    assert "exit 1: the disk is full" in kept["health_output"]
    assert kept["stopped"]
    assert kept["dependencies"] == [{"service": "db", "state": "running", "ready": 1, "desired": 1}]
    assert [c["text"] for c in kept["changes"] if c["actor"] != "zpmd"] == ["reload *: the files are to be read again"]
    said = daemon.ctl("dossier", "moody/1", "--last", "10").out
    assert "| exit 1: the disk is full" in said
    assert "depends on  db: running, 1 of 1 ready" in said


def test_a_stop_names_the_operator_to_whoever_waits_for_it(daemon: Daemon) -> None:
    daemon.file("10-db.yaml", worker("db", "core"))
    daemon.file("20-web.yaml", worker("web", "core", "depends_on: [db]\n"))
    daemon.start()
    daemon.converged()
    assert daemon.ctl("stop", "db", "--wait").code == 0
    daemon.engine.kill_container_process(daemon.running("web")[0])
    found = eventually(lambda: (one := told(daemon, "web"))["root"] and one, 20, "web to wait for db", 0.1)
    assert re.fullmatch(r"web waits for db: db was stopped by \S+ at \d\d:\d\d:\d\d; needs you", found["answer"]), (
        found["answer"]
    )
    assert found["handling"] == "needs you: `zpmctl start db` starts it"
    own = told(daemon, "db")
    assert re.fullmatch(r"db was stopped by \S+ at \d\d:\d\d:\d\d; 1 service waits for it", own["answer"]), own[
        "answer"
    ]
    assert re.search(r"was stopped at .* because \S+ stopped it; it had run", own["replicas"][0]["chains"][-1]["text"])
