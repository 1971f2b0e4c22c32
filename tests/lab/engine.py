"""A Docker Engine of the test's own: real dockerd and containerd, in a fresh folder and a network namespace.

Rules: it ends only what it started, by pid; it needs root; a missing component is an error that says what to run, never
a skip. Every method that breaks the engine returns once it is broken, every one that mends it once it answers.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests

from tests.lab import netns, processes
from tests.lab.eventually import eventually

CHECKOUT = Path(__file__).resolve().parents[2]
API_VERSION = "1.41"
FORBIDDEN = 403
CONFLICT = 409
OWN_NETWORKS = frozenset({"bridge", "host", "none"})
NEEDED = ("dockerd", "containerd", "iptables", "ip", "busybox", "nsenter", "unshare")
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ComponentMissing(AssertionError):
    """The machine lacks something that the lab needs."""


class LabEngine:
    """One engine. `config` are keys of its daemon.json (`{"live-restore": True}`, ...)."""

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        missing = [name for name in NEEDED if shutil.which(name, path=SEARCH_PATH) is None]
        if missing:
            raise ComponentMissing(f"{', '.join(missing)} missing; run: scripts/engine --install-only")
        self.folder = Path(tempfile.mkdtemp(prefix="zpmd-lab-"))
        self.url = f"unix://{self.folder}/docker.sock"
        self._config = dict(config or {})
        self._namespace = netns.create(self.folder / "pid")
        self._dockerd: subprocess.Popen[bytes] | None = None
        self._client: docker.APIClient | None = None
        self._kept_images: frozenset[str] = frozenset()

    # its life

    def start(self) -> None:
        """Start it on the data it has, and wait until it answers. Harmless when it runs."""
        if self.running:
            return
        for stale in (*self.folder.glob("exec/containerd/*.pid"), *self.folder.glob("exec/containerd/*.sock*")):
            stale.unlink()
        (self.folder / "pid").unlink(missing_ok=True)
        (self.folder / "daemon.json").write_text(json.dumps(self._config))
        command = (
            *self._namespace.enter,
            "dockerd",
            *("--config-file", str(self.folder / "daemon.json")),
            *("--data-root", str(self.folder / "data")),
            *("--exec-root", str(self.folder / "exec")),
            *("--host", self.url),
            *("--pidfile", str(self.folder / "pid")),
        )
        with (self.folder / "log").open("ab") as log:
            self._dockerd = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=_environment()
            )
        eventually(self._up, 30, "an engine that answers", 0.05)

    def stop(self) -> None:
        """Stop it as systemd would (SIGTERM): its containers are stopped with it, unless live-restore is on."""
        self._end(signal.SIGTERM, 60)

    def kill(self) -> None:
        """kill -9 of the engine. Its containerd ends with it; the containers go on until it is started again."""
        self._end(signal.SIGKILL, 10)

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): it accepts connections and never answers."""
        processes.freeze(self.pid)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        processes.send(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it and everything that it left: containers, shims, mounts, namespace, folder."""
        try:
            if self.running:
                self.resume()
                with contextlib.suppress(docker.errors.DockerException, requests.RequestException):
                    self.remove_containers()
                self.stop()
        finally:
            self._end_orphans()
            self._namespace.close()
            processes.unmount_below(self.folder)
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def running(self) -> bool:
        return self._dockerd is not None and self._dockerd.poll() is None

    @property
    def pid(self) -> int:
        assert self._dockerd is not None, "the engine was never started"
        return self._dockerd.pid

    @property
    def address(self) -> str:
        """Where this machine reaches the ports that containers publish."""
        return self._namespace.address

    @property
    def enter(self) -> tuple[str, ...]:
        """Begin a command line with this to run it where 127.0.0.1 is the engine's own."""
        return self._namespace.enter

    @property
    def network(self) -> str:
        """The file of the network namespace that `enter` enters."""
        return self._namespace.file

    @property
    def log(self) -> str:
        """What dockerd has written so far."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    # what is on it

    def client(self) -> docker.APIClient:
        """The low-level client of the test's thread, apart from any that the code under test uses."""
        if self._client is None:
            self._client = docker.APIClient(base_url=self.url, version=API_VERSION, timeout=30)
        return self._client

    def load_images(self) -> None:
        """Make the sample images (scripts/images). They outlive `cleanup`."""
        command = [sys.executable, str(CHECKOUT / "scripts" / "images"), "--host", self.url]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self._kept_images = frozenset(image["Id"] for image in self.client().images())

    def run_stranger(
        self, name: str, image: str = "appliance/pause:1.0", command: Sequence[str] | None = None, **options: Any
    ) -> str:
        """Create and start a container that is not zpmd's; its id. `options` are those of `create_container`."""
        made = self.client().create_container(image, list(command) if command else None, name=name, **options)
        container_id: str = made["Id"]
        self.client().start(container_id)
        return container_id

    def inspect(self, container: str) -> dict[str, Any]:
        """What the engine says of a container, by id or name."""
        told: dict[str, Any] = self.client().inspect_container(container)
        return told

    def image_id(self, reference: str) -> str:
        """The id of an image that is there."""
        told: dict[str, Any] = self.client().inspect_image(reference)  # type: ignore[no-untyped-call]
        return str(told["Id"])

    def pid_of(self, container: str) -> int:
        """The pid, as this machine sees it, of a running container's first process."""
        pid: int = self.inspect(container)["State"]["Pid"]
        assert pid > 0, f"{container} does not run"
        return pid

    def kill_container_process(self, container: str) -> None:
        """kill -9 from outside, as a crash: the engine takes a kill through its API for a stop by hand."""
        processes.send(self.pid_of(container), signal.SIGKILL)

    def cleanup(self) -> None:
        """Back to how it was after `load_images`: running, and without containers, volumes, networks, other images."""
        self.start()
        self.resume()
        self.remove_containers()
        try:
            self._remove_networks()
        except docker.errors.APIError as error:
            if error.status_code != FORBIDDEN:
                raise
            self.restart()
            self._remove_networks()
        client = self.client()
        for volume in client.volumes()["Volumes"] or ():
            client.remove_volume(volume["Name"], force=True)
        self._remove_images()

    def remove_containers(self) -> None:
        """Remove every container, running or not, with its anonymous volumes."""
        for container in self.client().containers(all=True, quiet=True):
            with contextlib.suppress(docker.errors.NotFound):
                self.client().remove_container(container["Id"], force=True, v=True)

    def _remove_networks(self) -> None:
        """Docker 20.10 at times miscounts who is on a network, where containers die and start at once, and refuses to
        remove one on which nobody is (FORBIDDEN, "has active endpoints"); it counts again when it starts."""
        client = self.client()
        for network in client.networks():
            if network["Name"] not in OWN_NETWORKS:
                client.remove_network(network["Id"])

    def _remove_images(self) -> None:
        """All but the sample images: those that are made of others first, as the engine wants it."""
        client, left = self.client(), 0
        while extra := [image["Id"] for image in client.images() if image["Id"] not in self._kept_images]:
            assert len(extra) != left, f"none of these images can be removed: {extra}"
            left = len(extra)
            for image in extra:
                try:
                    client.remove_image(image, force=True)
                except docker.errors.ImageNotFound:  # it went with one that was made of it
                    continue
                except docker.errors.APIError as error:
                    if error.status_code != CONFLICT:
                        raise

    def keep_artifacts(self, folder: Path) -> None:
        """Write what helps to understand a failure: the containers with their logs, and the engine's own log."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "dockerd.log").write_text(self.log)
        if not self.running:
            return
        client = docker.APIClient(base_url=self.url, version=API_VERSION, timeout=5)
        try:
            for container in client.containers(all=True):
                name = container["Names"][0].strip("/") if container["Names"] else container["Id"][:12]
                (folder / f"{name}.json").write_text(json.dumps(client.inspect_container(container["Id"]), indent=2))
                (folder / f"{name}.log").write_bytes(client.logs(container["Id"], tail=500, timestamps=True))
        except (docker.errors.DockerException, requests.RequestException) as error:
            (folder / "engine-unreachable.txt").write_text(str(error))
        finally:
            client.close()

    def _up(self) -> bool:
        assert self._dockerd is not None
        if self._dockerd.poll() is not None:
            raise RuntimeError(f"dockerd ended with {self._dockerd.returncode}:\n{self.log[-3000:]}")
        try:
            return bool(self.client().ping())
        except (docker.errors.DockerException, requests.RequestException):
            return False

    def _end(self, number: signal.Signals, timeout_seconds: float) -> None:
        if not self.running:
            return
        assert self._dockerd is not None
        self._dockerd.send_signal(number)
        self._dockerd.wait(timeout_seconds)

    def _end_orphans(self) -> None:
        """After a kill -9, shims and containers live on: end them, containers first."""
        for pid in tuple(processes.working_in(self.folder)):
            if pid == self._namespace.keeper.pid:
                continue
            for child in processes.children_of(pid):
                processes.send(child, signal.SIGKILL)
            processes.send(pid, signal.SIGKILL)


def _environment() -> dict[str, str]:
    """Nothing of the test run's own: a proxy or a DOCKER_* variable would change what the engine does."""
    return {"PATH": SEARCH_PATH, "HOME": "/root"}
