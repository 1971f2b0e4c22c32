"""Patches as people see them, on a real server: the API, `zpmctl patch`, and what status, why and metrics say."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.interfaces.conftest import Ctl
from tests.unit.interfaces.given import NOON, Surface, service, standing
from tests.unit.interfaces.given_patches import (
    APPLIED,
    BUNDLE,
    NEW,
    OLD,
    REFUSED,
    ROLLED_BACK,
    ROLLING,
    STUCK,
    drop,
    manifest,
    put,
    step,
)
from zpmd.interfaces.ctl import follow
from zpmd.interfaces.ctl.patch_lines import moved_text
from zpmd.model.cause import Cause, Code
from zpmd.model.observed import Dossier
from zpmd.model.patch import Patch, Stage
from zpmd.model.plan import Plan, State, Waiting
from zpmd.model.service import Desired, Group, Patched, ServiceData, Under

UPDATING = standing("zona_user", state=State.UPDATING, ready=1, desired=2, reason="40 s to get ready")


def waits(text: str = "1 of 2 moved; zona_user on the way", id: str = "hotfix-1042") -> Waiting:
    return Waiting(subject=f"patch:{id}", cause=Cause(Code.PATCH_WAITS, text), until=NOON + 60)


def under(name: str, patch: str, how: Under, **more: Any) -> ServiceData:
    patched = Patched(patch=patch, number=1, under=how, base=f"{name}:1")
    return replace(service(name, **more), patched=patched)


# status, plan, why


def test_status_tells_the_loudest_first_and_the_good_not_at_all(surface: Surface, ctl: Ctl) -> None:
    put(surface.store, APPLIED, STUCK, ROLLED_BACK, REFUSED, drop(Stage.COPIED, "hotfix-1043"), ROLLING)
    surface.publish(plan=Plan(standings=(standing("redis", Group.SYSTEM), UPDATING), waiting=(waits(),)))
    said = ctl("status").out.splitlines()
    assert said[0].startswith("zpmd 0.1.0  troubled  ")
    assert said[1] == "  system 1/1  core 1/2"
    assert said[2:9] == [
        "  patch hotfix-1040 COULD NOT BE ROLLED BACK: zona_user did not get well after going back (zona_user: it is"
        " unhealthy); what runs is kept",
        "    a person is needed: `zpmctl patch show hotfix-1040`",
        "  patch hotfix-1042 rolling for 1 s: 1 of 2 moved; zona_user on the way, 59 s (12:01:00)",
        "  patch hotfix-1043 copied for 1 s: whether it fits this site is looked at",
        "  patch file login.patch.yaml was refused 10 min ago: login.patch.yaml:3:1: services is missing",
        "  patch hotfix-1041 was rolled back 61 s ago, and what ran before runs again: zona_user: it is unhealthy",
        "",
    ]
    assert "waiting" not in said, "what a patch waits for is in its own line"


@pytest.mark.parametrize(
    ("row", "state", "would_change"),
    [
        (APPLIED, "converged", False),
        (drop(Stage.SEEN, manifest=None, id=""), "changing", True),
        (drop(Stage.LOADED), "changing", True),
        (ROLLING, "changing", True),
        (replace(APPLIED, asked="root"), "changing", True),
        (REFUSED, "converged", False),
        (ROLLED_BACK, "converged", False),
    ],
    ids=["applied", "seen", "loaded", "rolling", "asked to go back", "refused", "rolled back"],
)
def test_a_patch_on_its_way_is_a_change_and_a_bad_file_no_trouble_of_the_appliance(
    surface: Surface, api: httpx.Client, ctl: Ctl, row: Patch, state: str, would_change: bool
) -> None:
    put(surface.store, row)
    published = surface.publish()
    assert api.get("/v1/status").json()["state"] == state
    assert published.converged is not would_change
    assert api.get("/v1/plan").json()["would_change"] is would_change
    assert ctl("plan").code == (3 if would_change else 0)


@pytest.mark.parametrize(
    ("stands", "state"),
    [(State.PAUSED, "troubled"), (State.UNHEALTHY, "troubled"), (State.RUNNING, "converged")],
)
def test_a_failed_rollback_is_trouble_until_its_services_are_well(
    surface: Surface, api: httpx.Client, stands: State, state: str
) -> None:
    put(surface.store, STUCK)
    surface.publish(standing("redis", Group.SYSTEM), standing("zona_user", state=stands))
    view = api.get("/v1/status").json()
    assert view["state"] == state
    assert [p["attention"] for p in view["patches"]] == ["failed" if state == "troubled" else "lately"]


def test_what_was_refused_is_told_for_a_day_or_until_it_is_dropped_anew(surface: Surface, api: httpx.Client) -> None:
    put(surface.store, ROLLED_BACK, replace(APPLIED, id="hotfix-1041"))
    surface.publish()
    assert api.get("/v1/status").json()["patches"] == []
    put(surface.store, REFUSED)
    surface.publish()
    assert [p["name"] for p in api.get("/v1/status").json()["patches"]] == [REFUSED.name]
    surface.clock.at += 86_400
    assert api.get("/v1/status").json()["patches"] == []


def test_a_flood_of_patches_takes_a_few_lines(surface: Surface, ctl: Ctl, api: httpx.Client) -> None:
    put(surface.store, *(drop(Stage.SEEN, f"p-{number}") for number in range(50)), ROLLING)
    surface.publish()
    assert api.get("/v1/status").json()["patches_untold"] == 31
    lines = [line for line in ctl("status").out.splitlines() if "patch" in line]
    assert lines[0].startswith("  patch hotfix-1042 rolling"), "the one that moves services comes first"
    assert lines[-1] == "  ... 46 more patches: `zpmctl patch list`"
    assert len(lines) == 6


def test_a_service_says_which_patch_it_is_under(surface: Surface, ctl: Ctl) -> None:
    put(surface.store, replace(ROLLING, id="hotfix-1042"))
    redis = under("redis", "hotfix-1042", Under.TRIAL, group=Group.SYSTEM)
    user = under("zona_user", "hotfix-1039", Under.APPLIED, replicas=2)
    surface.publish(
        standing("redis", Group.SYSTEM, image="redis:2"),
        standing("zona_user", ready=2, desired=2),
        desired=Desired(services=(redis, user)),
    )
    said = ctl("status").out
    assert "on trial under patch hotfix-1042\n" in said
    assert "patched by hotfix-1039\n" in said
    assert ctl("why", "redis").out.splitlines()[2] == (
        "  on trial under patch hotfix-1042, rolling since 12:00:00; its file says redis:1:"
        " `zpmctl patch show hotfix-1042`"
    )


def test_trouble_with_the_drop_directory_is_said_where_people_look(surface: Surface, ctl: Ctl) -> None:
    surface.publish(patches_trouble="/var/spool/zpmd/incoming: Read-only file system")
    assert ctl("status").out.splitlines()[0].startswith("zpmd 0.1.0  degraded  ")
    text = "patches: /var/spool/zpmd/incoming: Read-only file system"
    assert ctl("status").out.splitlines()[2] == f"  {text}"
    assert ctl("patch", "list").out == f"{text}\n\nno patch has been dropped\n"
    assert "fail  patches             /var/spool/zpmd/incoming: Read-only file system\n" in ctl("doctor").out


def test_plan_shows_what_a_patch_waits_for_and_one_of_which_nothing_else_is_said(surface: Surface, ctl: Ctl) -> None:
    put(surface.store, ROLLING, drop(Stage.SEEN, "", name="next.zpatch", manifest=None))
    surface.publish(plan=Plan(standings=(UPDATING,), waiting=(waits(),)))
    assert ctl("plan").out == (
        "waiting\n"
        "  patch:hotfix-1042  patch-waits  59 s (12:01:00)  1 of 2 moved; zona_user on the way\n"
        "patches\n"
        "  patch file next.zpatch seen for 1 s: it is copied and read\n"
    )


# the list


def test_the_list_has_what_needs_attention_first(surface: Surface, ctl: Ctl, api: httpx.Client) -> None:
    put(surface.store, STUCK, APPLIED, REFUSED, ROLLING)
    surface.publish(plan=Plan(standings=(UPDATING,), waiting=(waits(),)))
    assert ctl("patch", "list").out == (
        "DROP  PATCH             STATE            AGE     BY       SIGNER    SERVICES\n"
        "1     hotfix-1040       rollback-failed  6 min   release  E7620F18  redis, zona_user\n"
        "      zona_user did not get well after going back (zona_user: it is unhealthy); what runs is kept\n"
        "4     hotfix-1042       rolling          51 s    release  E7620F18  redis, zona_user\n"
        "      1 of 2 moved; zona_user on the way, 59 s (12:01:00)\n"
        "3     login.patch.yaml  quarantined      10 min  release  -         -\n"
        "      login.patch.yaml:3:1: services is missing\n"
        "2     hotfix-1039       applied          24 h    release  E7620F18  redis, zona_user\n"
    )
    only = api.get("/v1/patches", params={"limit": 1}).json()["patches"]
    assert [p["id"] for p in only] == ["hotfix-1040"], "an old one that needs a person goes before a new one"


def test_the_list_is_short_unless_all_are_asked_for(surface: Surface, ctl: Ctl) -> None:
    put(surface.store, *(replace(APPLIED, id=f"p-{number}") for number in range(30)))
    surface.publish()
    said = ctl("patch", "list").out.splitlines()
    assert (len(said), said[-1]) == (22, "older ones: `zpmctl patch list --all`")
    assert len(json.loads(ctl("patch", "list", "--all", "--json").out)["patches"]) == 30


def test_an_empty_ledger_says_so(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    assert ctl("patch", "list").out == "no patch has been dropped\n"


def test_a_file_name_from_elsewhere_never_reaches_the_terminal_raw(surface: Surface, ctl: Ctl) -> None:
    put(surface.store, replace(REFUSED, name="\x1b[2J.patch.yaml", reason="bad\x07"))
    surface.publish()
    for command in (("patch", "list"), ("patch", "show", "1"), ("status",)):
        assert "\x1b" not in ctl(*command).out
        assert "\x07" not in ctl(*command).out


# the story


def test_the_story_of_a_patch_that_was_rolled_back_has_the_last_words_of_the_culprit(
    surface: Surface, ctl: Ctl
) -> None:
    put(surface.store, replace(APPLIED, id="hotfix-1041", filed=""), ROLLED_BACK)
    for at, line in ((NOON - 3600, "long ago"), (NOON - 75, "cannot reach db"), (NOON - 1, "later on")):
        surface.store.keep_dossier(
            Dossier(
                service="zona_user",
                slot=1,
                container_id=f"c{at}",
                at=at,
                exit_code=1,
                log_tail=(line,),
                health_output=("connection refused", "connection refused"),
            )
        )
    surface.publish()
    assert ctl("patch", "show", "hotfix-1041").out == (
        "patch hotfix-1041  rolled-back at 11:59:00: zona_user: it is unhealthy\n"
        "  Fixes the login loop\n"
        "  its services run again what they ran before; drop a mended patch under a new id\n"
        "  drop 2: hotfix-1041.patch.yaml, 312 bytes, of release, signed with key E7620F1842B4E81F\n"
        f"  sha256 {'5f2c' * 16}\n"
        "  file    /var/spool/zpmd/rolled-back/hotfix-1041.patch.yaml\n"
        "  result  /var/spool/zpmd/rolled-back/hotfix-1041.patch.yaml.result.json\n"
        "\n"
        "stages\n"
        "  11:57:50  seen          10 s\n"
        "  11:58:00  copied        10 s\n"
        "  11:58:10  verified      10 s\n"
        "  11:58:20  loaded        10 s\n"
        "  11:58:30  switched      10 s\n"
        "  11:58:40  rolling       10 s\n"
        "  11:58:50  rolling-back  10 s\n"
        "  11:59:00  rolled-back\n"
        "\n"
        "services\n"
        "  redis      back  5 s   zona/user:v2.3.1 -> v2.3.0\n"
        "  zona_user  back  10 s  zona/user:v2.3.1 -> v2.3.0\n"
        "\n"
        "last words of zona_user  11:58:45, exit code 1\n"
        "  health\n"
        "    | connection refused  (2 times)\n"
        "  log\n"
        "    | cannot reach db\n"
        "\n"
        "other drops of it\n"
        "  1  2023-11-14 11:59:00  applied  release\n"
    )


@pytest.mark.parametrize(
    ("steps", "stage", "states"),
    [
        ((), Stage.SWITCHED, ["waiting", "waiting"]),
        ((step(),), Stage.ROLLING, ["moving", "waiting"]),
        ((step(clock=None),), Stage.ROLLING, ["held", "waiting"]),
        ((step(done_at=NOON), step("zona_user")), Stage.ROLLING, ["moved", "moving"]),
        ((step(done_at=NOON), step("zona_user")), Stage.ROLLING_BACK, ["going-back", "going-back"]),
        ((step(done_at=NOON), step("zona_user", back_at=NOON)), Stage.ROLLING_BACK, ["going-back", "back"]),
        ((step(done_at=NOON),), Stage.APPLIED, ["moved"]),
        ((step(done_at=NOON), step("zona_user", back_at=NOON)), Stage.ROLLBACK_FAILED, ["stuck", "back"]),
    ],
)
def test_each_service_of_a_patch_has_its_state(
    surface: Surface, api: httpx.Client, steps: tuple[Any, ...], stage: Stage, states: list[str]
) -> None:
    put(surface.store, drop(stage, steps=steps))
    surface.publish()
    view = api.get("/v1/patches/hotfix-1042").json()
    assert [s["state"] for s in view["steps"]] == states
    assert view["patch"]["state"] == stage


def test_the_story_of_a_patch_on_its_way_says_how_its_services_stand(surface: Surface, ctl: Ctl) -> None:
    given = manifest(requires=("hotfix-1041",), expires=NOON + 3600, deadline_seconds=600.0, images=BUNDLE)
    put(surface.store, replace(ROLLING, manifest=given, signer=""))
    surface.publish(plan=Plan(standings=(UPDATING,), waiting=(waits(),)))
    said = ctl("patch", "show", "hotfix-1042").out.splitlines()
    assert said[0] == "patch hotfix-1042  rolling for 1 s: 1 of 2 moved; zona_user on the way, 59 s (12:01:00)"
    assert "  drop 1: hotfix-1042.patch.yaml, 312 bytes, of release, not signed" in said
    assert "  requires hotfix-1041; expires 13:00:00; gives a service 10 min without progress" in said
    assert "  12:00:00  rolling   1 s so far" in said
    assert said[-6:] == [
        "services",
        "  redis      moved   8 s  zona/user:v2.3.0 -> v2.3.1",
        "  zona_user  moving  3 s  zona/user:v2.3.0 -> v2.3.1  updating, 1 of 2 ready: 40 s to get ready",
        "",
        "images that it carries",
        "  zona/user:v2.3.1  images/zona_user.tar  31 MB",
    ]


@pytest.mark.parametrize("name", ["1", "login.patch.yaml"])
def test_a_file_that_has_no_id_is_shown_by_its_number_or_its_name(surface: Surface, ctl: Ctl, name: str) -> None:
    put(surface.store, REFUSED, ROLLING)
    surface.publish()
    said = ctl("patch", "show", name).out.splitlines()
    assert said[0] == (
        "patch file login.patch.yaml  quarantined at 11:50:00: login.patch.yaml:3:1: services is missing"
    )
    assert "  result  /var/spool/zpmd/quarantine/20231115T115000Z-5f2c5f2c5f2c/reason.json" in said


def test_a_patch_that_nobody_knows_is_not_found(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    said = ctl("patch", "show", "nope")
    assert (said.code, said.err) == (
        4,
        "zpmctl: no patch nope: `zpmctl patch list` has those that there are;"
        " what was refused unread goes by its file\n",
    )
    assert ctl("patch", "show", "a/b").code == 4
    assert ctl("patch", "revert", "nope").code == 4


@pytest.mark.parametrize(
    ("end", "reason", "code"),
    [(Stage.APPLIED, "", 0), (Stage.ROLLED_BACK, "zona_user: it is unhealthy", 1), (Stage.QUARANTINED, "no", 1)],
)
def test_watching_a_patch_ends_with_it_and_tells_its_outcome(
    surface: Surface, ctl: Ctl, end: Stage, reason: str, code: int
) -> None:
    (row,) = put(surface.store, ROLLING)
    surface.publish(plan=Plan(standings=(UPDATING,), waiting=(waits(),)))

    def end_it() -> None:
        assert surface.board.watched.wait(20)
        surface.store.keep_patch(replace(row, stage=end, reason=reason, times=(*row.times, (end, NOON + 5))))
        surface.store.file_patch(row.number, "/var/spool/zpmd/over/hotfix-1042.patch.yaml")
        surface.publish()

    thread = threading.Thread(target=end_it)
    thread.start()
    said = ctl("patch", "show", "hotfix-1042", "--watch")
    thread.join()
    assert said.code == code
    assert said.out.startswith("patch hotfix-1042  rolling for 1 s: 1 of 2 moved; zona_user on the way")
    assert f"\npatch hotfix-1042  {end} at 12:00:05{f': {reason}' if reason else ''}\n" in said.out
    assert "  file    /var/spool/zpmd/over/hotfix-1042.patch.yaml\n" in said.out, "the whole story comes last"


def test_on_a_terminal_the_story_is_alive_and_stays_when_it_is_over(surface: Surface, tmp_path: Path) -> None:
    put(surface.store, APPLIED)
    surface.publish()
    program, terminal = pty.openpty()
    command = [sys.executable, "-m", "zpmd.interfaces.ctl", "patch", "show", "hotfix-1039", "--watch"]
    environment = {**os.environ, "ZPMD_SOCKET": str(tmp_path / "zpmd.sock"), "TZ": "UTC", "TERM": "xterm"}
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, env=environment) as shown:
        os.close(terminal)
        said = b""
        with contextlib.suppress(OSError):  # so Linux says that nobody has the terminal any more
            while piece := os.read(program, 65_536):
                said += piece
    os.close(program)
    assert shown.returncode == 0
    live, _, left = said.decode().partition("\x1b[?1049l")
    assert "hotfix-1039" in live
    assert "/var/spool/zpmd/applied/hotfix-1039.patch.yaml.result.json" in left


def test_watching_does_not_wait_for_ever_for_a_file_to_be_put_away(
    surface: Surface, ctl: Ctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "FILING_SECONDS", 0.0)
    put(surface.store, replace(APPLIED, filed=""))
    surface.publish()
    lines = ctl("patch", "show", "hotfix-1039", "--watch", "--json").out.splitlines()
    assert [json.loads(line)["patch"]["state"] for line in lines] == ["applied"]


def test_watching_waits_for_a_file_that_was_dropped_a_moment_ago(
    surface: Surface, ctl: Ctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "UNSEEN_SECONDS", 60.0)
    surface.publish()
    asked = threading.Event()
    ledger = surface.store.ledger

    def looked(limit: int = 100, id: str | None = None) -> tuple[Patch, ...]:
        rows = ledger(limit, id)
        asked.set()
        return rows

    def take_it() -> None:
        assert asked.wait(20)
        put(surface.store, APPLIED)

    monkeypatch.setattr(surface.store, "ledger", looked)
    thread = threading.Thread(target=take_it)
    thread.start()
    said = ctl("patch", "show", "hotfix-1039", "--watch")
    thread.join()
    assert (said.code, said.err) == (0, "")


# metrics


def test_patches_are_counted_by_outcome(surface: Surface, api: httpx.Client) -> None:
    put(surface.store, APPLIED, STUCK, ROLLED_BACK, REFUSED, ROLLING, drop(Stage.SEEN))
    surface.publish(plan=Plan(standings=(UPDATING,)))
    said = [line for line in api.get("/metrics").text.splitlines() if line.startswith("zpmd_patch")]
    assert said == [
        'zpmd_patches{outcome="applied"} 1.0',
        'zpmd_patches{outcome="quarantined"} 1.0',
        'zpmd_patches{outcome="reverted"} 0.0',
        'zpmd_patches{outcome="rollback-failed"} 1.0',
        'zpmd_patches{outcome="rolled-back"} 1.0',
        'zpmd_patches{outcome="under-way"} 2.0',
        "zpmd_patch_moving 1.0",
        "zpmd_patch_rollback_failed 1.0",
    ]


def test_images_that_differ_in_their_tag_alone_are_told_in_short() -> None:
    pairs = ((OLD, NEW), (OLD, "other:v1"), (OLD, OLD), ("h:5/a", "h:5/b"))
    assert [moved_text(was, image) for was, image in pairs] == [
        "zona/user:v2.3.0 -> v2.3.1",
        "zona/user:v2.3.0 -> other:v1",
        "zona/user:v2.3.0",
        "h:5/a -> h:5/b",
    ]


def test_a_stage_that_is_dated_before_the_last_one_took_no_time(surface: Surface, ctl: Ctl, api: httpx.Client) -> None:
    way = ((Stage.SEEN, NOON - 5), (Stage.COPIED, NOON - 3), (Stage.VERIFIED, NOON - 4))
    put(surface.store, drop(Stage.VERIFIED, times=way))
    surface.publish()
    stages = api.get("/v1/patches/hotfix-1042").json()["stages"]
    assert [stage["seconds"] for stage in stages] == [2.0, 0.0, None]


@pytest.mark.parametrize(
    ("exit_code", "probe", "meaning"),
    [
        (0, ("exit 0", "exit 1: refused"), "unhealthy until it was stopped"),
        (0, ("exit 1: refused", "exit 0"), "exit code 0: it ended without an error"),
        (0, (), "exit code 0: it ended without an error"),
        (3, ("exit 1: refused",), "exit code 3"),
    ],
)
def test_a_culprit_that_obeyed_when_it_was_stopped_did_not_end_well(
    surface: Surface, api: httpx.Client, exit_code: int, probe: tuple[str, ...], meaning: str
) -> None:
    put(surface.store, ROLLED_BACK)
    kept = Dossier(
        service="zona_user", slot=1, container_id="c1", at=NOON - 75, exit_code=exit_code, health_output=probe
    )
    surface.store.keep_dossier(kept)
    surface.publish()
    assert api.get(f"/v1/patches/{ROLLED_BACK.id}").json()["evidence"]["meaning"] == meaning
