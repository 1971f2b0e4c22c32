"""`zpmd init`, put together: look at the engine, draft, have the drafts checked as `zpmd check` would, write them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import yaml

from zpmd.drafting import settings as settings_text
from zpmd.drafting import skeleton, writing
from zpmd.drafting.project import files_of
from zpmd.drafting.report import PLACE, Outcome
from zpmd.drafting.site import DraftFile, SiteDraft, Wanted, site
from zpmd.engines.dockerd.surveying import survey
from zpmd.errors import ConfigError, EngineUnknown, NotFound
from zpmd.model.survey import Survey
from zpmd.settings import Settings
from zpmd.sources import settingsfile
from zpmd.sources.compose.desired import Understood, understand
from zpmd.sources.disk import Disk, read_regular, service_files
from zpmd.sources.nodes import Origin
from zpmd.sources.yamlfiles import host_of

SETTINGS = "zpmd.yaml"
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Drafted:
    """Implements `Files` of the Compose reader: drafts over what is on the disk."""

    texts: Mapping[str, str]
    disk: Disk = field(default_factory=Disk)

    def read(self, path: str) -> bytes:
        return self.texts[path].encode() if path in self.texts else self.disk.read(path)


def found(folder: Path, engine_url: str, wanted: Wanted | None, *, force: bool, dry: bool) -> Outcome:
    """Write a folder of settings from what runs; `wanted` None: from nothing. No container is touched.

    Raises NotFound where something was asked for by a name that is not there, ConfigError where settings that are there
    already are wrong, and OSError where the files cannot be written.
    """
    folder = Path(os.path.abspath(folder))
    draft, unread = _drafted(engine_url, wanted)
    if draft.missing:
        raise NotFound("; ".join(draft.missing))
    files = list(draft.files)
    if not files and not _has_services(folder):
        files = [skeleton.example()]
    settings = DraftFile(path=SETTINGS, text=_settings(folder, engine_url, draft))
    # settings are kept: the package brings them, and every line that was changed in them was meant
    kept = writing.there(folder, [settings])
    if blocked := [] if force else writing.there(folder, files):
        return Outcome(folder=folder, draft=draft, blocked=tuple(blocked))
    written = (*([] if kept else [settings]), *files)
    known = _known(folder, settings)
    understood = _understood(folder, files, known) if draft.projects else None
    problems = [str(problem) for problem in understood.problems] if understood else []
    if known.services_dir != folder / "services.d":
        problems.append(f"{folder / SETTINGS}: services_dir is {known.services_dir}: what is written here is not read")
    if not dry:
        writing.write(folder, written)
    return Outcome(
        folder=folder,
        draft=draft,
        written=written,
        kept=tuple(kept),
        unread=unread,
        dry=dry,
        problems=tuple(problems),
        notes=tuple(map(str, understood.notes)) if understood else (),
    )


def _drafted(engine_url: str, wanted: Wanted | None) -> tuple[SiteDraft, str]:
    """The draft, and why there is none of a container."""
    nothing = SiteDraft(files=(), projects=())
    if wanted is None:
        return nothing, "no engine was asked"
    try:
        found = survey(engine_url, TIMEOUT_SECONDS)
        draft = site(found, wanted, _compose_files(found))
    except EngineUnknown as error:
        return nothing, f"{engine_url}: {error}"
    if draft.projects or draft.missing:
        return draft, ""
    return draft, "nothing runs that could be carried over"


def _compose_files(found: Survey) -> dict[str, object]:
    """The Compose files that containers name, as far as they are here and can be read."""
    documents: dict[str, object] = {}
    for path in sorted({path for container in found.containers for path in files_of(container)}):
        with contextlib.suppress(OSError, ValueError, RecursionError, yaml.YAMLError):
            documents[path] = yaml.safe_load(read_regular(path))
    return documents


def _settings(folder: Path, engine_url: str, draft: SiteDraft) -> str:
    names = [project.name for project in draft.projects if project.name]
    return settings_text.filled(
        settings_text.sample(),
        project=names[0] if len(names) == 1 else "",
        engine_url="" if engine_url == Settings().engine_url else engine_url,
        folders_beside=str(folder) != PLACE,
    )


def _known(folder: Path, settings: DraftFile) -> Settings:
    """The settings that are there, or those of the draft. Raises ConfigError."""
    path = folder / SETTINGS
    if path.exists():
        return settingsfile.load(path)
    known, problems = settingsfile.parse(settings.text.encode(), Origin(str(path), PurePosixPath(folder)))
    if problems:
        raise ConfigError(problems)
    return known


def _understood(folder: Path, files: list[DraftFile], known: Settings) -> Understood:
    """What `zpmd check` will say of the folder with these files in it."""
    texts = {str(folder / file.path): file.text for file in files}
    names = {path for path in texts if path.endswith(".yaml")}
    services = folder / "services.d"
    names |= {str(entry) for entry in service_files(services)} if services.is_dir() else set()
    return understand(
        [(name, name) for name in sorted(names)], Drafted(texts), os.environ, known.project, host_of(known)
    )


def _has_services(folder: Path) -> bool:
    services = folder / "services.d"
    return services.is_dir() and bool(service_files(services))
