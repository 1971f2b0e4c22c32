"""zpmctl against a real server: what it prints, word for word, and what it exits with."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.unit.interfaces.conftest import Ctl
from tests.unit.interfaces.given import NOON, Surface, replica, standing
from zpmd.interfaces.rest.server import ApiServer
from zpmd.interfaces.status import status
from zpmd.model.action import StopReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Entry, Result, SourceState
from zpmd.model.observed import Dossier, Health, InFlight, Observed, Phase, World
from zpmd.model.plan import Plan, State, Waiting
from zpmd.model.service import Group, Problem

Spawn = Callable[..., subprocess.Popen[str]]

CRASHED = standing(
    "redis", Group.SYSTEM, state=State.CRASH_LOOP, ready=0, since=None, restarts=4, reason="exited with code 137"
)


def waiting(subject: str, code: Code, text: str, until: float | None = None) -> Waiting:
    return Waiting(subject=subject, service=subject.partition("/")[0], cause=Cause(code, text), until=until)


def test_status_of_a_converged_appliance(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    said = ctl("status")
    assert said.out == (
        "zpmd 0.1.0  converged  2 services, 3 of 3 replicas ready\n"
        "  system 1/1  core 2/2\n"
        "\n"
        "SERVICE    GROUP   READY  STATE    AGE  RESTARTS\n"
        "redis      system  1/1    running  2 h  0\n"
        "zona_user  core    2/2    running  2 h  0\n"
    )
    assert (said.code, said.err) == (0, "")


def test_a_removal_that_is_held_is_trouble_and_no_change_on_its_way(surface: Surface, ctl: Ctl) -> None:
    """Nothing goes on until somebody has approved it: `changing` would have an operator wait for it."""
    held = waiting("misp/1", Code.MASS_REMOVAL, "the removal of 3 of 5 services is held")
    surface.publish(plan=Plan(standings=(standing("zona_user"),), waiting=(held,)))
    assert ctl("status").out.startswith("zpmd 0.1.0  troubled  ")


def test_status_of_a_bad_night(surface: Surface, ctl: Ctl) -> None:
    problem = Problem(file="services.d/20-core.yaml", line=14, column=5, path="services.x.imge", message="unknown key")
    surface.publish(
        sources=(SourceState(name="files", ok=False, at=NOON, since=NOON - 180, problems=(problem,)),),
        watchers={"files": True, "engine events": False},
        in_flight=(InFlight(subject="zona_user/2", verb="run", since=NOON - 3, progress="pulling 40 %"),),
        plan=Plan(
            standings=(CRASHED, standing("zona_user", state=State.UPDATING, ready=1, desired=2)),
            waiting=(
                waiting("redis/1", Code.CRASH_LOOP, "crash loop: 4 restarts", NOON + 13),
                waiting("misp/1", Code.MASS_REMOVAL, "the removal of 3 of 5 services is held"),
                waiting("zona_user/3", Code.NAME_TAKEN, "the name is taken by a container that is not ours"),
                Waiting(subject="volume:v", cause=Cause(Code.RETRY, "no space left on device"), until=NOON + 61),
            ),
        ),
    )
    assert ctl("status").out == (
        "zpmd 0.1.0  degraded since 11:57:00 (3 min)  2 services, 1 of 3 replicas ready\n"
        "  system 0/1  core 1/2\n"
        "  files: its last good state is kept\n"
        "    services.d/20-core.yaml:14:5: services.x.imge: unknown key\n"
        "  watcher of engine events is not alive: changes are seen at the next resync only\n"
        "  held: the removal of 1 service: misp\n"
        "    `zpmctl approve` if it is meant; if not, put the service files back\n"
        "  conflict: zona_user/3: the name is taken by a container that is not ours\n"
        "\n"
        "SERVICE    GROUP   READY  STATE       AGE  RESTARTS  REASON\n"
        "redis      system  0/1    crash-loop  -    4         exited with code 137; being handled, 12 s (12:00:13):"
        " zpmd goes on trying; `zpmctl why redis` has its last words\n"
        "zona_user  core    1/2    updating    2 h  0         the name is taken by a container that is not ours;"
        " being handled: run zona_user/2 for 4 s (pulling 40 %)\n"
        "\n"
        "waiting\n"
        "  volume:v  retry  60 s (12:01:01)  no space left on device\n"
    )


def test_status_when_the_engine_is_unknown(surface: Surface, ctl: Ctl) -> None:
    observed = Observed(world=None, error="connection refused", unknown_since=NOON - 600)
    unknown = standing("redis", Group.SYSTEM, state=State.UNKNOWN, ready=0, since=None, reason="engine unknown")
    surface.publish(unknown, observed=observed, plan=Plan(standings=(unknown,)))
    assert ctl("status").out.splitlines()[:2] == [
        "zpmd 0.1.0  degraded since 11:50:00 (10 min)  1 service, 0 of 1 replica ready",
        "  engine unknown: connection refused",
    ]


def test_status_says_where_an_operator_overrides_the_number_of_a_file(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    assert ctl("scale", "zona_user", "5").code == 0
    surface.publish()
    row = next(line for line in ctl("status").out.splitlines() if "zona_user" in line)
    assert row.endswith("scaled to 5 by an operator")


def test_text_from_elsewhere_never_reaches_the_terminal_raw(surface: Surface, ctl: Ctl) -> None:
    bad = standing("redis", Group.SYSTEM, state=State.BLOCKED, ready=0, reason="\x1b[2Jpwned\u202e\nsecond\tline")
    surface.publish(plan=Plan(standings=(bad,)))
    assert r"\x1b[2Jpwned\u202e\x0asecond line" in ctl("status").out


def test_json_has_the_stable_names(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    view = json.loads(ctl("status", "--json").out)
    assert set(view) == {
        *("number", "at", "now", "version", "owner", "started_at", "state", "since", "down", "degraded", "troubled"),
        *("groups", "waiting", "in_flight", "held_removals", "conflicts", "holds", "containers", "registry"),
        *("patches", "patches_untold"),
    }
    assert set(view["groups"][0]["services"][0]) == {
        *("name", "group", "state", "ready", "desired", "restarts", "since", "image", "tenant", "reason", "declared"),
        *("stopped", "scaled", "generation", "outdated", "hold", "replicas", "waiting", "in_flight", "patched"),
        *("root", "job"),
    }


def test_plan_exits_0_when_there_is_nothing_and_3_when_there_is(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    assert ctl("plan") == ctl("plan")
    assert (ctl("plan").code, ctl("plan").out) == (0, "nothing to do\n")
    stop = StopReplica(replica=replica("zona_user", 3), cause=Cause(Code.SCALED_DOWN, "2 replicas are wanted"))
    surface.publish(plan=Plan(actions=(stop,), waiting=(waiting("redis/1", Code.BACKOFF, "backoff", NOON + 14),)))
    said = ctl("plan")
    assert said.code == 3
    assert said.out == (
        "next\n  stop  zona_user/3  2 replicas are wanted\nwaiting\n  redis/1  backoff  12 s (12:00:14)  backoff\n"
    )
    surface.publish(
        plan=Plan(actions=(stop,)), in_flight=(InFlight(subject="zona_user/3", verb="stop", since=surface.clock.at),)
    )
    assert ctl("plan").out == "under way\n  stop  zona_user/3  for 1 s  2 replicas are wanted\n"
    surface.publish(plan=Plan(waiting=(waiting("redis", Code.STOPPED, "stopped by an operator"),)))
    assert ctl("plan").code == 0, "what an operator has stopped is as it should be"


def test_why_tells_the_story_of_a_crash_loop(surface: Surface, ctl: Ctl) -> None:
    for attempt, result in ((1, Result.OK), (2, Result.TRANSIENT)):
        entry = Entry(
            id=0,
            at=NOON - 30 + attempt,
            kind="action",
            verb="start",
            subject="redis/1",
            service="redis",
            code="died",
            text="exited with code 137",
            attempt=attempt,
        )
        number = surface.store.begin(entry)
        surface.store.finish(number, result, "" if result is Result.OK else "engine is busy", 0.31, "c1")
    surface.store.keep_dossier(
        Dossier(
            service="redis",
            slot=1,
            container_id="0123456789abcdef",
            at=NOON - 5,
            exit_code=137,
            log_tail=("ready", "\x1b[31mout of luck"),
            health_output=("connection refused",),
            started_at=NOON - 20,
            finished_at=NOON - 5,
        )
    )
    dead = replica("redis", group=Group.SYSTEM, phase=Phase.EXITED, exit_code=137, finished_at=NOON - 5)
    surface.publish(
        world=World(replicas=(dead,)),
        plan=Plan(
            standings=(CRASHED,), waiting=(waiting("redis/1", Code.CRASH_LOOP, "crash loop: 4 restarts", NOON + 13),)
        ),
    )
    assert ctl("why", "redis").out == (
        "redis is in a crash loop: 0 of 1 replica ready; exited with code 137\n"
        "  being handled, 12 s (12:00:13): zpmd goes on trying; see its last words below;"
        " `zpmctl start redis` skips the wait\n"
        "\n"
        "waiting\n"
        "  redis/1  crash-loop, 12 s (12:00:13)  crash loop: 4 restarts\n"
        "    zpmd goes on trying; see its last words below; `zpmctl start redis` skips the wait\n"
        "\n"
        "redis/1  zpmd-redis-1  exited 6 s ago; exit code 137: killed by SIGKILL\n"
        "  was started again at 11:59:31 because it exited with code 137\n"
        "  was started again at 11:59:32 because it exited with code 137; it could not be started: engine is busy\n"
        "  evidence of 11:59:55: container 0123456789ab, exit code 137: killed by SIGKILL, after 15 s\n"
        "    health\n"
        "      | connection refused\n"
        "    last words\n"
        "      | ready\n"
        "      | \\x1b[31mout of luck\n"
    )


def test_why_of_a_service_that_left_the_files_tells_what_was(surface: Surface, ctl: Ctl) -> None:
    entry = Entry(
        id=0, at=NOON - 60, kind="action", verb="remove", subject="old/1", service="old", text="it left the files"
    )
    surface.store.begin(entry)
    surface.publish()
    said = ctl("why", "old")
    assert said.out.splitlines()[0] == "old is not declared and has no container; last heard of at 11:59:00"
    assert "was removed at 11:59:00 because it left the files; no outcome is known" in said.out


def test_events_in_order_with_who_asked(surface: Surface, ctl: Ctl, api: Any) -> None:
    surface.publish()
    assert ctl("stop", "redis").out == "redis is to stop\n"
    said = ctl("events", "--json")
    (entry,) = json.loads(said.out)
    assert (entry["verb"], entry["service"]) == ("stop", "redis")
    text = ctl("events").out
    assert text.startswith("2023-11-15 12:00:01  stop  redis  -  ")
    assert text.endswith(": it is to be stopped, and to stay so\n")


def test_logs_are_told_apart_by_replica(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    surface.engine.lines = {"zona_user100": [b"one"], "zona_user200": [b"two \x1b[31mred"]}
    assert ctl("logs", "zona_user").out == "zpmd-zona_user-1 | one\nzpmd-zona_user-2 | two \x1b[31mred\n"
    assert ctl("logs", "zona_user/2", "--json").out == (
        '{"replica": "zpmd-zona_user-2", "line": "two \\u001b[31mred", "service": "zona_user", "at": 1700049600.0}\n'
    )


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["why", "zona_usr"], 4, "no service, tenant or patch zona_usr: did you mean zona_user?"),
        (["why", ""], 4, "no service, tenant or patch ''"),
        (["why", "redis/9"], 4, "redis has no slot 9: it is to have 1"),
        (["why", "redis/../x"], 4, "no service, tenant or patch 'redis/../x'"),
        (["dossier", "zona_usr"], 4, "no service zona_usr: did you mean zona_user?"),
        (["dossier", "redis/one"], 2, "'redis/one' is no SERVICE/SLOT"),
        (["stop", "zona_usr"], 4, "no service zona_usr: did you mean zona_user?"),
        (["logs", "../../status"], 2, "'../../status' is no SERVICE/SLOT: the slot is a number from 1"),
        (["approve"], 5, "cannot approve: no removal is held back"),
        (["release", "redis"], 5, "cannot release redis: it is not held"),
        (["down"], 5, "not done: it removes everything, and nobody is there to ask; --yes says so"),
        (["scale", "redis"], 2, "write `zpmctl scale redis=N` with a number, or `zpmctl scale redis file`"),
        (["scale", "redis=-1"], 2, "write `zpmctl scale redis=N` with a number, or `zpmctl scale redis file`"),
        (["scale", "redis=100000"], 2, "replicas: Input should be less than or equal to 1000"),
        (["hold", "redis", "--for", "30"], 2, "'30' is no duration: write 90s, 30m, 1h30m or 2d"),
        (["statsu"], 2, "No such command 'statsu'. Did you mean 'status'"),
        (["status", "--jsn"], 2, "No such option: --jsn"),
        (["why"], 2, "Missing argument 'NAME'"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_a_code(
    surface: Surface, ctl: Ctl, arguments: list[str], code: int, error: str
) -> None:
    surface.publish()
    said = ctl(*arguments)
    assert said.code == code
    assert said.out == ""
    assert said.err.startswith("zpmctl: ")
    assert error in said.err
    assert said.err.count("\n") == 1


def test_a_problem_as_json_says_its_exit_code(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    problem = json.loads(ctl("why", "zona_usr", "--json").err)
    assert (problem["code"], problem["exit"], problem["status"]) == ("not-found", 4, 404)


def test_a_daemon_that_is_not_there_is_6(ctl: Ctl, tmp_path: Any) -> None:
    said = ctl("status")
    assert said.code == 6
    assert said.err == (
        f"zpmctl: cannot reach zpmd at {tmp_path}/zpmd.sock: it is not running (`systemctl start zpmd`),"
        " or listens elsewhere (--socket, ZPMD_SOCKET)\n"
    )


def test_doctor_without_a_daemon_still_looks_at_the_host(ctl: Ctl) -> None:
    said = ctl("doctor", "--json")
    assert said.code == 6
    names = {check["name"]: check["level"] for check in json.loads(said.out)}
    assert names["socket"] == "fail"
    assert {"memory", "clock", "inotify watches", "disk of zpmd"} <= set(names)


def test_doctor_with_a_daemon_asks_it_for_the_engine(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    out = ctl("doctor").out
    assert "version 20.10.24, API 1.41, storage overlay2" in out
    surface.engine.reachable = False
    said = ctl("doctor")
    assert said.code == 1
    assert "connection refused" in said.out


def test_a_newer_daemon_may_say_more_than_this_zpmctl_knows(surface: Surface, ctl: Ctl) -> None:
    surface.publish()

    async def newer(_request: Request) -> JSONResponse:
        view = asdict(status(surface.control.snapshot(), surface.clock.at))
        view["mood"] = "fine"
        view["groups"][0]["services"][0]["state"] = "meditating"
        return JSONResponse(view)

    surface.app.router.routes.insert(0, Route("/v1/status", newer))
    said = ctl("status")
    assert (said.code, said.err) == (0, "")
    assert "redis      system  1/1    meditating  2 h  0\n" in said.out


# --wait


def later(surface: Surface, *snapshots: dict[str, Any]) -> None:
    """Publish these as soon as the verb has been stored, each when the one before has been seen. The first comes twice,
    where its number is not given: the verb's own wake-up is before its waiting, which may begin after that pass."""

    def eventually(true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not true() and time.monotonic() < deadline:
            threading.Event().wait(0.02)

    def passes() -> None:
        eventually(lambda: bool(surface.woken))
        for given in (*(given for given in snapshots[:1] if "number" not in given), *snapshots):
            published = surface.publish(**given)
            eventually(lambda number=published.number: surface.board.seen >= number)  # type: ignore[misc]

    threading.Thread(target=passes, daemon=True).start()


def test_wait_ends_when_it_is_true(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    starting = standing("redis", Group.SYSTEM, state=State.STARTING, ready=0)
    later(surface, {"plan": Plan(standings=(starting,))}, {})
    said = ctl("start", "redis", "--wait")
    assert said.out == "redis is running: 1 of 1 replica ready\n"
    assert re.fullmatch("12:00:0[23] redis is starting, 0 of 1 ready\n", said.err), said.err
    assert said.code == 0


def test_wait_does_not_believe_a_pass_from_before_the_verb(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    later(surface, {"at": NOON, "number": 2}, {"plan": Plan(standings=(CRASHED,)), "number": 3})
    said = ctl("restart", "redis", "--wait")
    assert (said.code, said.out) == (1, "")
    assert said.err == "zpmctl: redis is crash-loop, 0 of 1 ready: exited with code 137\n"


def test_wait_times_out_with_7_and_says_on_what(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    later(surface, {"plan": Plan(standings=(standing("redis", Group.SYSTEM, state=State.STARTING, ready=0),))})
    said = ctl("restart", "redis", "--wait", "--timeout", "2s")
    assert said.code == 7
    assert said.err.endswith("not done after 2 s, and still going on: redis is starting, 0 of 1 ready\n")


def test_wait_for_a_stop_ends_when_nothing_runs(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    later(surface, {}, {"world": World(replicas=(replica("redis", phase=Phase.EXITED, health=Health.NONE),))})
    said = ctl("stop", "redis", "--wait")
    assert (said.code, said.out) == (0, "redis is stopped\n")


def test_wait_for_down_ends_when_nothing_is_left(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    later(surface, {}, {"observed": Observed(world=World()), "plan": Plan()})
    said = ctl("down", "--yes", "--wait")
    assert (said.code, said.out) == (0, "everything is removed\n")


def test_wait_for_scale_counts_what_is_left_over(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    scaled = standing("zona_user", ready=1, desired=1)
    wanted = Plan(standings=(scaled,))
    later(surface, {"plan": wanted}, {"plan": wanted, "world": World(replicas=(replica("zona_user"),))})
    said = ctl("scale", "zona_user=1", "--wait")
    assert (said.code, said.out) == (0, "zona_user is running: 1 of 1 replica ready\n")
    assert "zona_user is running, 1 of 1 ready" in said.err, "two of them ran still"


# as a process


def test_ctrl_c_ends_it_quietly_with_130(surface: Surface, spawn: Spawn) -> None:
    surface.publish()
    child = spawn("status", "--watch")
    assert child.stdout is not None
    assert child.stdout.readline().startswith("zpmd 0.1.0  converged")
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (130, "")


def test_a_reader_that_has_enough_causes_no_noise(surface: Surface, spawn: Spawn) -> None:
    surface.publish()
    surface.engine.lines = {"redis1000000": [b"x" * 100] * 5000}
    child = spawn("logs", "redis", "--tail", "5000")
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.stderr is not None
    assert child.stderr.read() == ""
    assert child.wait(timeout=30) == 1


def test_a_daemon_that_goes_away_in_the_midst_is_no_traceback(surface: Surface, spawn: Spawn) -> None:
    surface.publish()
    surface.engine.lines = {"redis1000000": [b"one"]}
    child = spawn("logs", "redis", "-f")
    assert child.stdout is not None
    child.stdout.readline()
    surface.server.stop()
    child.communicate(timeout=60)
    assert child.returncode in (0, 6)
    child = spawn("status", "--watch")
    _, err = child.communicate(timeout=60)
    assert child.returncode == 6
    assert err.startswith("zpmctl: ")
    assert err.count("\n") == 1


def test_a_watch_in_a_pipe_tells_each_change_once_and_goes_on_over_a_restart(surface: Surface, spawn: Spawn) -> None:
    surface.publish()
    child = spawn("status", "--watch", "--json")
    assert child.stdout is not None
    assert child.stderr is not None
    assert json.loads(child.stdout.readline())["state"] == "converged"
    surface.publish()  # a pass that found nothing new
    surface.server.stop()
    assert child.stderr.readline().endswith("; waiting for it\n")
    surface.app.state.stopping.clear()
    surface.server = ApiServer(surface.app, surface.socket, "")
    surface.server.start()
    surface.publish(plan=Plan(standings=(CRASHED,)))
    assert json.loads(child.stdout.readline())["state"] == "troubled"
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (130, "")


def test_every_command_has_help_with_its_options(ctl: Ctl) -> None:
    listed = ctl("--help").out
    for command in ("status", "plan", "why", "logs", "events", "start", "stop", "restart", "scale", "hold", "release"):
        assert f"  {command} " in listed
        assert "--json" in ctl(command, "--help").out
