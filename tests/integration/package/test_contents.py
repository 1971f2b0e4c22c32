"""What is in the .deb: what belongs there, for whom, and nothing of the machine that built it."""

from __future__ import annotations

import marshal
import os
import re
import stat
import subprocess
import tarfile
import types
from pathlib import Path

import pytest

import zpmd
from tests.architecture.checkout import ROOT
from tests.integration.boot import packages
from tests.integration.package.conftest import Built

PLACES = {
    "lib/systemd/system/zpmd.service": "systemd/zpmd.service",
    "usr/lib/sysusers.d/zpmd.conf": "systemd/zpmd.sysusers",
    "usr/lib/tmpfiles.d/zpmd.conf": "systemd/zpmd.tmpfiles",
    "usr/lib/systemd/catalog/zpmd.catalog": "systemd/zpmd.catalog",
    "etc/zpmd/zpmd.yaml": "etc/zpmd/zpmd.yaml",
    "usr/share/doc/zpmd/examples/zpmd/services.d/20-core.yaml": "etc/zpmd/services.d/20-core.yaml",
}
ELSEWHERE = (
    "usr/share/man/man1/zpmctl.1.gz",
    "usr/share/man/man5/zpmd.yaml.5.gz",
    "usr/share/man/man8/zpmd.8.gz",
    "usr/share/bash-completion/completions/zpmctl",
    "usr/share/zsh/vendor-completions/_zpmctl",
    "usr/share/fish/vendor_completions.d/zpmctl.fish",
    "usr/share/doc/zpmd/docs/operations.md",
)
FOR_THE_DAEMON = ("etc/zpmd", "etc/zpmd/services.d", "etc/zpmd/data.d", "etc/zpmd/patch-keys", "etc/zpmd/zpmd.yaml")
HEADER_BYTES, UNCHECKED_HASH = 16, 1
"""Of a compiled module, as PEP 552 has them: what comes before the code, and the flags in bytes 4 to 8."""


def members(built: Built) -> list[tarfile.TarInfo]:
    data = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", built.deb], stdout=subprocess.PIPE)
    with data, tarfile.open(fileobj=data.stdout, mode="r|") as archive:
        return list(archive)


def compiled(built: Built) -> list[Path]:
    return sorted(built.root.rglob("*.pyc"))


@pytest.mark.parametrize(("inside", "source"), PLACES.items(), ids=PLACES)
def test_files_of_the_checkout_are_where_a_host_looks_for_them(built: Built, inside: str, source: str) -> None:
    assert (built.root / inside).read_bytes() == (ROOT / source).read_bytes()


def test_manuals_and_completions_are_there(built: Built) -> None:
    assert [path for path in ELSEWHERE if not (built.root / path).stat().st_size] == []


def test_everything_is_roots_and_nobody_else_may_write_it(built: Built) -> None:
    found = members(built)
    assert {(m.uid, m.gid, m.uname, m.gname) for m in found} == {(0, 0, "root", "root")}
    assert [m.name for m in found if not m.issym() and m.mode & (stat.S_ISUID | stat.S_ISGID | 0o022)] == []


def test_what_the_daemon_reads_is_closed_to_others_and_all_else_is_open(built: Built) -> None:
    modes = {m.name.removeprefix("./"): m.mode for m in members(built) if not m.issym()}
    closed = sorted(name for name, mode in modes.items() if not mode & stat.S_IROTH)
    assert closed == sorted(FOR_THE_DAEMON)
    assert {modes[name] for name in FOR_THE_DAEMON} == {0o750, 0o640}


def test_settings_are_the_one_conffile(built: Built) -> None:
    assert (built.control / "conffiles").read_text().split() == ["/etc/zpmd/zpmd.yaml"]


def test_no_file_tells_where_it_was_built(built: Built) -> None:
    built_at = re.compile(rb"/tmp/tmp\.\w{10}|" + re.escape(str(ROOT).encode()) + rb"/")
    files = [path for folder in (built.root, built.control) for path in folder.rglob("*")]
    files = [path for path in files if path.is_file() and not path.is_symlink()]
    assert len(files) > 1000
    assert [str(path) for path in files if built_at.search(path.read_bytes())] == []


def test_every_module_is_compiled_for_the_place_where_it_will_be(built: Built) -> None:
    for path in compiled(built):
        data = path.read_bytes()
        assert int.from_bytes(data[4:8], "little") == UNCHECKED_HASH, path
        code = marshal.loads(data[HEADER_BYTES:])
        assert isinstance(code, types.CodeType)
        source = built.root / code.co_filename.removeprefix("/")
        assert code.co_filename.startswith("/opt/zpmd/lib/python3.11/site-packages/"), path
        assert source.is_file(), path
    ours = built.root / "opt/zpmd/lib/python3.11/site-packages/zpmd"
    assert len(list(ours.rglob("*.py"))) == len(list(ours.rglob("*.pyc"))) > 300


