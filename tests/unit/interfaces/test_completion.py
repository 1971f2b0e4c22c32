"""Completion as bash and zsh ask for it: names that the daemon knows, and none where it does not answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.interfaces.given import Surface

PROGRAM = Path(sys.executable).with_name("zpmctl")


def asked(folder: Path, **words: str) -> str:
    environment = {**os.environ, "ZPMD_SOCKET": str(folder / "zpmd.sock"), **words}
    done = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout


def test_bash_and_zsh_complete_the_names_of_services(surface: Surface, tmp_path: Path) -> None:
    surface.publish()
    script = asked(tmp_path, _ZPMCTL_COMPLETE="source_bash")
    typed = 'COMP_WORDS=(zpmctl why zo); COMP_CWORD=2; _zpmctl_completion zpmctl; echo "${COMPREPLY[@]}"'
    environment = {
        **os.environ,
        "ZPMD_SOCKET": str(surface.socket),
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{typed}"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("zona_user\n", "")
    assert '"zona_user"' in asked(
        tmp_path, _ZPMCTL_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="zpmctl logs redis zo"
    )


@pytest.mark.parametrize("line", ["zpmctl why ", "zpmctl status --tenant ", "zpmctl patch show "])
def test_without_a_daemon_nothing_is_completed_and_nothing_is_said(tmp_path: Path, line: str) -> None:
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()))}
    assert asked(tmp_path, _ZPMCTL_COMPLETE="complete_bash", **words).strip() == ""
