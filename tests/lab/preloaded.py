"""zpmctl and zpmd that start at once: a process that has loaded both forks for each command line.

For tests that run dozens of commands as people type them, in a shell: loading the programs takes most of each. What
runs is the program itself, in a process, folder and environment of its own, on the terminal or pipe of its caller;
signals to the caller reach it, and its exit code is the caller's.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.lab.eventually import eventually

CHECKOUT = Path(__file__).resolve().parents[2]
CALLER = """\
#!{python} -ISE
import json, os, signal, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect({socket!r})
asked = json.dumps([{name!r}, sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(connection, [len(asked).to_bytes(4, "big")], [0, 1, 2])
connection.sendall(asked)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: connection.sendall(bytes([number])))
code = connection.recv(1)
os._exit(code[0] if code else 1)
"""


@contextlib.contextmanager
def programs(folder: Path, checkout: Path) -> Iterator[Path]:
    """A folder for PATH, with both in it."""
    folder.mkdir()
    path = folder / "socket"
    for name in ("zpmctl", "zpmd"):
        (folder / name).write_text(CALLER.format(python=sys.executable, socket=str(path), name=name))
        (folder / name).chmod(0o755)
    command = [sys.executable, "-m", "tests.lab.preloaded", str(path)]
    serving = subprocess.Popen(command, cwd=checkout, stdin=subprocess.PIPE)  # it ends when that is closed
    try:
        eventually(path.exists, 60, "programs that are loaded", 0.05)
        yield folder
    finally:
        serving.communicate()


@functools.cache
def zpmctl() -> Path:
    """One for all of this process's tests, which ends with it."""
    ending = contextlib.ExitStack()
    atexit.register(ending.close)
    folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="zpmd-ctl-")))
    return ending.enter_context(programs(folder / "bin", CHECKOUT)) / "zpmctl"


def serve(path: str) -> None:
    import zpmd.__main__
    from zpmd.interfaces.ctl import program

    mains = {"zpmctl": program.main, "zpmd": zpmd.__main__.main}
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{path}.part")
    listening.listen()
    os.rename(f"{path}.part", path)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while listening in select.select([listening, sys.stdin], [], [])[0]:
        connection, _ = listening.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            attend(connection, mains)
        connection.close()


def attend(connection: socket.socket, mains: dict[str, object]) -> None:
    """One caller, until its program has ended."""
    head, descriptors, _, _ = socket.recv_fds(connection, 4, 3)
    asked = b""
    while len(asked) < int.from_bytes(head, "big"):
        asked += connection.recv(1 << 20)
    name, words, folder, environment = json.loads(asked)
    child = os.fork()
    if child == 0:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
        sys.argv = [name, *words]
        os._exit(ended(mains[name]))
    for descriptor in descriptors:
        os.close(descriptor)
    exited = os.pidfd_open(child)
    while exited not in (ready := select.select([exited, connection], [], [])[0]):
        for number in connection.recv(16) if connection in ready else b"":
            os.kill(child, number)
    _, status = os.waitpid(child, 0)
    connection.sendall(bytes([os.waitstatus_to_exitcode(status) & 255]))
    os._exit(0)


def ended(main: object) -> int:
    """The exit code of a program, its output flushed."""
    try:
        main()  # type: ignore[operator]
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    return code


if __name__ == "__main__":
    serve(sys.argv[1])
