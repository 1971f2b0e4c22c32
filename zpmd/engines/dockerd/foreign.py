"""Copies of configs and secrets that belong to somebody else than zpmd. The engine is root, so it writes them.

Rules:
1. A container of the service's own image is created and never started, with the materials folder bound into it. An
   archive that is put into it goes through the bind: the files lie in the folder itself, with the owners and modes of
   their entries, and where the engine maps user ids, with the mapped ones that a service in a container sees as asked.
   There is no other way that needs neither a capability of zpmd nor a program in the image.
2. They get their own names by a rename of zpmd's, once all is on the disk: nothing half-written has one.
3. That container has no owner's label, so it is nobody's replica, and observations leave it out. Its name follows from
   the installation. One that a crash left is removed before the next one, and after the first action of a zpmd.
"""

from __future__ import annotations

import ctypes
import io
import os
import tarfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from zpmd.engines import labels
from zpmd.engines.dockerd import reading
from zpmd.engines.dockerd.faults import Answered, Told
from zpmd.engines.dockerd.materials import Copy, write, wrong
from zpmd.engines.dockerd.wire import Wire
from zpmd.model.events import Result

TARGET = "/io.zpmd.materials"
"""Where the folder is bound to: no path that an image has."""
_LIBC = ctypes.CDLL(None, use_errno=True)


class Foreign:
    """The copies of one installation's materials folder. Any worker may call anything."""

    def __init__(self, owner: str, folder: Path) -> None:
        self._owner = owner
        self._folder = folder
        self._name = f"zpmd-copies-{owner[:16]}"
        self._making = threading.Lock()
        self.left = True
        """Whether there may be a container of an earlier time."""
        self.mended = False
        """Whether it has been seen to that copies of an earlier time have their owners."""

    def make(self, wire: Wire, image: str, platform: str, copies: Mapping[Copy, bytes]) -> None:
        """Raises Told, and what a wire raises."""
        with self._making:
            aside = {f".{copy.name}.new": copy for copy in copies}
            container_id = self._created(wire, image, platform)
            try:
                archive = packed({name: (copy, copies[copy]) for name, copy in aside.items()})
                wire.put(f"/containers/{container_id}/archive", archive, {"path": TARGET})
            finally:
                self._remove(wire, container_id)
            try:
                self._named(aside, copies)
            except OSError as error:
                text = f"the engine did not write configs and secrets into {self._folder}: {error.strerror}"
                raise Told(Result.PERMANENT, f"{text}: does it run on this host?") from error

    def mend(self, wire: Wire, image: str, platform: str) -> None:
        """Make those anew whose owner is not what it was. Containers get them with their next start. Raises Told, and
        what a wire raises."""
        try:
            found = wrong(self._folder)
            left = {copy: data for copy, data in found.items() if not write(self._folder, copy, data)}
        except (OSError, ValueError) as error:
            raise Told(Result.TRANSIENT, f"cannot look through {self._folder}: {error}") from error
        if left:
            self.make(wire, image, platform, left)
        self.mended = True

    def tidy(self, wire: Wire) -> None:
        """Remove what a crash has left. Raises Told, and what a wire raises."""
        with self._making:
            self._remove_left(wire)

    def _created(self, wire: Wire, image: str, platform: str) -> str:
        params = {"name": self._name, **({"platform": platform} if platform else {})}
        body = {
            "Image": image,
            "Entrypoint": ["/never-started"],
            "Labels": {labels.COPIES: self._owner},
            "NetworkDisabled": True,
            "HostConfig": {
                "NetworkMode": "none",
                "Mounts": [
                    {"Type": "bind", "Source": str(self._folder), "Target": TARGET},
                    *({"Type": "tmpfs", "Target": path} for path in _volumes(wire, image)),
                ],
            },
        }
        try:
            answer = wire.post("/containers/create", body, params)
        except Answered as error:
            if error.status != 409:
                raise
            self._remove_left(wire)
            answer = wire.post("/containers/create", body, params)
        return reading.text(reading.mapping(answer, "answer to a creation"), "Id")

    def _remove(self, wire: Wire, container_id: str) -> None:
        """What cannot be removed now is removed after the next action."""
        self.left = True
        wire.delete(f"/containers/{container_id}", {"v": "true", "force": "true"})
        self.left = False

    def _remove_left(self, wire: Wire) -> None:
        try:
            found = reading.mapping(wire.get(f"/containers/{self._name}/json"), "container")
            if reading.labels(found.get("Config") or {}).get(labels.COPIES) != self._owner:
                raise Told(Result.PERMANENT, f"name {self._name} is taken by a container that is not ours")
            self._remove(wire, reading.text(found, "Id"))
        except Answered as error:
            if error.status != 404:
                raise
        self.left = False

    def _named(self, aside: Mapping[str, Copy], copies: Mapping[Copy, bytes]) -> None:
        """Raises OSError where they are not there, or not whole."""
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _sync(descriptor)
            for name, copy in aside.items():
                if os.stat(name, dir_fd=descriptor).st_size != len(copies[copy]):
                    raise OSError(0, "what it wrote is not whole")
                os.rename(name, copy.name, src_dir_fd=descriptor, dst_dir_fd=descriptor)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def packed(files: Mapping[str, tuple[Copy, bytes]]) -> bytes:
    """A tar archive. Raises ValueError for an owner that is no number."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, (copy, data) in files.items():
            entry = tarfile.TarInfo(name)
            uid, gid = copy.owner
            entry.size, entry.mode, entry.mtime = len(data), copy.mode, time.time()
            entry.uid, entry.gid = uid or 0, gid or 0
            tar.addfile(entry, io.BytesIO(data))
    return archive.getvalue()


def _volumes(wire: Wire, image: str) -> list[str]:
    """The paths for which the image asks for a volume. The engine would copy into each what the image has there."""
    try:
        found = reading.mapping(wire.get(f"/images/{quote(image, safe='/:@')}/json"), "image")
    except Answered as error:
        if error.status == 404:
            raise Told(Result.PERMANENT, f"no such image: {image}") from error
        raise
    return sorted((found.get("Config") or {}).get("Volumes") or {})


def _sync(descriptor: int) -> None:
    """Of the whole file system, because the files themselves can be opened by their owners alone. Raises OSError."""
    if _LIBC.syncfs(descriptor):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
