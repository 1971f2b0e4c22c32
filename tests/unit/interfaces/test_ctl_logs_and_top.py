"""zpmctl logs, top, and a status of some: what they print, word for word."""

from __future__ import annotations

import json

from tests.unit.interfaces.conftest import Ctl
from tests.unit.interfaces.given import NOON, Surface, standing
from tests.unit.interfaces.test_ctl import CRASHED
from zpmd.model.observed import LogLine
from zpmd.model.plan import Plan
from zpmd.model.usage import Usage


def test_logs_of_several_services_are_merged_by_time(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    surface.engine.lines = {
        "redis1000000": [LogLine(NOON + 1, b"one"), LogLine(NOON + 3, b"three: refused")],
        "zona_user100": [LogLine(NOON + 2, b"two")],
        "zona_user200": [LogLine(NOON + 4, b"four: refused")],
    }
    everything = "zpmd-redis-1 | one\nzpmd-zona_user-1 | two\nzpmd-redis-1 | three: refused\n"
    assert ctl("logs").out == f"{everything}zpmd-zona_user-2 | four: refused\n"
    assert ctl("logs", "redis", "zona_user/1").out == everything
    assert ctl("logs", "--group", "system", "-n", "1").out == "zpmd-redis-1 | three: refused\n"
    assert ctl("logs", "--grep", "two|fou?r", "-t").out == (
        "2023-11-15 12:00:02.000 zpmd-zona_user-1 | two\n2023-11-15 12:00:04.000 zpmd-zona_user-2 | four: refused\n"
    )
    assert ctl("logs", "--since", "10m").out == "", "it was noon long ago"
    assert (
        ctl("logs", "redis", "nobody").err
        == "zpmctl: no service nobody: `zpmctl status --all` has those that there are\n"
    )
    assert ctl("logs", "--grep", "(").code == 2


def test_top_tells_who_uses_what(surface: Surface, ctl: Ctl) -> None:
    surface.publish()
    surface.engine.used = {
        "redis1000000": Usage(cpu_seconds=5, memory_bytes=60_000_000, memory_limit_bytes=64_000_000),
        "zona_user100": Usage(cpu_seconds=1, memory_bytes=210_000_000),
    }
    said = ctl("top", "--sort", "memory")
    assert said.out.splitlines()[2:] == [
        "SERVICE        CPU   MEMORY    LIMIT  OF LIMIT  REPLICAS",
        "zona_user    0.0 %   210 MB        -         -         1",
        "redis        0.0 %    60 MB    64 MB    93.8 %         1",
    ]
    view = json.loads(ctl("top", "--json", "--group", "system").out)
    assert [(s["service"], s["cpu"], s["memory_limit"]) for s in view["services"]] == [("redis", 0.0, 64_000_000)]
    assert 0 < view["seconds"] <= 10


def test_status_of_some_counts_those_alone(surface: Surface, ctl: Ctl) -> None:
    surface.publish(plan=Plan(standings=(CRASHED, standing("zona_user", ready=2, desired=2))))
    view = json.loads(ctl("status", "--group", "core", "--json").out)
    assert ([g["name"] for g in view["groups"]], view["troubled"]) == (["core"], [])
    assert ctl("status", "--tenant", "acme").out == "zpmd 0.1.0  troubled  0 services, 0 of 0 replicas ready\n"
