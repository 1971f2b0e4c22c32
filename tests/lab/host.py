"""A whole Debian host of the test's own: a real systemd as PID 1, journald, dbus, docker.service, in a second or two.

Rules: it is made of the root file system that `scripts/host --install-only` keeps in .lab/host, which no host changes:
what a host writes lies in a folder of its own, over it. That folder outlives a reboot and a power failure, and `close`
removes it. Nothing else of it is on this machine: no mount, no interface, no process but below its init.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from tests.lab import hostspace, processes
from tests.lab.eventually import eventually
from tests.lab.hostdisk import Disk

API_VERSION = "1.41"
BOOT_SECONDS = 60
OFF_SECONDS = 90
SETTLED = ("running", "degraded")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command on the host printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class LabHost:
    """One host. It is off at first."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self._outside: subprocess.Popen[bytes] | None = None
        self._init = 0

    # its life

    def boot(self, wait: bool = True) -> str:
        """Switch it on; with `wait`, until systemd has started everything. Returns what `systemctl is-system-running`
        says then: `running`, or `degraded` where a unit failed."""
        assert not self.on, "the host is on already"
        self._outside = hostspace.start(self.disk, self._name, self._console)
        self._init = eventually(self._find_init, 10, "an init", 0.01)
        return eventually(self._settled, BOOT_SECONDS, "a host that has booted", 0.1) if wait else "starting"

    def poweroff(self) -> None:
        """Switch it off in order, as `systemctl poweroff` does: every unit is stopped."""
        self.sh("systemctl poweroff")
        self._gone(OFF_SECONDS)

    def power_failure(self) -> None:
        """Everything on it ends at once."""
        processes.send(self._init, signal.SIGKILL)
        self._gone(10)

    def close(self) -> None:
        """Switch it off without ceremony and remove all that there was of it."""
        try:
            if self._outside is not None and self._outside.poll() is None:
                if self._init:
                    self.power_failure()
                self._outside.kill()
                self._gone(10)
        finally:
            processes.unmount_below(self.disk.folder)
            self.disk.remove()

    @property
    def on(self) -> bool:
        return self._outside is not None and self._outside.poll() is None

    # doing something on it

    @property
    def enter(self) -> tuple[str, ...]:
        """A command line begins with this to run on the host, as root."""
        assert self.on, "the host is off"
        return hostspace.enter(self._init)

    @property
    def files(self) -> Path:
        """Its file system, as long as it is on. A symbolic link that is absolute leads to this machine's."""
        assert self.on, "the host is off"
        return Path(f"/proc/{self._init}/root")

    def sh(self, command: str, timeout_seconds: float = 120, environment: Mapping[str, str] | None = None) -> Said:
        """Run a shell's command line as root, and return what it said, whatever its exit code."""
        done = subprocess.run(
            [*self.enter, "sh", "-c", command],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            stdin=subprocess.DEVNULL,
            env={**ENVIRONMENT, **(environment or {})},
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def must(self, command: str, timeout_seconds: float = 120) -> str:
        """What a command printed that has to end well."""
        said = self.sh(command, timeout_seconds)
        assert said.code == 0, f"{command}: {said.code}\n{said.out}\n{said.err}"
        return said.out

    def push(self, source: Path, target: str) -> None:
        """Copy a file, or a folder with all in it, from this machine to an absolute path of the host, on or off. It is
        root's."""
        place = self._place(target)
        subprocess.run(["cp", "-RT", "--preserve=mode", str(source), str(place)], check=True)

    def write(self, target: str, text: str, mode: int = 0o644) -> None:
        """Write a file at once, as an editor that renames does, whether the host is on or off."""
        path = self._place(target)
        draft = path.with_name(f".{path.name}.draft")
        draft.write_text(text)
        draft.chmod(mode)
        draft.rename(path)

    def install(self, package: Path) -> Said:
        """`apt install` of a package file. There is no network: what it depends on has to be there."""
        self.push(package, f"/root/{package.name}")
        return self.sh(f"apt-get install --yes /root/{shlex.quote(package.name)}", 300)

    # what is on it

    def journal(self, *words: str) -> list[dict[str, Any]]:
        """Entries of its journal, the oldest first, as `journalctl WORDS -o json` tells them."""
        lines = self.must(shlex.join(["journalctl", "--output=json", "--all", "--no-pager", *words])).splitlines()
        return [json.loads(line) for line in lines]

    def unit(self, name: str) -> dict[str, str]:
        """All properties of a unit, by name, as `systemctl show` tells them."""
        lines = self.must(f"systemctl show {shlex.quote(name)}").splitlines()
        return dict(line.partition("=")[::2] for line in lines)

    def signal(self, unit: str, number: signal.Signals) -> int:
        """Send a signal to the unit's main process, and return the pid that it has there."""
        pid = int(self.unit(unit)["MainPID"])
        assert pid > 0, f"{unit} does not run"
        self.must(f"kill -{int(number)} {pid}")
        return pid

    def engine(self) -> docker.APIClient:
        """A client of its engine. It is good until the host is switched off."""
        return docker.APIClient(base_url=f"unix://{self.files}/run/docker.sock", version=API_VERSION, timeout=30)

    def keep_artifacts(self, folder: Path) -> None:
        """Write what helps to understand a failure: the journal, failed units, containers, and zpmd's own view."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self._console, folder)
        if not self.on:
            kept = self.disk.upper / "var" / "log" / "journal"
            (folder / "journal.txt").write_bytes(_output("journalctl", "--no-pager", "-o", "short", "-D", str(kept)))
            return
        for name, command in EVIDENCE.items():
            with contextlib.suppress(subprocess.TimeoutExpired):
                (folder / name).write_bytes(_output(*self.enter, "sh", "-c", command))

    @property
    def _name(self) -> str:
        """Of its control groups; no other host has it."""
        return self.disk.folder.name

    @property
    def _console(self) -> Path:
        return self.disk.folder / "console.log"

    def _place(self, target: str) -> Path:
        if not self.on:
            return self.disk.place(target)
        path = Path(f"{self.files}{target}")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _find_init(self) -> int:
        assert self._outside is not None
        if self._outside.poll() is not None:
            raise RuntimeError(f"the host did not start:\n{(self.disk.folder / 'console.log').read_text()[-2000:]}")
        return next((pid for pid in processes.children_of(self._outside.pid) if _is_systemd(pid)), 0)

    def _settled(self) -> str:
        said = self.sh("systemctl is-system-running", 10).out.strip()
        assert said in SETTLED, said
        return said

    def _gone(self, timeout_seconds: float) -> None:
        assert self._outside is not None
        self._outside.wait(timeout_seconds)
        self._init = 0
        eventually(lambda: hostspace.forget(self._name), 10, "control groups that can be removed")


ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "NO_COLOR": "1",
    "COLUMNS": "160",
}

EVIDENCE = {
    "journal.export": "journalctl --no-pager -o export",
    "journal.txt": "journalctl --no-pager",
    "units.txt": "systemctl --failed; systemctl status --no-pager --full zpmd docker",
    "containers.txt": "timeout 10 docker ps --all --no-trunc",
    "status.txt": "timeout 10 zpmctl status",
}


def _is_systemd(pid: int) -> bool:
    """Before that it is the shell that makes the host's world."""
    return processes.command_of(pid) == b"/lib/systemd/systemd\0"


def _output(*command: str) -> bytes:
    return subprocess.run(command, check=False, capture_output=True, timeout=30, env=ENVIRONMENT).stdout
