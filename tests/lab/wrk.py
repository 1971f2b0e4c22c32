"""Load by `wrk` from the distribution's packages, in the background: from its start until it is told to end.

It is ended by an interrupt, after which it reports as at its natural end; so a test loads for as long as what it does
takes, whatever the machine. Connections are kept and used again. Between two requests of a connection there is a pause:
two saturated cores would leave health checks without a turn, and nothing would be learned of rollouts.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.engine import SEARCH_PATH, ComponentMissing

LONGEST_SECONDS = 600
END_SECONDS = 20
PAUSE_MILLISECONDS = 10

# wrk has a Lua state for each thread, and one in which `setup` and `done` run. Bodies are told in hex, a line each.
SCRIPT = f"""
local only
function setup(thread) only = thread end

answers = {{}}
function response(status, headers, body)
  local hex = body:gsub(".", function(c) return string.format("%02x", c:byte()) end)
  local answer = status .. " " .. hex
  answers[answer] = (answers[answer] or 0) + 1
end

function delay() return {PAUSE_MILLISECONDS} end

function done(summary, latency)
  for _, kind in ipairs({{"connect", "read", "write", "timeout"}}) do
    print("ERRORS " .. summary.errors[kind] .. " " .. kind)
  end
  for answer, count in pairs(only:get("answers")) do print("ANSWER " .. count .. " " .. answer) end
  print("SLOWEST " .. latency.max)
end
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What the clients met with. `answers` are the complete ones: (status, text) and how often it came."""

    socket_errors: Mapping[str, int]
    answers: Mapping[tuple[int, str], int]
    slowest_seconds: float

    @property
    def failed(self) -> dict[str, int]:
        """All that was not answered with 2xx, by what it was; empty where nothing failed."""
        refused = {f"{status} {text!r}": n for (status, text), n in self.answers.items() if not 200 <= status < 300}
        return {kind: n for kind, n in self.socket_errors.items() if n} | refused

    def answered(self, word: str) -> int:
        """How many of the good answers had this word."""
        return sum(n for (status, text), n in self.answers.items() if 200 <= status < 300 and word in text.split())


class Load:
    """wrk on `url`, in the namespace that `enter` enters. Use it as a context, within which `end` gives the report."""

    def __init__(self, url: str, connections: int, enter: Sequence[str] = ()) -> None:
        program = shutil.which("wrk", path=SEARCH_PATH)
        if program is None:
            raise ComponentMissing("wrk missing; run: apt-get install wrk")
        self._folder = Path(tempfile.mkdtemp(prefix="zpmd-lab-"))
        script = self._folder / "load.lua"
        script.write_text(SCRIPT)
        options = ("--threads", "1", "--connections", str(connections), "--duration", f"{LONGEST_SECONDS}s")
        self._command = [*enter, program, *options, "--timeout", "10s", "--script", str(script), url]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Load:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def end(self) -> Report:
        """Stop loading; what was met with. Raises AssertionError where wrk did not last until now."""
        assert self._process is not None
        assert self._process.poll() is None, f"wrk ended by itself: {self._process.communicate()[0]}"
        self._process.send_signal(signal.SIGINT)
        said, _ = self._process.communicate(timeout=END_SECONDS)
        return _report(said)


def _report(said: str) -> Report:
    lines = [line.split() for line in said.splitlines()]
    slowest = [int(words[1]) / 1e6 for words in lines if words[:1] == ["SLOWEST"]]
    assert slowest, f"wrk gave no report: {said}"
    answers = {
        (int(status), bytes.fromhex("".join(body)).decode(errors="replace")): int(count)
        for count, status, *body in (words[1:] for words in lines if words[:1] == ["ANSWER"])
    }
    errors = {words[2]: int(words[1]) for words in lines if words[:1] == ["ERRORS"]}
    return Report(errors, answers, slowest[0])
