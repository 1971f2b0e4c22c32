"""Hooks: a command run inside a running container, bounded in time, judged by its exit code."""

from __future__ import annotations

import shlex
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from zpmd.engines.dockerd import logs, reading
from zpmd.engines.dockerd.faults import FAILURES, Answered, Garbage, Told, one_line, verdict
from zpmd.engines.dockerd.wire import Wire
from zpmd.model.container import Hook
from zpmd.model.events import Result

POST_START_SECONDS = 600.0
OUTPUT_LINES = 5
EXIT_POLLS = 50
EXIT_POLL_SECONDS = 0.02

Monotonic = Callable[[], float]


def run(wire: Wire, container_id: str, hook: Hook, limit_seconds: float, monotonic: Monotonic) -> None:
    """Run one hook to its end. Raises Told where it fails or does not end in time; the engine cannot end it for us."""
    body: dict[str, Any] = {
        "AttachStdout": True,
        "AttachStderr": True,
        "Cmd": list(hook.command),
        "User": hook.user,
        "Privileged": hook.privileged,
        "WorkingDir": hook.working_dir,
        "Env": [f"{key}={value}" for key, value in hook.environment],
    }
    made = reading.mapping(wire.post(f"/containers/{container_id}/exec", body), "exec")
    exec_id = reading.text(made, "Id")
    name = one_line(shlex.join(hook.command), 80)
    output = _output(wire, exec_id, name, limit_seconds, monotonic)
    code = _exit_code(wire, exec_id, name)
    if code:
        raise Told(Result.TRANSIENT, f"hook {name} exited with {code}: {output or 'no output'}")


def run_all_before_stop(
    wire: Wire, container_id: str, hooks: tuple[Hook, ...], limit_seconds: float, monotonic: Monotonic
) -> list[str]:
    """Run pre_stop hooks; what failed is told and no more: a container is not kept alive by its farewell."""
    failures = []
    for hook in hooks:
        try:
            run(wire, container_id, hook, limit_seconds, monotonic)
        except (Told, Answered, Garbage, *FAILURES) as error:
            failures.append(f"pre_stop: {verdict(error)[1]}")
    return failures


def _output(wire: Wire, exec_id: str, name: str, limit_seconds: float, monotonic: Monotonic) -> str:
    """The last lines that it printed, once it has closed its output."""
    ends = monotonic() + limit_seconds
    last: deque[bytes] = deque(maxlen=OUTPUT_LINES)
    late = Told(Result.TRANSIENT, f"hook {name} has not ended within {limit_seconds:g} s, and may still run")
    try:
        with wire.stream(
            "POST", f"/exec/{exec_id}/start", body={"Detach": False, "Tty": False}, idle_seconds=limit_seconds
        ) as response:
            pieces = ((number, False, piece) for number, _, piece in logs.frames(response))  # no times in these
            last.extend(line.text for line in logs.lines_of(_until(ends, pieces, monotonic, late)))
    except FAILURES as error:
        if monotonic() >= ends:
            raise late from error
        raise
    return one_line(b" | ".join(last).decode(errors="replace"))


def _until(ends: float, chunks: Iterable[logs.Chunk], monotonic: Monotonic, late: Told) -> Iterator[logs.Chunk]:
    for chunk in chunks:
        yield chunk
        if monotonic() > ends:
            raise late


def _exit_code(wire: Wire, exec_id: str, name: str) -> int:
    """Its exit code; the engine may take a moment between the end of the output and the end of the process."""
    for _ in range(EXIT_POLLS):
        state = reading.mapping(wire.get(f"/exec/{exec_id}/json"), "exec")
        if not state.get("Running"):
            return int(reading.number(state.get("ExitCode")))
        time.sleep(EXIT_POLL_SECONDS)
    raise Told(Result.TRANSIENT, f"hook {name} closed its output and runs on")
