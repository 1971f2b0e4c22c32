"""The drop directory and the keys: what is wrong with them is said with what to do about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.interfaces.given import NOON, snapshot, standing
from tests.unit.interfaces.given_patches import STUCK
from zpmd.interfaces import doctor_patches
from zpmd.interfaces.doctor import MIB
from zpmd.interfaces.doctor_patches import PatchFacts
from zpmd.model.memory import Memory
from zpmd.model.plan import State
from zpmd.settings import Patches

FINE = PatchFacts(
    incoming="/var/spool/zpmd/incoming",
    folder="there",
    mode=0o750,
    free=5000 * MIB,
    keys_dir="/etc/zpmd/patch-keys",
    required=True,
    keys=("E7620F1842B4E81F", "4725645EF46E8792"),
)


def test_a_good_drop_directory_has_nothing_to_do() -> None:
    checks = doctor_patches.checks(FINE, snapshot(), NOON)
    assert [(c.name, c.level, c.text, c.advice) for c in checks] == [
        ("patches", "ok", "/var/spool/zpmd/incoming, mode 0750", ""),
        ("disk of patches", "ok", "5000 MiB free at /var/spool/zpmd/incoming", ""),
        ("patch keys", "ok", "2 keys in /etc/zpmd/patch-keys, signatures are required", ""),
    ]


@pytest.mark.parametrize(
    ("fact", "name", "level", "text"),
    [
        ({"folder": "missing"}, "patches", "fail", "/var/spool/zpmd/incoming is missing"),
        ({"folder": "is no folder"}, "patches", "fail", "/var/spool/zpmd/incoming: is no folder"),
        ({"mode": 0o777}, "patches", "fail", "/var/spool/zpmd/incoming is open to everybody (mode 0777)"),
        ({"writable": False}, "patches", "warn", "/var/spool/zpmd/incoming cannot be written to"),
        ({"free": 1000 * MIB}, "disk of patches", "warn", "1000 MiB free at /var/spool/zpmd/incoming"),
        ({"keys": ()}, "patch keys", "fail", "0 keys in /etc/zpmd/patch-keys, signatures are required"),
        ({"keys": ("A",)}, "patch keys", "warn", "1 key in /etc/zpmd/patch-keys, signatures are required"),
        (
            {"required": False, "policy": "optional"},
            "patch keys",
            "warn",
            "2 keys in /etc/zpmd/patch-keys, unsigned patches are taken (`signatures: optional`)",
        ),
        ({"problems": ("a.pub: cannot be read",)}, "patch keys", "fail", "a.pub: cannot be read"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(fact: dict[str, Any], name: str, level: str, text: str) -> None:
    wrong = [c for c in doctor_patches.checks(replace(FINE, **fact), snapshot(), NOON) if c.level != "ok"]
    assert [(c.name, c.level, c.text) for c in wrong] == [(name, level, text)]
    assert wrong[0].advice


def test_trouble_of_the_drop_directory_and_a_failed_rollback_are_failures() -> None:
    made = snapshot(
        standing("zona_user", state=State.PAUSED),
        patches_trouble="incoming: Input/output error",
        memory=Memory(patches=(replace(STUCK, number=7),)),
    )
    wrong = [c for c in doctor_patches.checks(FINE, made, NOON) if c.level == "fail"]
    assert [c.text for c in wrong] == [
        "incoming: Input/output error",
        "hotfix-1040 could not go back as a whole: zona_user did not get well after going back (zona_user: it is"
        " unhealthy); what runs is kept",
    ]
    assert all(c.advice for c in wrong)


def test_the_place_and_the_keys_of_a_real_folder_are_looked_at(tmp_path: Path) -> None:
    settings = Patches(dir=tmp_path / "spool", keys_dir=tmp_path / "keys")
    assert doctor_patches.look(settings).folder == "missing"
    (tmp_path / "spool").write_text("a file")
    assert doctor_patches.look(settings).folder == "missing", "what is above it is a file"
    (tmp_path / "spool").unlink()
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "incoming").mkdir(mode=0o700)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "broken.pub").write_text("no key")
    facts = doctor_patches.look(settings)
    assert (facts.folder, facts.mode, facts.writable) == ("there", 0o700, True)
    assert facts.free
    assert (facts.required, facts.keys) == (True, ()), "a key that cannot be read counts for the policy"
    assert len(facts.problems) == 1
