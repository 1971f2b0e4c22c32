"""`zpmctl patch plan` and `revert` on a real server: what a patch would do, and taking one back."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.unit.interfaces.conftest import Ctl
from tests.unit.interfaces.given import NOON, Surface
from tests.unit.interfaces.given_patches import (
    APPLIED,
    drop,
    manifest,
    put,
)
from zpmd.model.cause import Code
from zpmd.model.memory import Timing
from zpmd.model.observed import World
from zpmd.model.patch import Patch, Stage
from zpmd.patching.building import build

PLAN = "id: hotfix-1050\nservices: [redis, zona_user]\ntag: '9'\n"


def ready_for_plans(surface: Surface) -> None:
    surface.store.keep_timing("zona_user", Timing(stop_seconds=1.5, ready_seconds=12))
    surface.publish()
    surface.engine.world = World(images=frozenset({"redis:1", "zona_user:1", "redis:9"}))


def test_a_plan_says_what_would_move_and_changes_nothing(surface: Surface, ctl: Ctl, tmp_path: Path) -> None:
    ready_for_plans(surface)
    file = tmp_path / "x.patch.yaml"
    file.write_text(PLAN)
    said = ctl("patch", "plan", str(file))
    assert (said.code, said.err) == (3, "")
    assert said.out == (
        "patch hotfix-1050  moves 2 services in 2 waves, in about 27 s, and 1 not measured yet\n"
        "\n"
        "WAVE  SERVICE    REPLICAS  ORDER       AWAY  TAKES  IMAGE\n"
        "1     redis      1         stop-first  ?     ?      redis:1 -> 9\n"
        "2     zona_user  2         stop-first  no    27 s   zona_user:1 -> 9\n"
        "\n"
        "? has not been measured on this host yet\n"
        "\n"
        "images\n"
        "  redis:9      on the engine already\n"
        "  zona_user:9  pulled from its registry\n"
    )
    assert surface.store.ledger() == ()
    assert surface.woken == []
    assert json.loads(ctl("patch", "plan", str(file), "--json").out)["steps"][1]["seconds"] == 27.0


def test_the_plan_of_a_bundle_reads_the_manifest_inside(surface: Surface, ctl: Ctl, tmp_path: Path) -> None:
    ready_for_plans(surface)
    build(manifest("hotfix-1051"), (), tmp_path / "hotfix.zpatch")
    said = ctl("patch", "plan", str(tmp_path / "hotfix.zpatch"))
    assert said.out.startswith("patch hotfix-1051  moves 2 services in 2 waves")
    (tmp_path / "cut.zpatch").write_bytes((tmp_path / "hotfix.zpatch").read_bytes()[:-9])
    assert ctl("patch", "plan", str(tmp_path / "cut.zpatch")).code == 5


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "id: hotfix-1050\nservice: [redis]\ntag: 'v 9'\n",
            [
                "x.patch.yaml would be refused: 3 problems",
                "  x.patch.yaml:1:1: services is missing: write the services that move, or groups",
                "  x.patch.yaml:2:1: service: unknown key 'service', did you mean 'services'?",
                "  x.patch.yaml:3:6: tag: 'v 9' will not do: write an image tag, for example v2.3.1",
            ],
        ),
        (
            PLAN.replace("zona_user", "zona_usr"),
            [
                "patch hotfix-1050  would be refused: there is no service zona_usr here: did you mean zona_user?",
                "  but for that it moves 1 service in 1 wave, and how long that takes has not been measured yet",
            ],
        ),
    ],
    ids=["a bad manifest", "an unknown service"],
)
def test_a_plan_that_would_be_refused_says_why_and_exits_5(
    surface: Surface, ctl: Ctl, tmp_path: Path, text: str, lines: list[str]
) -> None:
    ready_for_plans(surface)
    file = tmp_path / "x.patch.yaml"
    file.write_text(text)
    said = ctl("patch", "plan", str(file))
    assert (said.code, said.out.splitlines()[: len(lines)]) == (5, lines)


def test_the_problems_of_a_manifest_have_their_places_in_the_api(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    answer = api.post("/v1/patches/plan", json={"name": "x.patch.yaml", "manifest": "id: ok\n"})
    assert (answer.status_code, answer.json()["code"]) == (422, "configuration")
    assert answer.json()["errors"] == [
        {"message": "x.patch.yaml:1:1: services is missing: write the services that move, or groups"}
    ]


def test_a_plan_needs_a_file_that_can_be_read_and_an_engine_that_answers(
    surface: Surface, ctl: Ctl, tmp_path: Path
) -> None:
    surface.publish()
    assert ctl("patch", "plan", str(tmp_path / "no.patch.yaml")).code == 4
    file = tmp_path / "x.patch.yaml"
    file.write_bytes(b"id: \xff\n")
    assert ctl("patch", "plan", str(file)).err == "zpmctl: x.patch.yaml would be refused: it is not UTF-8 text\n"
    file.write_text(PLAN)
    said = ctl("patch", "plan", str(file))
    assert (said.code, said.err) == (
        5,
        "zpmctl: cannot tell what patch hotfix-1050 would do: not asked in these tests\n",
    )


# taking one back


def moved(id: str, at: float) -> Patch:
    return replace(APPLIED, id=id, manifest=manifest(id), times=((Stage.SWITCHED, at), (Stage.APPLIED, at + 1)))


def test_taking_a_patch_back_names_what_stands_on_it_first(surface: Surface, ctl: Ctl) -> None:
    put(surface.store, moved("p-1", NOON - 200), moved("p-2", NOON - 100))
    surface.publish()
    said = ctl("patch", "revert", "p-1")
    assert said.code == 5
    assert "`zpmctl patch revert p-1 --with-later`" in said.err
    said = ctl("patch", "revert", "p-1", "--with-later", "--json")
    assert (said.code, json.loads(said.out)["patches"]) == (0, ["p-2", "p-1"])
    assert {row.id for row in surface.store.ledger() if row.asked} == {"p-1", "p-2"}
    (entry,) = surface.store.journal(None, 0, None, 10)
    assert (entry.verb, entry.subject, entry.code) == ("revert", "patch:p-1", Code.PATCH_REVERTING)
    assert entry.actor not in ("zpmd", "api"), "the journal says who asked"
    assert "reverting" in ctl("patch", "list").out


@pytest.mark.parametrize(
    ("end", "code", "text"),
    [
        (Stage.REVERTED, 0, "taken back: p-1\n"),
        (Stage.ROLLBACK_FAILED, 1, "zpmctl: p-1 is rollback-failed: redis did not get well\n"),
    ],
)
@pytest.mark.parametrize("refused_since", [(), (drop(Stage.QUARANTINED, "p-1", reason="the id p-1 was used"),)])
def test_waiting_for_a_revert_tells_the_truth(
    surface: Surface, ctl: Ctl, refused_since: tuple[Patch, ...], end: Stage, code: int, text: str
) -> None:
    row, *_ = put(surface.store, moved("p-1", NOON - 200), *refused_since)
    surface.publish()

    def end_it() -> None:
        assert surface.board.watched.wait(20)
        ended = replace(row, stage=end, reason="redis did not get well", times=(*row.times, (end, NOON + 5)))
        surface.store.keep_patch(ended)
        surface.publish()

    thread = threading.Thread(target=end_it)
    thread.start()
    said = ctl("patch", "revert", "p-1", "--wait")
    thread.join()
    assert (said.code, said.out if code == 0 else said.err.splitlines(keepends=True)[-1]) == (code, text)


def test_a_refused_drop_of_the_same_id_does_not_hide_the_one_that_goes_back(surface: Surface, ctl: Ctl) -> None:
    put(surface.store, moved("p-1", NOON - 200), drop(Stage.QUARANTINED, "p-1", reason="the id p-1 was used"))
    surface.publish()
    assert ctl("patch", "revert", "p-1").code == 0
    again = ctl("patch", "revert", "p-1")
    assert (again.code, "has asked for that already" in again.err) == (5, True)


def test_waiting_for_a_revert_ends_at_the_timeout(surface: Surface, ctl: Ctl) -> None:
    put(surface.store, moved("p-1", NOON - 200))
    surface.publish()
    said = ctl("patch", "revert", "p-1", "--wait", "--timeout", "0.2s")
    assert said.code == 7
    assert said.err.endswith("still going on: p-1 is reverting\n")
