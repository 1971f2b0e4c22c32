"""Asking the installed zpmd what it would do, and the running one what it is about: `zpmctl doctor --upgrade`.

The installed one is asked as a program (`zpmd rehearse`): what it is put together from is none of an interface's
business. It is given the environment of the one that runs, which systemd made for it and for nobody else.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess  # nosec B404 # one call, below
import sys
from collections.abc import Mapping
from pathlib import Path

from zpmd.interfaces.ctl.client import Daemon, Exit, Failure, parsed
from zpmd.interfaces.upgrade import UpgradeView, excused
from zpmd.interfaces.views import PlanView, StatusView

REHEARSAL_SECONDS = 300.0
CREDENTIALS = struct.Struct("3i")
"""pid, uid, gid: SO_PEERCRED of unix(7)."""
WOULD_CHANGE = 3
PYTHON = "PYTHON"
"""Variables that say which code is run, and how: the running one's would have the former version run once more."""


def rehearsed(daemon: Daemon, settings: Path | None) -> UpgradeView:
    """Raises Failure where it cannot be told, with all that is wrong."""
    # -P: what lies in the folder that this is called from is no part of zpmd
    command = [sys.executable, "-P", "-m", "zpmd", "rehearse", "--json"]
    command += ["--settings", str(settings)] if settings is not None else []
    try:
        done = subprocess.run(  # nosec B603 # a list of arguments, and no shell
            command,
            capture_output=True,
            text=True,
            env=_environment(daemon.socket),
            timeout=REHEARSAL_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise Failure(Exit.FAILED, f"cannot be told: no answer within {REHEARSAL_SECONDS:.0f} s") from None
    if done.returncode not in (0, WOULD_CHANGE):
        said = "; ".join(done.stderr.split("\n")).strip("; ") or f"zpmd rehearse ended with {done.returncode}"
        raise Failure(Exit.FAILED, f"cannot be told: {said}")
    view = parsed(UpgradeView, json.loads(done.stdout))
    try:
        plan, running = daemon.get(PlanView, "/v1/plan"), daemon.get(StatusView, "/v1/status")
    except Failure:
        return view
    return excused(view, plan, running.version)


def _environment(path: Path) -> Mapping[str, str]:
    """Of the process that listens there, where it may be read; else this one's own."""
    try:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(5.0)
            asking.connect(str(path))
            pid, _, _ = CREDENTIALS.unpack(asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return os.environ
    theirs = dict(os.fsdecode(word).split("=", 1) for word in words if b"=" in word)
    return {
        **{name: value for name, value in theirs.items() if not name.startswith(PYTHON)},
        **{name: value for name, value in os.environ.items() if name.startswith(PYTHON)},
    }
