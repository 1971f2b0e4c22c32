"""The source that says what should be by the Compose files of a folder, and by all files that these name.

All or nothing: with a single problem in any of them nothing is taken. A folder that cannot be read, or has no service
file in it, is a problem too and never "no services": nothing is removed for want of evidence.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from zpmd.errors import ConfigError
from zpmd.model.events import Reason
from zpmd.model.service import Desired, Problem
from zpmd.ports import Wake
from zpmd.settings import Settings
from zpmd.sources import envfile, materials
from zpmd.sources.compose.desired import Understood, understand
from zpmd.sources.compose.service import Host
from zpmd.sources.compose.templates import Template
from zpmd.sources.disk import Disk, State, file_state, folder_state, service_files
from zpmd.sources.nodes import Origin
from zpmd.sources.watching import FolderWatch


class YamlFiles:
    """Implements `Source`. `load` and `watch` may run in different threads."""

    name = "files"

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], host: Callable[[], Host] | None = None
    ) -> None:
        """`host` says what this host is, where somebody knows better than the settings. It answers at once."""
        self.settings = settings
        self.environment = environment
        self.host = host or (lambda: host_of(settings))
        self.loaded_for: Host | None = None
        self.disk = Disk()
        self.folder: State = ()
        self.folders = FolderWatch()
        self.good: Desired | None = None
        self.last = Desired(project=settings.project)
        """What the last good load said, also while there is trouble."""
        self.kept: frozenset[str] = frozenset()
        self.templates: tuple[Template, ...] | None = None
        """Those of the last good load, the same objects while nothing has changed; None before there was one."""

    def load(self) -> Desired:
        """Raises ConfigError with every problem of every file. While nothing that was read has changed the answer is
        the same object: at a resync of 2,500 services reading them all again took seconds."""
        if self.good is not None and self.unchanged():
            return self.good
        self.good = None
        disk = Disk()
        folder, host = folder_state(self.settings.services_dir), self.host()
        try:
            understood = read_folder(self.settings, self.environment, disk, host)
        finally:
            # Also after a failure: whoever mends the file is to be noticed.
            self.disk, self.folder, self.loaded_for = disk, folder, host
        if understood.problems:
            raise ConfigError(understood.problems)
        materials.keep(self.settings.materials_dir, understood.contents)
        self.good = self.last = understood.desired
        self.kept = frozenset(understood.contents)
        self.templates = understood.templates
        return understood.desired

    def away(self) -> None:
        """Files are here or they are a problem."""

    def unchanged(self) -> bool:
        """All that the last load read is as it found it, the host too, and what it wrote is still there."""
        loaded, now = self.states()
        same = loaded == now and self.host() == self.loaded_for
        return same and all((self.settings.materials_dir / digest).exists() for digest in self.kept)

    def watching(self) -> bool:
        return self.folders.alive()

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        announced: Mapping[str, State] = {}

        def look() -> None:
            nonlocal announced
            loaded, now = self.states()
            if now not in (loaded, announced):
                announced = now
                wake(Reason.FILES)

        self.folders.follow(self.wanted_folders, look, stop)

    def states(self) -> tuple[dict[str, State], dict[str, State]]:
        """Of all that the last load read: the state it found, and the state now."""
        disk, services = self.disk, self.settings.services_dir
        loaded = {f"{services}/": self.folder, **dict(disk.seen)}
        now: dict[str, State] = {
            f"{services}/": folder_state(services),
            **{path: file_state(path) for path in list(disk.seen)},
        }
        return loaded, now

    def wanted_folders(self) -> dict[str, bool]:
        """Where inotify is wanted; True with all that is below."""
        disk = self.disk
        return dict.fromkeys({os.path.dirname(path) for path in disk.seen} | {str(self.settings.services_dir)}, False)


def host_of(settings: Settings) -> Host:
    """This host as the settings describe it."""
    return Host(role=settings.role, vms=settings.vms, profiles=settings.profiles)


def read_folder(settings: Settings, environment: Mapping[str, str], disk: Disk, host: Host | None = None) -> Understood:
    """What the services folder says, problems and all."""
    folder = settings.services_dir
    try:
        paths = service_files(folder)
    except OSError as error:
        return failure(folder, f"cannot read the services folder: {error.strerror}")
    if not paths:
        return failure(folder, "there is no service file here: write at least one `NAME.yaml`")
    return read_files(paths, settings, environment, disk, host)


def read_files(
    paths: Iterable[Path], settings: Settings, environment: Mapping[str, str], disk: Disk, host: Host | None = None
) -> Understood:
    """What these files say together. `environment` wins over `settings.env_file`."""
    variables = dict(environment)
    problems: list[Problem] = []
    if settings.env_file is not None:
        path = str(settings.env_file)
        try:
            parsed = envfile.parse(disk.read(path), Origin(path), environment)
        except OSError as error:
            return failure(settings.env_file, f"cannot read the env_file of the settings: {error.strerror}")
        problems = parsed.problems
        variables = {n: v for n, v in parsed.values.items() if v is not None} | variables
    understood = understand(
        [(os.path.abspath(path), str(path)) for path in paths],
        disk,
        variables,
        settings.project,
        host or host_of(settings),
    )
    if not problems:
        return understood
    return Understood(desired=Desired(), problems=(*problems, *understood.problems), notes=understood.notes)


def failure(path: Path, message: str) -> Understood:
    problem = Problem(file=str(path), line=0, column=0, path="", message=message)
    return Understood(desired=Desired(), problems=(problem,))
