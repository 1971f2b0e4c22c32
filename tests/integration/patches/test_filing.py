"""Files of ended patches are put away, with a result that tells the story."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.patches.site import Site, manifest
from tests.lab.eventually import eventually, settled
from zpmd.model.events import Entry
from zpmd.model.observed import Dossier
from zpmd.model.patch import Patch, Stage, Step


def taken(site: Site, name: str = "fix.patch.yaml", id: str = "hotfix-1") -> Patch:
    site.drop(name, manifest(id))
    return site.row(Stage.COPIED, name=name)


def rolled(site: Site, row: Patch, stage: Stage, **changes: object) -> Patch:
    """As the loop moves a row on to its end."""
    now = site.clock.now()
    step = Step(service="zona_user", at=now, generation=3, was="zona/user:v1", image="zona/user:v2", done_at=now + 2)
    row = replace(row, times=(*row.times, (Stage.SWITCHED, now), (Stage.ROLLING, now)), steps=(step,))
    site.end(row, stage, **changes)
    return site.filed(row.number)


@pytest.mark.parametrize(
    ("stage", "place"),
    [
        (Stage.APPLIED, "applied"),
        (Stage.ROLLED_BACK, "rolled-back"),
        (Stage.ROLLBACK_FAILED, "rolled-back"),
        (Stage.REVERTED, "rolled-back"),
    ],
)
def test_each_end_has_its_folder(site: Site, stage: Stage, place: str) -> None:
    row = rolled(site, taken(site), stage)
    assert row.filed == str(site.at(place, "fix.patch.yaml"))
    assert sorted(os.listdir(site.at(place))) == ["fix.patch.yaml", "fix.patch.yaml.result.json"]
    assert site.at(place, "fix.patch.yaml").read_text() == manifest()
    result = json.loads(site.at(place, "fix.patch.yaml.result.json").read_text())
    assert (result["outcome"], result["now_at"], result["id"]) == (stage.value, row.filed, "hotfix-1")
    assert not os.listdir(site.incoming)
    eventually(lambda: not site.copies())


def test_a_refusal_of_the_loop_goes_to_quarantine(site: Site) -> None:
    row = taken(site)
    site.end(row, Stage.QUARANTINED, reason="the service zona_user does not exist")
    filed = Path(site.filed(row.number).filed)
    assert filed.parent.parent == site.at("quarantine")
    assert json.loads((filed.parent / "reason.json").read_text())["reason"] == "the service zona_user does not exist"


def test_the_result_tells_the_story_and_no_secret(site: Site) -> None:
    row = taken(site)
    now = site.clock.now()
    kept = Dossier(
        service="zona_user", slot=0, container_id="c1", at=now + 1, exit_code=3,
        health_output=("connection refused",), log_tail=("starting", "password=hunter2hunter2"), image="zona/user:v2",
    )  # fmt: skip
    site.store.keep_dossier(replace(kept, at=now - 1000, exit_code=99))
    site.store.keep_dossier(kept)
    entry = Entry(
        id=0, at=now + 1, kind="action", verb="restart", subject="zona_user/0", service="zona_user", text="died"
    )
    site.store.begin(entry)
    site.store.begin(replace(entry, service="other", subject="other/0"))
    site.clock.ahead += 0.001
    filed = rolled(
        site, replace(row, signer="00AB"), Stage.ROLLED_BACK, culprit="zona_user", reason="it did not get well"
    )
    text = Path(filed.filed + ".result.json").read_text()
    result = json.loads(text)
    assert "hunter2" not in text
    assert [e["exit_code"] for e in result["evidence"]] == [3]
    assert result["evidence"][0]["health_output"] == ["connection refused"]
    assert result["services"] == [
        result["services"][0] | {"service": "zona_user", "from": "zona/user:v1", "to": "zona/user:v2", "seconds": 2.0}
    ]
    assert {line["what"] for line in result["journal"]} == {"restart zona_user/0"}
    assert [stage["stage"] for stage in result["stages"]] == ["seen", "copied", "switched", "rolling", "rolled-back"]
    assert all(stage["seconds"] is not None for stage in result["stages"][:-1])
    assert (result["culprit"], result["signer"], result["dropped_by"]) == ("zona_user", "00AB", "root")
    assert result["seen"].endswith("Z")
    assert result["seen"] <= result["began"] <= result["ended"]


def test_nothing_that_is_there_is_overwritten(site: Site) -> None:
    for number in range(3):
        row = taken(site, id=f"fix-{number}")
        site.end(row, Stage.APPLIED)
        site.filed(row.number)
    assert sorted(os.listdir(site.at("applied"))) == [
        "fix.patch.yaml",
        "fix.patch.yaml.1",
        "fix.patch.yaml.1.result.json",
        "fix.patch.yaml.2",
        "fix.patch.yaml.2.result.json",
        "fix.patch.yaml.result.json",
    ]
    assert "fix-1" in site.at("applied", "fix.patch.yaml.1").read_text()
    assert json.loads(site.at("applied", "fix.patch.yaml.2.result.json").read_text())["id"] == "fix-2"


def test_the_same_bytes_again_are_a_drop_of_their_own(site: Site) -> None:
    first = taken(site)
    site.end(first, Stage.APPLIED)
    site.filed(first.number)
    second = taken(site)
    assert second.number != first.number
    assert second.sha256 == first.sha256


def test_another_file_by_the_name_of_one_under_way_is_a_drop_of_its_own(site: Site) -> None:
    first = taken(site)
    site.drop("fix.patch.yaml", manifest("other"))
    second = eventually(lambda: next((r for r in site.rows() if r.id == "other"), None))
    assert second is not None
    site.end(first, Stage.APPLIED)
    assert "its file was gone" in site.filed(first.number).filed
    assert (site.incoming / "fix.patch.yaml").exists()
    site.end(second, Stage.APPLIED)
    assert Path(site.filed(second.number).filed).read_text() == manifest("other")


def test_a_revert_moves_the_file_on(site: Site) -> None:
    row = rolled(site, taken(site), Stage.APPLIED)
    site.store.ask_revert([row.number], "root")
    site.box.nudge()
    site.end(row, Stage.REVERTED)
    eventually(lambda: os.listdir(site.at("applied")) == [])
    assert sorted(os.listdir(site.at("rolled-back"))) == ["fix.patch.yaml", "fix.patch.yaml.result.json"]
    reverted = eventually(lambda: next(r for r in site.rows() if "/rolled-back/" in r.filed))
    assert json.loads(Path(reverted.filed + ".result.json").read_text())["outcome"] == "reverted"
    lines = settled(lambda: len(site.store.journal()), 0.5)
    site.looks(600)
    assert settled(lambda: len(site.store.journal()), 0.5) == lines


def test_an_applied_patch_that_is_asked_to_go_back_stays_where_it_is_until_it_has(site: Site) -> None:
    row = rolled(site, taken(site), Stage.APPLIED)
    site.store.ask_revert([row.number], "root")
    site.looks(600)
    assert settled(lambda: sorted(os.listdir(site.at("applied"))), 0.5)[0] == "fix.patch.yaml"


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A bind mount of the folder onto itself."""
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_on_a_read_only_mount_patches_are_taken_and_their_results_are_kept_aside(idle: Site) -> None:
    site = idle
    site.incoming.mkdir(parents=True)
    site.drop("good.patch.yaml")
    site.drop("bad.patch.yaml", "wrong: 1\n")
    with read_only(site.incoming):
        site.start()
        good = site.row(Stage.COPIED, name="good.patch.yaml")
        bad = site.row(Stage.QUARANTINED, name="bad.patch.yaml")
        site.end(good, Stage.APPLIED)
        for number in (good.number, bad.number):
            filed = site.filed(number).filed
            assert filed.startswith("not moved: ")
            assert json.loads(Path(filed.rpartition(" is ")[2]).read_text())["number"] == number
        eventually(lambda: "read-only" in site.box.trouble() and "2 files cannot be moved" in site.box.trouble())
        site.again().start()
        site.looks(600)
        assert settled(lambda: len(site.rows()), 1.0) == 2
    site.looks(600)
    eventually(lambda: os.listdir(site.incoming) == [])
    eventually(lambda: all(row.filed.startswith(str(site.settings.dir)) for row in site.rows()))
    assert sorted(os.listdir(site.at("applied"))) == ["good.patch.yaml", "good.patch.yaml.result.json"]
    assert not list((site.state / "patches" / "results").rglob("*.json"))
    eventually(lambda: site.box.trouble() == "")
    assert site.copies() == []


def test_where_a_folder_has_become_a_link_nothing_is_put_behind_it(site: Site) -> None:
    row = taken(site)
    elsewhere = site.folder / "elsewhere"
    elsewhere.mkdir()
    os.rmdir(site.at("applied"))
    site.at("applied").symlink_to(elsewhere)
    site.end(row, Stage.APPLIED)
    assert site.filed(row.number).filed.startswith("not moved: ")
    assert os.listdir(elsewhere) == []
    site.at("applied").unlink()
    site.looks(600)
    eventually(lambda: site.rows()[0].filed == str(site.at("applied", "fix.patch.yaml")))