def test_every_command_of_the_package_runs(built: Built) -> None:
    commands = sorted(path for path in (built.root / "opt/zpmd/bin").iterdir() if not path.is_symlink())
    assert [path.name for path in commands] == ["zpmctl", "zpmd"]
    for path in commands:
        answer = built.run(f"/opt/zpmd/bin/{path.name}", "--help")
        assert (answer.returncode, answer.stderr) == (0, "")
        assert f"Usage: {path.name}" in answer.stdout
        assert (built.root / "usr/bin" / path.name).readlink() == Path("/opt/zpmd/bin") / path.name


def test_it_stands_on_debians_python_and_on_nothing_of_the_host_beside_it(built: Built) -> None:
    asked = "import sys, docker, zpmd; print(sys.executable, docker.__file__, zpmd.__version__, *sys.path)"
    told = built.run("/opt/zpmd/bin/python", "-c", asked).stdout.split()
    assert told[:3] == [
        "/opt/zpmd/bin/python",
        "/opt/zpmd/lib/python3.11/site-packages/docker/__init__.py",
        zpmd.__version__,
    ]
    assert [path for path in told[3:] if not path.startswith(("/usr/lib/python3", "/opt/zpmd/"))] == []
    assert built.run("/opt/zpmd/bin/python", "-c", "import pip").returncode == 1


def test_the_control_file_says_what_it_needs(built: Built) -> None:
    fields = dict(re.findall(r"^([\w-]+): (.*)$", (built.control / "control").read_text(), re.MULTILINE))
    needs = {need.split(" ")[0] for need in fields["Depends"].split(", ")}
    assert needs == {"python3", "systemd", "init-system-helpers", "tzdata", "libc6", "libgcc-s1"}
    assert fields["Version"] == zpmd.__version__
    assert abs(int(fields["Installed-Size"]) * 1024 / sum(m.size for m in members(built)) - 1) < 0.25


def test_every_package_inside_is_named_with_its_license(built: Built) -> None:
    text = (built.root / "usr/share/doc/zpmd/copyright").read_text()
    named = re.findall(r"^  (\S+) (\S+): (.+)$", text, re.MULTILINE)
    pinned = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert {(n.lower().replace("_", "-"), v) for n, v, _ in named} == {(n.lower(), v) for n, v in pinned}
    assert [n for n, _, license in named if license.startswith("see ")] == []


def test_lintian_has_nothing_to_say_against_it(built: Built) -> None:
    """Neither errors nor warnings; what is overridden has its reason beside it."""
    said = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", built.deb],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stdout) == (0, "")


def test_the_same_checkout_gives_the_same_bytes(built: Built, tmp_path: Path) -> None:
    """What was built before may be of an earlier commit with the same files: its time is given."""
    (epoch,) = {m.mtime for m in members(built)}
    again = subprocess.run(
        [ROOT / "scripts/package", "--out", tmp_path],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(int(epoch))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (again.returncode, again.stdout) == (0, f"{tmp_path / built.deb.name}\n"), again.stderr
    for file in (built.deb, built.wheel):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_another_version_can_be_asked_for(newer: Path, tmp_path: Path) -> None:
    fields = subprocess.run(["dpkg-deb", "--field", newer, "Version"], capture_output=True, text=True, check=True)
    assert fields.stdout == f"{packages.NEWER}\n"
    subprocess.run(["dpkg-deb", "--extract", newer, tmp_path], check=True)
    module = tmp_path / "opt/zpmd/lib/python3.11/site-packages/zpmd/__init__.py"
    assert f'__version__ = "{packages.NEWER}"' in module.read_text()


@pytest.mark.parametrize(
    ("version", "debian"),
    [("1.2.0", "1.2.0"), ("1.2.0rc1", "1.2.0~rc1"), ("1.2.0.dev3", "1.2.0~dev3"), ("1.2.0.post1", "1.2.0.post1")],
)
def test_versions_have_the_same_order_for_dpkg(version: str, debian: str) -> None:
    """dpkg takes 1.2.0rc1 for later than 1.2.0, and 1.2.0~rc1 for earlier."""
    said = subprocess.run(
        ["bash", "-c", 'source "$0"; version="$1"; debian_version', ROOT / "packaging/deb.sh", version],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == f"{debian}\n"
