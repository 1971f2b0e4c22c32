"""What the registry suite needs of a place where rows are: a hand that writes documents there, and one that breaks it.

A further registry joins the suite with one harness, entered in HARNESSES.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.lab.eventually import eventually
from zpmd.daemon.clock import SystemClock
from zpmd.model.events import Reason
from zpmd.model.tenant import Reading, Rows
from zpmd.ports import Registry
from zpmd.sources.datafiles import DataFiles

Document = dict[str, Any]


class RegistryHarness(ABC):
    """One registry over a place that is empty at first. Every document has a text as its `_id`."""

    registry: Registry
    woken: list[Reason]

    def __init__(self) -> None:
        self.woken = []

    @abstractmethod
    def put(self, collection: str, document: Document) -> None:
        """Insert it, or put it in place of the one with its `_id`, as another program would."""

    @abstractmethod
    def delete(self, collection: str, row: str) -> None: ...

    @abstractmethod
    def break_down(self) -> None:
        """From now on the rows cannot be read."""

    @abstractmethod
    def mend(self) -> None:
        """They can be read again, and are as they were."""

    @abstractmethod
    def close(self) -> None:
        """Give back what this harness has started."""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """The registry being watched in a thread that ends with the block, soon."""
        stop = threading.Event()
        thread = threading.Thread(target=self.registry.watch, args=(self.woken.append, stop), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=10)
        assert not thread.is_alive(), "the watch did not end when it was told to"

    def reading(self, when: Callable[[Rows], bool] = lambda _: True, what: str = "a reading") -> Reading:
        """The first reading whose rows are so."""

        def found() -> Reading | None:
            reading = self.registry.reading()
            return reading if reading is not None and when(reading.rows) else None

        reading = eventually(found, 15.0, what)
        assert reading is not None
        return reading


class DataFilesHarness(RegistryHarness):
    """All collections in one file, which is replaced as editors do it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder / "data.d"
        self.folder.mkdir()
        self.documents: dict[str, dict[str, Document]] = {}
        self.registry = DataFiles(self.folder, SystemClock())
        self._save()

    def put(self, collection: str, document: Document) -> None:
        self.documents.setdefault(collection, {})[document["_id"]] = document
        self._save()

    def delete(self, collection: str, row: str) -> None:
        del self.documents[collection][row]
        self._save()

    def break_down(self) -> None:
        self._write("tenants: [{db_password: hunter2")

    def mend(self) -> None:
        self._save()

    def close(self) -> None:
        """Nothing has been started; the folder is the test's."""

    def _save(self) -> None:
        rows = {name: list(found.values()) for name, found in self.documents.items()}
        self._write(yaml.safe_dump({"tenants": [], **rows}))

    def _write(self, text: str) -> None:
        part = self.folder / "rows.yaml.part"
        part.write_text(text)
        part.replace(self.folder / "rows.yaml")


HARNESSES: Mapping[str, Callable[[Path], RegistryHarness]] = {"data files": DataFilesHarness}
