"""The systemd unit: accepted by systemd itself, and what the rest of zpmd relies on is in it."""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.checkout import ROOT
from zpmd.settings import Settings

UNIT = ROOT / "systemd" / "zpmd.service"

EXPOSURE = 22
"""`systemd-analyze security`, times ten. It may fall. What is left of it is the network, local sockets, reading every
path that a service file may name, and being root: see docs/operations.md."""


class Assignments(dict[str, str]):
    """systemd lets a key stand several times; the values are joined by newlines."""

    def __setitem__(self, key: str, value: object) -> None:
        if isinstance(value, list) and key in self:
            value = [*self[key], *value]
        super().__setitem__(key, value)  # type: ignore[assignment]


def unit() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(dict_type=Assignments, strict=False)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read_string(UNIT.read_text())
    return parser


@pytest.fixture
def runnable(tmp_path: Path) -> Path:
    """The unit, with a program that exists here: systemd looks for it."""
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    return copy


def test_patches_can_be_put_away_where_they_are_dropped() -> None:
    service = unit()["Service"]
    folder = str(Settings().patches.dir)
    assert service["ReadWritePaths"] == f"-{folder}"
    assert service["ExecStartPre"].endswith(f" {folder}")


def test_systemd_has_nothing_to_say_against_it(runnable: Path) -> None:
    verdict = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", runnable], capture_output=True, text=True, check=False
    )
    ours = [line for line in verdict.stderr.splitlines() if UNIT.name in line]
    assert (verdict.returncode, ours) == (0, [])


def test_it_is_exposed_no_more_than_it_has_to_be(runnable: Path) -> None:
    verdict = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}", runnable],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("Unit", "Wants", "docker.service network-online.target"),
        ("Unit", "After", "docker.service network-online.target"),
        ("Unit", "StartLimitIntervalSec", "0"),
        ("Service", "Type", "notify"),
        ("Service", "NotifyAccess", "main"),
        ("Service", "WatchdogSec", "30"),
        ("Service", "Restart", "always"),
        ("Service", "RestartSec", "2"),
        ("Service", "RestartPreventExitStatus", "78"),
        ("Service", "KillMode", "mixed"),
        ("Service", "ExecReload", "/bin/kill -HUP $MAINPID"),
        ("Install", "WantedBy", "multi-user.target"),
    ],
)
def test_it_says_what_the_rest_relies_on(section: str, key: str, value: str) -> None:
    assert unit()[section][key] == value


def test_it_does_not_go_down_with_the_engine() -> None:
    assert {"Requires", "BindsTo", "PartOf", "Requisite"}.isdisjoint(unit()["Unit"])


def test_its_folders_are_those_of_the_settings() -> None:
    service, settings = unit()["Service"], Settings()
    assert Path("/var/lib") / service["StateDirectory"] == settings.state_dir
    assert Path("/run") / service["RuntimeDirectory"] == settings.socket.parent
    assert service["StateDirectoryMode"] == "0700"
    assert service["ExecStart"].endswith("zpmd run --settings /etc/zpmd/zpmd.yaml")
