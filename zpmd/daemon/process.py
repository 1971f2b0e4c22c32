"""The process around the loop: signals, one instance a state folder, and the way to an orderly end.

SIGTERM and SIGINT end zpmd and touch no container; SIGHUP has the sources read again. Signals are taken by the main
thread with sigtimedwait, so that no handler ever runs in the middle of something.
"""

from __future__ import annotations

import faulthandler
import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from loguru import logger

from zpmd.errors import Refused, ZpmdError
from zpmd.messages import NOTICE

ENDING = frozenset({signal.SIGTERM, signal.SIGINT})
SIGNALS = ENDING | {signal.SIGHUP}
LOOK_SECONDS = 1.0
STACKS = "stacks"
STACKS_BYTES = 1 << 20


def keep_stacks(folder: Path | None, first_line: str) -> None:
    """On a fatal signal, as systemd's watchdog sends one, write down where each thread is: into a file in the folder of
    logs, below a line that says whose it is; without a folder, or where it cannot be written, to stderr."""
    if folder is None:
        faulthandler.enable()
        return
    path = folder / STACKS
    try:
        mode = "a" if path.exists() and path.stat().st_size < STACKS_BYTES else "w"
        file = path.open(mode)
        print(first_line, file=file, flush=True)
    except OSError as error:
        logger.warning("{} cannot be written: {}", path, error.strerror)
        faulthandler.enable()
        return
    faulthandler.enable(file)


@contextmanager
def only_instance(state_dir: Path) -> Iterator[None]:
    """Hold the lock of this state folder. Raises Refused while another has it, ZpmdError where there can be none."""
    path = state_dir / "zpmd.lock"
    try:
        lock = path.open("a+")
    except OSError as error:
        raise ZpmdError(f"cannot start: {path}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            raise Refused(f"cannot start: zpmd runs already on {state_dir} (pid {pid})") from None
        with suppress(OSError):  # a full disk: the lock is what counts, the pid is for people
            lock.truncate(0)
            os.write(lock.fileno(), f"{os.getpid()}\n".encode())
        yield


def block_signals() -> None:
    """Call it before any thread is made: threads inherit it, so that only `serve` sees the signals."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def serve(run: Callable[[], None], end: Callable[[], None], reload: Callable[[], None]) -> int:
    """Run the loop in a thread until a signal ends it. Returns the exit code: 1 if the loop ended by itself."""
    loop = threading.Thread(target=run, name="loop", daemon=True)
    loop.start()
    while loop.is_alive():
        taken = signal.sigtimedwait(SIGNALS, LOOK_SECONDS)
        if taken is None:
            continue
        if taken.si_signo == signal.SIGHUP:
            reload()
            continue
        logger.log(NOTICE, "{} came: zpmd ends, containers go on", signal.Signals(taken.si_signo).name)
        end()
        loop.join(timeout=LOOK_SECONDS * 10)
        return 0
    logger.error("the loop has ended by itself")
    return 1
