"""A drop directory that is watched, on a state folder of its own. The test plays the loop: it moves rows on."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

from tests.lab.eventually import eventually
from zpmd.model.events import Reason
from zpmd.model.patch import Patch, Stage
from zpmd.patching import keys
from zpmd.patching.dropbox import DropBox
from zpmd.settings import Patches
from zpmd.stores.embedded import EmbeddedStore

MANIFEST = "id: {id}\ntag: v2\nservices: [zona_user]\n"
QUIET_SECONDS = 0.5


def manifest(id: str = "hotfix-1") -> str:
    return MANIFEST.format(id=id)


class MovableClock:
    """The host's, and as much later as the test says."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


class Site:
    def __init__(self, folder: Path, **patches: object) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.settings = Patches(
            dir=folder / "drop",
            keys_dir=folder / "keys",
            quiet_seconds=QUIET_SECONDS,
            **patches,  # type: ignore[arg-type]
        )
        self.clock = MovableClock()
        self.woken: list[float] = []
        self.state.mkdir(exist_ok=True)
        self.open()

    def open(self) -> None:
        self.store = EmbeddedStore(self.state / "zpmd.db", 10_000, self.clock)
        self.box = DropBox(
            self.settings,
            self.state,
            "root",
            self.store,
            self.clock,
            lambda: keys.read(self.settings.keys_dir, self.settings.signatures),
        )
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.box.watch, args=(self.wake, self.stop), daemon=True)

    def wake(self, reason: Reason) -> None:
        assert reason is Reason.PATCHES
        self.woken.append(time.monotonic())

    def start(self, notices: bool = True) -> Site:
        self.thread.start()
        if notices:
            eventually(self.box.watching, what="inotify")
        return self

    def close(self) -> None:
        self.stop.set()
        if self.thread.ident is not None:
            self.thread.join(10)
            assert not self.thread.is_alive()
        self.store.close()

    def again(self) -> Site:
        """As after a restart of zpmd."""
        self.close()
        self.open()
        return self

    def at(self, place: str, *names: str) -> Path:
        return self.settings.dir.joinpath(place, *names)

    @property
    def incoming(self) -> Path:
        return self.at("incoming")

    def drop(self, name: str, content: str | bytes | None = None) -> Path:
        """As a careful producer does: written elsewhere, and renamed into place."""
        aside, path = self.folder / f"{name}.aside", self.incoming / name
        aside.write_bytes(content if isinstance(content, bytes) else (content or manifest()).encode())
        os.rename(aside, path)
        return path

    def rows(self) -> tuple[Patch, ...]:
        """The oldest first."""
        return tuple(reversed(self.store.ledger(limit=5000)))

    def row(self, *stages: Stage, name: str = "", timeout_seconds: float = 10.0) -> Patch:
        """The newest row (of a file) once it is in one of these stages."""

        def there() -> Patch | None:
            found = [row for row in self.store.ledger(limit=5000) if name in ("", row.name)]
            return found[0] if found and found[0].stage in stages else None

        row = eventually(there, timeout_seconds, f"a row that is {stages}")
        assert row is not None
        return row

    def end(self, row: Patch, stage: Stage, **changes: object) -> None:
        """What the loop does when a patch ends."""
        times = (*row.times, (stage, self.clock.now()))
        self.store.keep_patch(replace(row, stage=stage, times=times, **changes))  # type: ignore[arg-type]
        self.box.nudge()

    def filed(self, number: int, timeout_seconds: float = 10.0) -> Patch:
        """The row once its file is put away."""

        def there() -> Patch | None:
            return next((row for row in self.rows() if row.number == number and row.filed), None)

        row = eventually(there, timeout_seconds, "a row whose file is put away")
        assert row is not None
        return row

    def copies(self) -> list[str]:
        """What is in the private folder, but for results."""
        base = self.state / "patches"
        return sorted(str(p.relative_to(base)) for p in base.rglob("*") if p.is_file() and "results" not in p.parts)

    def looks(self, seconds: float = 3.0) -> None:
        """Let time pass for whoever looks at clocks, and have it look."""
        self.clock.ahead += seconds
        self.box.nudge()
