"""Checks of facts, and that every wrong one says what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.interfaces.given import NOON, service, snapshot
from zpmd.interfaces import doctor
from zpmd.interfaces.doctor import MIB, HostFacts
from zpmd.interfaces.views import CheckView
from zpmd.model.cause import Cause, Code
from zpmd.model.container import Container, PortBinding
from zpmd.model.observed import Stranger, World
from zpmd.model.plan import Plan, Waiting
from zpmd.model.service import Desired, NetworkSpec, VolumeSpec

FINE = HostFacts(
    now=1_800_000_000.0,
    state_dir="/var/lib/zpmd",
    state_free=5000 * MIB,
    engine_root="/var/lib/docker",
    engine_free=5000 * MIB,
    memory_available=4000 * MIB,
    inotify_instances=128,
    inotify_watches=65_536,
    journald=True,
    socket_path="/run/zpmd/zpmd.sock",
    socket="answers",
    socket_mode=0o660,
)


def test_a_good_host_has_nothing_to_do() -> None:
    assert {(c.level, c.advice) for c in doctor.host_checks(FINE)} == {("ok", "")}


@pytest.mark.parametrize(
    ("fact", "name", "level", "text"),
    [
        ({"socket": "is not there"}, "socket", "fail", "/run/zpmd/zpmd.sock: is not there"),
        ({"socket": "no permission"}, "socket", "fail", "/run/zpmd/zpmd.sock: no permission"),
        ({"socket": "nobody answers"}, "socket", "fail", "/run/zpmd/zpmd.sock: nobody answers"),
        ({"socket_mode": 0o666}, "socket", "fail", "/run/zpmd/zpmd.sock is open to everybody (mode 0666)"),
        ({"state_free": 100 * MIB}, "disk of zpmd", "fail", "100 MiB free at /var/lib/zpmd"),
        ({"engine_free": 1000 * MIB}, "disk of the engine", "warn", "1000 MiB free at /var/lib/docker"),
        ({"state_free": None}, "disk of zpmd", "warn", "/var/lib/zpmd cannot be looked at"),
        ({"memory_available": 90 * MIB}, "memory", "warn", "90 MiB available"),
        ({"inotify_instances": 8}, "inotify instances", "warn", "limit 8, zpmd needs up to 16"),
        ({"inotify_watches": 512}, "inotify watches", "warn", "limit 512, zpmd needs up to 1024"),
        ({"now": 86_400.0}, "clock", "fail", "1970-01-02 00:00:00 UTC"),
        ({"journald": False}, "journald", "warn", "no journal on this host"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(fact: dict[str, Any], name: str, level: str, text: str) -> None:
    wrong = [c for c in doctor.host_checks(replace(FINE, **fact)) if c.level != "ok"]
    assert [(c.name, c.level, c.text) for c in wrong] == [(name, level, text)]
    assert wrong[0].advice


def test_two_clocks_that_differ_are_told() -> None:
    about = {"engine": "20.10.24", "api": "1.41", "clock": "2023-11-15T12:00:30.123456789Z"}
    (engine, clock) = doctor.engine_checks(about, "", NOON)
    assert engine == CheckView(name="engine", level="ok", text="version 20.10.24, API 1.41")
    assert (clock.level, clock.text) == ("warn", "30 s from this one")


def test_names_and_ports_that_others_have_are_told() -> None:
    bound = replace(
        service("zona_user"), container=Container(image="i", ports=(PortBinding(target=80, published="8000"),))
    )
    made = snapshot(
        desired=Desired(services=(bound,)),
        world=World(strangers=(Stranger(id="s", name="old-user", ports=("0.0.0.0:8000/tcp", "0.0.0.0:8000/udp")),)),
        plan=Plan(waiting=(Waiting(subject="zona_user/1", cause=Cause(Code.NAME_TAKEN, "zpmd-zona_user-1 is taken")),)),
    )
    assert [c.text for c in doctor.daemon_checks(made) if c.level == "fail"] == [
        "zona_user/1: zpmd-zona_user-1 is taken",
        "0.0.0.0:8000/tcp is wanted by zona_user, and taken by the container old-user, which is not ours",
    ]


def test_a_volume_or_network_that_somebody_else_made_is_told_unless_that_is_declared() -> None:
    volumes = (VolumeSpec(name="data"), VolumeSpec(name="nfs", external=True))
    made = snapshot(
        desired=Desired(volumes=volumes, networks=(NetworkSpec(name="net"), NetworkSpec(name="ours"))),
        world=World(
            volumes=frozenset({"data", "nfs"}),
            networks=frozenset({"net", "ours"}),
            own_networks=frozenset({"ours"}),
        ),
    )
    assert [c.text for c in doctor.daemon_checks(made) if c.level == "warn"] == [
        "volume data was there before zpmd, and is used as it is",
        "network net was there before zpmd, and is used as it is",
    ]


def test_this_host_can_be_looked_at(tmp_path: Path) -> None:
    facts = doctor.look(tmp_path / "not" / "made" / "yet", tmp_path / "no.sock", str(tmp_path), lambda: NOON)
    assert facts.state_free
    assert facts.engine_free
    assert facts.memory_available
    assert facts.inotify_watches
    assert facts.socket == "is not there"
