"""Says what kind of a process it is, as one line of JSON: what a program could notice of how it was started."""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
import threading
from pathlib import Path

STATUS = ("Umask", "Uid", "Gid", "Groups", "Threads", "SigPnd", "SigBlk", "SigIgn", "SigCgt")


def portrait() -> dict[str, object]:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")}
    descriptors = {number: os.readlink(f"/proc/self/fd/{number}") for number in map(int, opened())}
    return {
        "name": __name__,
        "words": sys.argv[1:],
        "file": Path(sys.argv[0]).resolve() == Path(__file__).resolve() == Path(sys.modules["__main__"].__file__ or ""),
        "folder": os.getcwd(),
        "environment": dict(sorted(os.environ.items())),
        "status": {key: status[key] for key in STATUS},
        "leads its threads": status["Pid"] == str(os.getpid()) == status["Tgid"],
        "limits": limits,
        "descriptors": descriptors,
        "group": os.getpgid(0),
        "session": os.getsid(0),
        "network": os.readlink("/proc/self/ns/net"),
        "niceness": os.nice(0),
        "cgroup": Path("/proc/self/cgroup").read_text(),
        "out of memory": Path("/proc/self/oom_score_adj").read_text(),
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "threads": threading.active_count(),
        "main thread": threading.current_thread() is threading.main_thread(),
        "streams": [(s.encoding, s.errors, s.line_buffering) for s in (sys.stdin, sys.stdout, sys.stderr)],
        "path": sys.path,
        "warned of": sys.warnoptions,
        "collects": (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()),
        "seconds of CPU": round(sum(os.times()[2:4])),
    }


def opened() -> list[str]:
    """Without the one that the listing itself needs."""
    return [number for number in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{number}")]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(portrait()) + "\n")
    sys.stdout.flush()
    if sys.argv[1:2]:
        raise SystemExit(int(sys.argv[1]))
    signal.pause()
