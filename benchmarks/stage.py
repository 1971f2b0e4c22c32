"""Where benchmarks play: a lab engine with the sample images, service files of a size, events with exact times."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from tests.integration.daemon import Daemon
from tests.lab.engine import API_VERSION, LabEngine
from zpmd.model.service import GROUPS

IMAGE = "appliance/pause:1.0"


@contextmanager
def engine() -> Iterator[LabEngine]:
    lab = LabEngine()
    try:
        lab.start()
        lab.load_images()
        yield lab
    finally:
        lab.close()


@contextmanager
def daemon(lab: LabEngine) -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory(prefix="zpmd-bench-") as folder:
        one = Daemon(lab, Path(folder))
        try:
            yield one
        finally:
            one.close()


def service_files(folder: Path, services: int, replicas: int) -> None:
    """`services` services of `replicas` replicas, spread over the four groups; in each group the others depend on the
    first, as a product's services do on a database."""
    folder.mkdir(parents=True, exist_ok=True)
    for order, group in enumerate(GROUPS):
        names = [f"{group}-{i}" for i in range(services // len(GROUPS) + (order < services % len(GROUPS)))]
        definitions = {
            name: {
                "image": IMAGE,
                "environment": {"NUMBER": str(i)},
                "networks": ["bench"],
                "deploy": {"replicas": replicas, "update_config": {"monitor": "0s"}},
                **({"depends_on": names[:1]} if i else {}),
            }
            for i, name in enumerate(names)
        }
        content = {"x-zpmd": {"group": str(group)}, "services": definitions, "networks": {"bench": {}}}
        if names:
            (folder / f"{order}-{group}.yaml").write_text(json.dumps(content, indent=1))


class Events:
    """The engine's container events as they come, with the engine's own time of each."""

    def __init__(self, lab: LabEngine) -> None:
        self._client = docker.APIClient(base_url=lab.url, version=API_VERSION)
        self._stream = self._client.events(decode=True, filters={"type": "container"})
        self._changed = threading.Condition()
        self._times: dict[tuple[str, str], list[float]] = {}
        self.listeners: list[Callable[[str, str], None]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for event in self._stream:
            action, container = event["Action"], event["Actor"]["ID"]
            with self._changed:
                self._times.setdefault((action, container), []).append(event["timeNano"] / 1e9)
                self._changed.notify_all()
            for listener in self.listeners:
                listener(action, container)

    def after(self, action: str, container: str, instant: float, timeout_seconds: float = 60) -> float:
        """The time (Unix seconds) of the first such event of this container after an instant; waits for it."""
        with self._changed:
            found = self._changed.wait_for(lambda: self._first(action, container, instant), timeout_seconds)
        if not found:
            raise TimeoutError(f"no {action} of {container[:12]} within {timeout_seconds:.0f} s")
        return found

    def _first(self, action: str, container: str, instant: float) -> float | None:
        return next((t for t in self._times.get((action, container), ()) if t > instant), None)

    def times(self, action: str, since: float) -> list[float]:
        """The times of every such event of any container since an instant, in order."""
        with self._changed:
            return sorted(t for (what, _), times in self._times.items() for t in times if what == action and t >= since)

    def close(self) -> None:
        self._stream.close()
        self._client.close()


def settle(seconds: float = 1.0) -> None:
    """Let an engine finish what goes on after an event, so that one measurement does not pay for another."""
    time.sleep(seconds)
