"""Programs in Python that start at once: a process that has loaded zpmd forks for each start.

Loading takes 0.85 s of the 1.0 s of CPU time that a start takes, and the tests start zpmd hundreds of times. What is
forked is what `python -m MODULE WORDS` would be: a process with one thread, the pid that it is killed by, an
environment, folder and streams of its own, the interpreter's own end and exit code. Its parent is not the test but
`serve`, which reaps it when the test asks, so that until then its pid is nobody else's. Two things are not its own:
the seed of string hashes is that of all of the test run, and variables that the interpreter reads when it starts (its
locale, PYTHON...) are those of the test run. test_forked.py compares the rest.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from tests.lab import netns

CHECKOUT = Path(__file__).resolve().parents[2]
LONGEST_REQUEST = 1 << 17


class Forked:
    """As much of a subprocess.Popen as tests use: `pid`, `returncode`, and the methods below as they are there."""

    def __init__(self, server: Server, command: list[str], pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server, self._command = server, command

    def poll(self) -> int | None:
        if self.returncode is None and self._ended(0):
            self.returncode = self._server.reap(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None and self._ended(timeout):
            self.returncode = self._server.reap(self.pid)
        if self.returncode is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self._command, timeout)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> bool:
        descriptor = os.pidfd_open(self.pid)
        try:
            return bool(select.select([descriptor], [], [], timeout)[0])
        finally:
            os.close(descriptor)


class Server:
    """The process that forks. One request at a time, from any thread."""

    def __init__(self) -> None:
        self._mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asking = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.lab.forked", str(theirs.fileno())],
                cwd=CHECKOUT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def start(self, words: list[str], environment: Mapping[str, str], output: BinaryIO, network: str = "") -> Forked:
        """As `python -m WORDS` in the checkout, without input. `network` is the file of a network namespace for it."""
        asked = {"words": words, "folder": str(CHECKOUT), "environment": dict(environment), "network": network}
        return Forked(self, words, self._ask(asked, output.fileno()))

    def reap(self, pid: int) -> int:
        """The exit code of one that has ended, as Popen says it. Once only: its pid may be another's from then on."""
        return self._ask({"reap": pid})

    def close(self) -> None:
        self._mine.close()
        self._process.wait()

    def _ask(self, asked: object, *descriptors: int) -> int:
        with self._asking:
            socket.send_fds(self._mine, [json.dumps(asked).encode()], list(descriptors))
            told = self._mine.recv(64)
        assert told, "the process that forks has ended"
        return int(told)


@functools.cache
def server() -> Server:
    """One for all of this process's tests, which ends with it."""
    one = Server()
    atexit.register(one.close)
    return one


def serve(asking: socket.socket) -> list[str]:
    """Until the test run has ended. In each process that is forked it returns the words to run there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the test run, which still wants to end the others
    while True:
        request, descriptors, _, _ = socket.recv_fds(asking, LONGEST_REQUEST, 1)
        if not request:
            os._exit(0)
        asked = json.loads(request)
        if "reap" in asked:
            told = os.waitstatus_to_exitcode(os.waitpid(asked["reap"], 0)[1])
        else:
            assert os.listdir("/proc/self/task") == [str(os.getpid())], "a thread would be missing in what is forked"
            told = os.fork()
            if told == 0:
                asking.close()
                become(descriptors[0], **asked)
                return asked["words"]
            os.close(descriptors[0])
        asking.send(str(told).encode())


def become(output: int, words: list[str], folder: str, environment: dict[str, str], network: str) -> None:
    """Everything that differs from one start to the next, and that an exec would have brought."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    if network:
        with open(network) as namespace:
            netns.enter(namespace.fileno())
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = words


if __name__ == "__main__":
    import zpmd.__main__
    import zpmd.assembly  # noqa: F401  # what a start loads

    words = serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
