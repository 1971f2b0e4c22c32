"""The systemd unit, the user and the folders that it relies on: accepted by systemd, and at one with the settings."""

from __future__ import annotations

import configparser
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from tests.architecture.checkout import ROOT
from zpmd.assembly import api
from zpmd.patching.folders import INCOMING, MODES
from zpmd.settings import Settings
from zpmd.sources.mongo import client as mongo
from zpmd.stores import keys

UNIT = ROOT / "systemd" / "zpmd.service"

SYSUSERS, TMPFILES = UNIT.with_name("zpmd.sysusers"), UNIT.with_name("zpmd.tmpfiles")

EXPOSURE = 15
"""`systemd-analyze security`, times ten. It may fall. What is left of it is the network, local sockets, and reading
every path that a service file may name, as far as its user may: see docs/operations.md."""


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


def made(root: Path) -> Path:
    """A root folder, with the user and the folders that systemd makes of our files in it."""
    for table in ("passwd", "group"):
        (root / "etc").mkdir(parents=True, exist_ok=True)
        (root / "etc" / table).touch()
    subprocess.run(["systemd-sysusers", f"--root={root}", SYSUSERS], check=True, capture_output=True)
    subprocess.run(["systemd-tmpfiles", f"--root={root}", "--create", TMPFILES], check=True, capture_output=True)
    return root


def rows(root: Path, table: str) -> dict[str, list[str]]:
    """Of etc/passwd or etc/group, by name."""
    lines = (line.split(":") for line in (root / "etc" / table).read_text().splitlines())
    return {line[0]: line for line in lines}


def test_its_user_may_use_the_engine_and_cannot_log_in(tmp_path: Path) -> None:
    root = made(tmp_path)
    user, groups = rows(root, "passwd")[unit()["Service"]["User"]], rows(root, "group")
    assert (user[3], user[6]) == (groups[Settings().socket_group][2], "/usr/sbin/nologin")
    assert groups["docker"][3] == user[0]


def test_a_group_that_an_older_installation_made_is_its_group_and_keeps_its_members(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "group").write_text("zpmd:x:950:alice\n")
    root = made(tmp_path)
    assert rows(root, "passwd")["zpmd"][3] == "950"
    assert rows(root, "group")["zpmd"] == ["zpmd", "x", "950", "alice"]


def test_what_it_reads_is_roots_and_what_it_writes_is_its_own(tmp_path: Path) -> None:
    root, settings = made(tmp_path), Settings()
    user = int(rows(root, "passwd")["zpmd"][2])
    group = int(rows(root, "group")["zpmd"][2])
    spool = settings.patches.dir
    read = {settings.services_dir: 0o750, settings.data_dir: 0o750, settings.patches.keys_dir: 0o750}
    for folder, mode, owner in [
        *((folder, mode, 0) for folder, mode in read.items()),
        (spool, 0o755, user),
        (spool / INCOMING, MODES[INCOMING] | stat.S_ISGID, user),
    ]:
        found = (root / folder.relative_to("/")).stat()
        assert (folder, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (folder, mode, owner, group)


def test_what_an_operator_made_of_a_folder_stays_so(tmp_path: Path) -> None:
    folder = made(tmp_path) / Settings().services_dir.relative_to("/")
    os.chown(folder, 0, 4)
    folder.chmod(0o755)
    made(tmp_path)
    assert (folder.stat().st_gid, stat.S_IMODE(folder.stat().st_mode)) == (4, 0o755)


def test_patches_can_be_put_away_where_they_are_dropped() -> None:
    assert unit()["Service"]["ReadWritePaths"] == f"-{Settings().patches.dir}"


def test_it_has_no_capability_and_needs_no_group_that_may_be_missing() -> None:
    service = unit()["Service"]
    assert service["CapabilityBoundingSet"] == ""
    assert {"AmbientCapabilities", "SupplementaryGroups", "Group"}.isdisjoint(service)


def test_every_credential_that_is_looked_for_is_let_in() -> None:
    names = {keys.CREDENTIAL, keys.FORMER_CREDENTIAL, mongo.CREDENTIAL, api.CREDENTIAL}
    assert set(unit()["Service"]["LoadCredentialEncrypted"].split("\n")) == names


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
        ("Service", "User", "zpmd"),
        ("Service", "OOMScoreAdjust", "-900"),
        ("Service", "Type", "notify"),
        ("Service", "NotifyAccess", "main"),
        ("Service", "WatchdogSec", "30"),
        ("Service", "TimeoutAbortSec", "5"),
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
