"""Wheel and sdist: the second way to install zpmd."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import zpmd
from tests.architecture.checkout import ROOT
from tests.integration.boot import packages
from tests.integration.package.conftest import Built


def told(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tracked(folder: str) -> set[str]:
    """Files below a folder that git knows, or would be told of."""
    return set(told("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", folder).split())


def test_the_wheel_holds_every_file_of_the_program_and_no_other(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = {name for name in archive.namelist() if not name.startswith(f"zpmd-{zpmd.__version__}.")}
    assert names == tracked("zpmd")


def test_pip_installs_the_wheel_into_a_fresh_environment(built: Built, tmp_path: Path) -> None:
    home = tmp_path / "environment"
    told(sys.executable, "-m", "venv", home)
    told(home / "bin/pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check", built.wheel)
    assert told(home / "bin/zpmd", "--version") == f"zpmd {zpmd.__version__}\n"
    assert told(home / "bin/zpmctl", "--help").startswith("Usage: zpmctl")
    page = (
        "from importlib import resources as r; print((r.files('zpmd.interfaces.dashboard') / 'index.html').read_text())"
    )
    assert "<html" in told(home / "bin/python", "-c", page)
    examples = home / "share/zpmd/examples/zpmd"
    told(home / "bin/zpmd", "check", *sorted((examples / "services.d").glob("*.yaml")))
    assert (home / "share/zpmd/systemd/zpmd.service").is_file()


def test_the_sdist_builds_the_same_wheel(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    python = ROOT / ".lab/package/tools/bin/python"
    told(python, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path / "out", source)
    with zipfile.ZipFile(tmp_path / "out" / built.wheel.name) as again, zipfile.ZipFile(built.wheel) as first:
        assert {i.filename: i.CRC for i in again.infolist()} == {i.filename: i.CRC for i in first.infolist()}


def test_the_sdist_is_the_checkout_without_the_times_and_owners_of_a_machine(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        members = archive.getmembers()
    wanted = {file for folder in packages.INTO_IT for file in tracked(folder)}
    assert wanted - {member.name.partition("/")[2] for member in members} == set()
    assert len({member.mtime for member in members}) == 1
    assert {(member.uid, member.gid, member.uname) for member in members} == {(0, 0, "")}
