"""A file that is dropped moves exactly what it names, or leaves everything as it was; on a real engine."""

from __future__ import annotations

from tests.integration.daemon import Daemon
from tests.integration.patches.drops import appliance, dropped, ended, ids, images, refusal, result, row
from tests.lab.eventually import eventually

BEFORE = {
    "db": ["appliance/service:1.0"],
    "mail": ["appliance/worker:1.0"],
    "siem": ["appliance/service:1.0"],
    "user": ["appliance/service:1.0"],
}
SICK = {"siem": {"image": "appliance/sick:1.0"}}


def test_exactly_what_a_patch_names_moves_and_stays_moved(daemon: Daemon) -> None:
    appliance(daemon)
    others = ids(daemon, "db", "mail")
    dropped(daemon, "hotfix-1", tag="1.1", services=["user", "siem"], description="Fixes the login loop")
    assert ended(daemon, "hotfix-1") == "applied"
    after = BEFORE | {"siem": ["appliance/service:1.1"], "user": ["appliance/service:1.1"]}
    assert images(daemon) == after
    assert ids(daemon, "db", "mail") == others
    told = result(daemon, "applied", "hotfix-1.patch.yaml")
    assert told["outcome"] == "applied"
    assert not list((daemon.spool / "incoming").iterdir())
    daemon.converged()

    running = ids(daemon, "db", "mail", "user", "siem")
    daemon.kill()
    daemon.start()
    daemon.converged()
    assert ids(daemon, "db", "mail", "user", "siem") == running, "a patch outlives zpmd, and moves nothing again"
    (container,) = daemon.running("user")
    daemon.engine.client().remove_container(container, force=True)
    eventually(lambda: images(daemon) == after, 60, "the patched image again, in a new container", 0.2)


def test_one_service_that_does_not_get_well_takes_the_whole_patch_back(daemon: Daemon) -> None:
    appliance(daemon)
    others = ids(daemon, "db", "mail")
    dropped(daemon, "hotfix-2", services={"user": {"tag": "1.1"}, **SICK}, deadline="20s")
    assert ended(daemon, "hotfix-2", 120) == "rolled-back"
    assert images(daemon) == BEFORE
    assert ids(daemon, "db", "mail") == others
    told = result(daemon, "rolled-back", "hotfix-2.patch.yaml")
    assert (told["outcome"], told["culprit"]) == ("rolled-back", "siem")
    assert "siem" in told["reason"]
    assert told["evidence"], "the probe's output, or the last lines of its log"
    daemon.converged()


def test_a_patch_is_reverted_on_request_and_its_file_goes_with_it(daemon: Daemon) -> None:
    appliance(daemon)
    dropped(daemon, "hotfix-3", tag="1.1", services=["user"])
    assert ended(daemon, "hotfix-3") == "applied"
    said = daemon.ctl("patch", "revert", "hotfix-3")
    assert said.code == 0, said
    eventually(lambda: row(daemon, "hotfix-3").get("stage") == "reverted", 60, "the patch to be reverted", 0.2)
    assert images(daemon) == BEFORE
    assert result(daemon, "rolled-back", "hotfix-3.patch.yaml")["outcome"] == "reverted"
    assert not (daemon.spool / "applied" / "hotfix-3.patch.yaml").exists()


def test_what_does_not_fit_is_refused_with_a_reason_and_nothing_is_touched(daemon: Daemon) -> None:
    appliance(daemon)
    everything = ids(daemon, "db", "mail", "user", "siem")
    dropped(daemon, "hotfix-4", tag="1.1", services=["usr"])
    assert ended(daemon, "hotfix-4") == "quarantined"
    assert "did you mean user?" in refusal(daemon)
    assert ids(daemon, "db", "mail", "user", "siem") == everything
