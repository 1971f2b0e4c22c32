"""All that `zpmd init` writes: one file a project, env files for secrets, the settings; and what it says beside.

Rules: a file of services begins with what it is and by which rules it was made; what could not be carried over stands
above its service and is said aloud; nothing is left out without a word.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zpmd.drafting import groups, network, yamltext
from zpmd.drafting.project import ProjectDraft, called, label, project, state
from zpmd.drafting.service import ordered
from zpmd.drafting.words import doubled
from zpmd.model.survey import NOTHING, Json, Survey

LOOSE = ""
"""In place of a project's name: containers that no project has."""
PLAIN_MODE, SECRET_MODE = 0o644, 0o640
OURS = "io.zpmd.owner"
SWARM = "com.docker.swarm.service.name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which containers. `projects` () is every one of which something runs; `containers` are loose ones by name."""

    projects: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    loose: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftFile:
    """`path` is relative to the folder of settings."""

    path: str
    text: str
    mode: int = PLAIN_MODE


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One thing to be said about a service, or about its project where `service` is "". `lost`: it was not carried
    over."""

    project: str
    service: str
    text: str
    lost: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteDraft:
    """`left` are containers that were not taken, with the reason; `missing` what was asked for and is not there."""

    files: tuple[DraftFile, ...]
    projects: tuple[ProjectDraft, ...]
    told: tuple[Told, ...] = ()
    left: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def services(self) -> int:
        return sum(len(p.services) for p in self.projects)


def site(survey: Survey, wanted: Wanted, written: Mapping[str, Any] = NOTHING) -> SiteDraft:
    """The drafts of everything that is wanted of what is there. `written`: see `project`."""
    chosen, left, missing = _chosen(survey, wanted)
    projects: list[ProjectDraft] = []
    taken: dict[str, str] = {}
    for name in sorted(chosen, key=lambda n: (n == LOOSE, n)):
        made = project(name, chosen[name], survey, taken, written)
        taken |= {service.name: name for service in made.services}
        projects.append(made)
    files: list[DraftFile] = []
    told: list[Told] = []
    for number, made in enumerate(projects, 1):
        files += _files(made, survey, f"{number}0-{made.name or 'containers'}")
        told += _told(made)
    return SiteDraft(
        files=tuple(files), projects=tuple(projects), told=tuple(told), left=tuple(left), missing=tuple(missing)
    )


def _chosen(survey: Survey, wanted: Wanted) -> tuple[dict[str, list[Json]], list[tuple[str, str]], list[str]]:
    """Containers by project; those that are left, with the reason; names that are not there."""
    by_project: dict[str, list[Json]] = defaultdict(list)
    left: list[tuple[str, str]] = []
    for container in sorted(survey.containers, key=called):
        labels = (container.get("Config") or {}).get("Labels") or {}
        if OURS in labels:
            left.append((called(container), "zpmd made it"))
        elif SWARM in labels:
            left.append((called(container), f"a task of the Swarm service {labels[SWARM]}"))
        else:
            by_project[label(container, "project")].append(container)
    loose = by_project.pop(LOOSE, [])
    chosen: dict[str, list[Json]] = {}
    for name, members in by_project.items():
        if wanted.projects and name not in wanted.projects:
            left += [(called(c), f"of the project {name}, which was not asked for") for c in members]
        elif not wanted.projects and not any(state(c) in ("running", "restarting", "paused") for c in members):
            left += [(called(c), f"nothing of the project {name} runs: `--project {name}` takes it") for c in members]
        else:
            chosen[name] = members
    for container in loose:
        if wanted.loose or called(container) in wanted.containers:
            chosen.setdefault(LOOSE, []).append(container)
        else:
            how = f"not of a Compose project: `--all` or `--container {called(container)}` takes it"
            left.append((called(container), how))
    missing = [f"there is no project {name}" for name in wanted.projects if name not in by_project]
    missing += [f"there is no container {name} without a project" for name in wanted.containers
                if name not in {called(c) for c in loose}]  # fmt: skip
    return chosen, left, missing


def _told(made: ProjectDraft) -> list[Told]:
    found = [Told(project=made.name, service="", text=text) for text in made.notes]
    for service in made.services:
        found += [Told(project=made.name, service=service.name, text=text) for text in service.notes]
        found += [Told(project=made.name, service=service.name, text=text, lost=False) for text in service.remarks]
    return found


def _files(made: ProjectDraft, survey: Survey, stem: str) -> list[DraftFile]:
    """The service file, and an env file for each service that has secrets."""
    beside = {s.name: f"{stem}.{s.name}.env" for s in made.services if s.secrets}
    lines = list(_heading(made))
    if made.name:
        lines += ["", *yamltext.block({"name": made.name})]
    lines += ["", *yamltext.comment(groups.RULE), "x-zpmd:", "  group: app", "", "services:"]
    for service in made.services:
        keys = dict(doubled(service.keys))
        comments = [f"not carried over: {text}" for text in service.notes]
        comments += [f"note: {text}" for text in service.remarks]
        if service.name in beside:
            keys = ordered({**keys, "env_file": [beside[service.name]]})
            comments.append(f"what looks like a secret is in {beside[service.name]}")
        if service.name in made.system:
            keys["x-zpmd"] = {"group": "system"}
        lines += [*yamltext.service(service.name, keys, comments), ""]
    lines += [*_objects(made, survey)]
    while lines and not lines[-1]:
        lines.pop()
    private = any(service.private for service in made.services)
    files = [DraftFile(
        path=f"services.d/{stem}.yaml", text="\n".join(lines) + "\n", mode=SECRET_MODE if private else PLAIN_MODE
    )]  # fmt: skip
    for service in made.services:
        if service.name in beside:
            heading = f"Secrets of {service.name}, named by {stem}.yaml. Nobody but root and zpmd should read this."
            text = yamltext.env_file(service.secrets, heading)
            files.append(DraftFile(path=f"services.d/{beside[service.name]}", text=text, mode=SECRET_MODE))
    return files


def _heading(made: ProjectDraft) -> Iterable[str]:
    what = f"the Compose project {made.name}" if made.name else "containers that no Compose project has"
    yield from yamltext.comment(
        f"Written by `zpmd init` from {what} as it ran. It says what differs from the images and from the engine's own "
        "defaults. Read it, correct it, then `zpmd check`."
    )
    yield "#"
    yield from yamltext.comment(
        "Services are kept running unless they say otherwise, whatever their old restart policy was. Volumes are "
        "external: they keep their data, and nothing that zpmd does removes them."
    )
    for text in made.notes:
        yield "#"
        yield from yamltext.comment(f"not carried over: {text}")


def _objects(made: ProjectDraft, survey: Survey) -> Iterable[str]:
    networks = {name: key for service in made.services for name, key in service.networks.items()}
    fixed = {name for service in made.services for name in service.fixed_networks}
    declared = {
        key: network.defined(name, key, survey.networks, made.name, fixed=name in fixed)
        for name, key in sorted(networks.items())
    }
    if declared := {key: entry for key, entry in declared.items() if entry is not None}:
        yield from yamltext.block({"networks": {key: doubled(entry) or None for key, entry in declared.items()}})
        yield ""
    volumes = {name: key for service in made.services for name, key in service.volumes.items()}
    if volumes:
        entries = {key: {"name": name, "external": True} for name, key in sorted(volumes.items(), key=lambda v: v[1])}
        yield from yamltext.block({"volumes": doubled(entries)})


def compose_command(made: ProjectDraft) -> str:
    """`docker compose` as this project was made with, up to the verb."""
    words = ["docker-compose"] if made.version.startswith("1.") else ["docker", "compose"]
    words += ["-p", made.name]
    words += ["--project-directory", made.folder] if made.folder else []
    words += ["--env-file", made.env_file] if made.env_file else []
    words += [word for path in made.files for word in ("-f", path)]
    return shlex.join(words)
