"""Copies of configs and secrets that belong to other users than zpmd, written by a real engine."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.integration.docker_engine.conftest import CAUSE, OWNER, Rig, service
from zpmd.engines import labels
from zpmd.engines.dockerd.faults import Told
from zpmd.engines.dockerd.foreign import Foreign
from zpmd.engines.dockerd.materials import Copy
from zpmd.engines.dockerd.wire import Pool, Wire
from zpmd.model.action import StartReplica
from zpmd.model.container import FileKind, FileMount
from zpmd.model.events import Result

IMAGE = "appliance/pause:1.0"
NAME = f"zpmd-copies-{OWNER}"
COPIES = {
    Copy("ab" * 32, 0o400, "999", "998"): b"a secret",
    Copy("cd" * 32, 0o440, "same", "70"): b"x" * 3_000_000,
    Copy("ef" * 32, 0o600, "4000000000", "same"): b"",
}


@pytest.fixture
def wire(rig: Rig) -> Wire:
    return Pool(rig.host.url, 60.0).dedicated()


@pytest.fixture
def foreign(rig: Rig) -> Foreign:
    return Foreign(OWNER, rig.materials_dir)


def told(path: Path) -> tuple[int, int, int, bytes]:
    found = path.stat()
    return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, path.read_bytes()


def left_over(rig: Rig, **options: Any) -> str:
    made = rig.host.client().create_container(IMAGE, name=NAME, **options)
    return str(made["Id"])


def test_they_get_their_owner_mode_and_content_and_leave_nothing_behind(rig: Rig, wire: Wire, foreign: Foreign) -> None:
    foreign.make(wire, IMAGE, "", COPIES)
    folder = rig.materials_dir
    assert {path.name: told(path) for path in folder.iterdir()} == {
        copy.name: (copy.mode, copy.owner[0], copy.owner[1], data) for copy, data in COPIES.items()
    }
    assert rig.host.client().containers(all=True) == []


def test_the_volumes_that_an_image_asks_for_are_neither_made_nor_filled(rig: Rig, wire: Wire, foreign: Foreign) -> None:
    base = rig.host.client().create_container(IMAGE, name="base")
    rig.host.client().commit(base["Id"], "appliance/with-data", "1.0", changes=['VOLUME ["/bin", "/data"]'])
    foreign.make(wire, "appliance/with-data:1.0", "", COPIES)
    assert not rig.host.client().volumes()["Volumes"]
    assert len(list(rig.materials_dir.iterdir())) == len(COPIES)


def test_what_a_crash_left_is_removed_after_the_first_action(rig: Rig) -> None:
    left_over(rig, labels={labels.COPIES: OWNER})
    assert rig.engine.observe(()).strangers == ()
    outcome = rig.run(service())
    assert outcome.ok, outcome.detail
    assert [c["Id"] for c in rig.host.client().containers(all=True)] == [outcome.container_id]


def test_what_a_crash_left_is_in_nobodys_way(rig: Rig, wire: Wire, foreign: Foreign) -> None:
    left_over(rig, labels={labels.COPIES: OWNER})
    foreign.make(wire, IMAGE, "", COPIES)
    assert rig.host.client().containers(all=True) == []


def test_a_stranger_of_that_name_is_left_alone(rig: Rig, wire: Wire, foreign: Foreign) -> None:
    stranger = left_over(rig, labels={labels.COPIES: "somebody-else"})
    with pytest.raises(Told, match=f"name {NAME} is taken by a container that is not ours"):
        foreign.make(wire, IMAGE, "", COPIES)
    assert [c["Id"] for c in rig.host.client().containers(all=True)] == [stranger]
    assert [s.name for s in rig.engine.observe(()).strangers] == [NAME]


def test_an_image_that_is_not_there_is_told_as_for_its_service(wire: Wire, foreign: Foreign) -> None:
    with pytest.raises(Told, match="no such image: nowhere/none:1") as told:
        foreign.make(wire, "nowhere/none:1", "", COPIES)
    assert told.value.result is Result.PERMANENT


def test_a_start_finds_the_copies_of_an_earlier_time_given_back_to_their_owners(rig: Rig) -> None:
    """systemd gives all that is in the state folder to the user of the unit, when that is another one."""
    (rig.materials_dir / ("ab" * 32)).write_text("secret")
    secret = FileMount(kind=FileKind.SECRET, name="s", digest="ab" * 32, target="/s", mode=0o400, uid="999", gid="998")
    replica = rig.running(service(files=(secret,)))
    copy = rig.materials_dir / Copy.of(secret).name
    rig.host.kill_container_process(replica.id)
    os.chown(copy, 12345, 12345)
    later = Rig(rig.host, rig.materials_dir)
    outcome = later.apply(StartReplica(replica=replica, cause=CAUSE))
    assert outcome.ok, outcome.detail
    assert told(copy) == (0o400, 999, 998, b"secret")
