"""What is forked is what would have been executed, for all that a program can notice; and it ends as it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab import forked, netns, processes
from tests.lab.eventually import eventually
from tests.lab.forked import CHECKOUT, Forked

PORTRAIT = "tests.lab.portrait"


def started(out: Path, *words: str, environment: dict[str, str] | None = None, network: str = "") -> Forked:
    with out.open("wb") as output:
        return forked.server().start([PORTRAIT, *words], environment or dict(os.environ), output, network)


def said(out: Path) -> Any:
    return eventually(lambda: out.exists() and out.read_text().endswith("\n") and json.loads(out.read_text()), 20)


def test_a_program_sees_no_difference_to_having_been_executed(tmp_path: Path) -> None:
    environment = os.environ | {"TZ": "Asia/Tokyo", "ONLY": "here"}
    out = tmp_path / "out"
    assert started(out, "0", "--word", environment=environment).wait(20) == 0
    of_forked = json.loads(out.read_text())
    with out.open("wb") as output:
        command = [sys.executable, "-m", PORTRAIT, "0", "--word"]
        subprocess.run(
            command, cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=True
        )
    assert of_forked == json.loads(out.read_text())
    assert of_forked["words"] == ["0", "--word"]
    assert of_forked["environment"]["ONLY"] == "here"


def test_the_exit_code_is_the_programs_own(tmp_path: Path) -> None:
    one = started(tmp_path / "out", "78")
    assert one.wait(60) == 78
    assert one.poll() == one.returncode == 78


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_its_pid_is_its_own_and_a_signal_to_it_ends_it_as_the_kernel_says(tmp_path: Path, number: int) -> None:
    one = started(tmp_path / "out")
    said(tmp_path / "out")
    assert one.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        one.wait(0.01)
    os.kill(one.pid, number)
    assert one.wait(60) == -number
    assert not Path(f"/proc/{one.pid}").exists()
    one.kill()  # harmless: that pid may be somebody else's by now


def test_until_it_is_asked_for_the_pid_of_one_that_ended_is_nobody_elses(tmp_path: Path) -> None:
    one = started(tmp_path / "out", "0")
    eventually(lambda: not processes.alive(one.pid), 20)
    assert Path(f"/proc/{one.pid}").exists()
    assert one.poll() == 0


def test_each_has_the_network_that_it_is_given(tmp_path: Path) -> None:
    namespace = netns.create(tmp_path / "pid")
    try:
        one = started(tmp_path / "out", network=namespace.file)
        assert said(tmp_path / "out")["network"] == os.readlink(namespace.file)
        one.kill()
    finally:
        namespace.close()
    other = started(tmp_path / "other", "0")
    assert other.wait(20) == 0
    assert said(tmp_path / "other")["network"] == os.readlink("/proc/self/ns/net")


def test_what_was_started_goes_on_without_the_others_and_ends_with_the_interpreters_own_end(tmp_path: Path) -> None:
    """An exception that nobody catches is told and ends with 1, as Python does it."""
    first, second = started(tmp_path / "first"), started(tmp_path / "second", "no number")
    assert second.wait(20) == 1
    assert "ValueError: invalid literal for int()" in (tmp_path / "second").read_text()
    said(tmp_path / "first")
    assert first.poll() is None
    first.kill()
    assert first.wait(20) == -signal.SIGKILL
