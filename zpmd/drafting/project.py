"""The containers of one Compose project, or those that nobody's project has, as services of one file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from zpmd.drafting import groups
from zpmd.drafting.service import Others, ServiceDraft, drafted, with_keys
from zpmd.drafting.words import name_of
from zpmd.model.survey import Json, Survey

COMPOSE = "com.docker.compose."
CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")
FROM_FILES = "depends_on is not recorded in the container; it is what the Compose file says now"
SILENT = (
    "it had no restart policy, so the engine left it down when it ended; zpmd starts it again: `restart: 'no'` keeps it"
    " as it was"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDraft:
    """`name` "" for containers that Compose did not make. `containers` are their names, `files` and `folder` what
    Compose was called with, `version` that of it, "" where the labels do not tell."""

    name: str
    services: tuple[ServiceDraft, ...]
    containers: tuple[str, ...]
    files: tuple[str, ...] = ()
    folder: str = ""
    version: str = ""
    notes: tuple[str, ...] = ()
    system: frozenset[str] = field(default_factory=frozenset)
    env_file: str = ""
    """Another than the `.env` of its folder."""


def label(container: Json, name: str) -> str:
    """A label of Compose's, "" where there is none."""
    return str(((container.get("Config") or {}).get("Labels") or {}).get(f"{COMPOSE}{name}") or "")


def called(container: Json) -> str:
    return str(container.get("Name", "")).lstrip("/")


def state(container: Json) -> str:
    return str((container.get("State") or {}).get("Status") or "")


def project(
    name: str, containers: Iterable[Json], survey: Survey, taken: Mapping[str, str], written: Mapping[str, Any]
) -> ProjectDraft:
    """`taken` are service names of other files, with their projects: names are unique over all files. `written` are
    Compose files by their paths, as they are now: docker-compose 1 records nowhere else what depends on what."""
    members = sorted(containers, key=lambda c: (_number(c), called(c)))
    notes: list[str] = []
    once = [c for c in members if label(c, "oneoff").lower() == "true"]
    members = [c for c in members if c not in once]
    notes += [f"{called(c)}: made by `docker compose run`, so it is not one of the services" for c in once]
    replicas: dict[str, list[Json]] = defaultdict(list)
    for container in members:
        replicas[label(container, "service") if name else called(container)].append(container)
    names = {key: _unique(name_of(key), name, taken) for key in sorted(replicas)}
    others = _others(replicas, names)
    services, needs = [], {}
    for key, group in sorted(replicas.items()):
        draft = _service(group, survey, names[key], key, name, others)
        wanted = needs_of(group[0], key, written)
        notes += [f"{key} depended on {other}, which has no container" for other in wanted if other not in names]
        kept = {names[other]: entry for other, entry in sorted(wanted.items()) if other in names}
        needs[draft.name] = frozenset(kept)
        whence = (FROM_FILES,) if kept and not label(group[0], "depends_on") else ()
        services.append(with_keys(draft, {"depends_on": kept}, whence) if kept else draft)
    first = members[0] if members else {}
    if name and _is_old(label(first, "version")) and not all(path in written for path in files_of(first)):
        notes.append(
            "docker-compose 1 does not record depends_on in the containers, and its files cannot be read: what waits "
            "for what has to be added by hand"
        )
    return ProjectDraft(
        name=name,
        services=tuple(services),
        containers=tuple(sorted(called(c) for c in members)),
        files=files_of(first),
        folder=label(first, "project.working_dir"),
        version=label(first, "version"),
        notes=tuple(notes),
        system=groups.system({s.name: s.keys["image"] for s in services}, needs),
        env_file=label(first, "project.environment_file"),
    )


def _service(group: list[Json], survey: Survey, name: str, key: str, project_name: str, others: Others) -> ServiceDraft:
    """One service of all its containers. Where they differ the first one counts, and that is told."""
    shown = next((c for c in group if state(c) == "running"), group[0])
    draft = drafted(shown, survey, name, project_name, others, len(group))
    if name != key:
        draft = _also_known_as(draft, key)
    different = [
        called(c)
        for c in group
        if c is not shown and not _alike(draft, drafted(c, survey, name, project_name, others, 2))
    ]
    notes = (
        [f"{', '.join(different)}: made in another way than {called(shown)}"] if len(group) > 1 and different else []
    )
    more, remarks = restarts(group)
    if len(group) > 1 and "replicas" not in more.get("deploy", {}):
        more = {"deploy": {"replicas": len(group), **more.get("deploy", {})}}
    draft = with_keys(draft, more, remarks)
    return replace(draft, notes=(*draft.notes, *notes))


def restarts(group: list[Json]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """`deploy` as far as it is about running: the policy, and whether it runs now."""
    running = [c for c in group if state(c) in ("running", "restarting", "paused")]
    policy = (group[0].get("HostConfig") or {}).get("RestartPolicy") or {}
    word, attempts = policy.get("Name") or "no", policy.get("MaximumRetryCount") or 0
    ended_well = [c for c in group if state(c) == "exited" and (c.get("State") or {}).get("ExitCode") == 0]
    remarks: list[str] = []
    deploy: dict[str, Any] = {}
    if word == "on-failure":
        deploy["restart_policy"] = {"condition": "on-failure", **({"max_attempts": attempts} if attempts else {})}
    elif word == "no" and not running and ended_well:
        deploy["restart_policy"] = {"condition": "on-failure"}
    elif word == "no":
        remarks.append(SILENT)
    if not running and ended_well and word in ("no", "on-failure"):
        remarks.append("it has run and ended well: under zpmd it runs once more, until it ends well again")
    elif not running:
        deploy["replicas"] = 0
        remarks.append("it did not run when this was written, so it is not started: remove `replicas: 0` to have it")
    if any(state(c) == "paused" for c in group):
        remarks.append("it was paused when this was written; under zpmd it runs")
    return ({"deploy": deploy} if deploy else {}), tuple(remarks)


def _alike(one: ServiceDraft, other: ServiceDraft) -> bool:
    """In what replicas of one service share: their volumes without a name and their host ports may differ."""

    def shared(draft: ServiceDraft) -> tuple[dict[str, Any], Mapping[str, str]]:
        own = ("volumes", "ports", "networks", "hostname", "container_name", "deploy")
        return {k: v for k, v in draft.keys.items() if k not in own}, draft.secrets

    return shared(one) == shared(other)


def _also_known_as(draft: ServiceDraft, name: str) -> ServiceDraft:
    """Under another name than Compose had, it answers to that one too."""
    remark = f"it was called {name}, as a service of another project is: it still answers to that name"
    if "network_mode" in draft.keys:
        return replace(draft, remarks=(*draft.remarks, remark))
    networks = draft.keys.get("networks") or list(draft.networks.values())
    entries = dict.fromkeys(networks) if isinstance(networks, list) else dict(networks)
    entries = {
        key: {**(entry or {}), "aliases": sorted({*((entry or {}).get("aliases") or ()), name})}
        for key, entry in entries.items()
    }
    return with_keys(draft, {"networks": entries}, (remark,))


def _others(replicas: Mapping[str, list[Json]], names: Mapping[str, str]) -> Others:
    services: dict[str, str] = {}
    mounted: dict[str, frozenset[str]] = {}
    for key, group in replicas.items():
        for container in group:
            targets = frozenset(str(m.get("Destination")) for m in container.get("Mounts") or ())
            for reference in (str(container.get("Id")), called(container)):
                services[reference], mounted[reference] = names[key], targets
    return Others(MappingProxyType(services), MappingProxyType(mounted))


def files_of(container: Json) -> tuple[str, ...]:
    """The Compose files that it was made by, absolute."""
    folder = label(container, "project.working_dir")
    paths = (path for path in label(container, "project.config_files").split(",") if path)
    return tuple(path if path.startswith("/") or not folder else f"{folder}/{path}" for path in paths)


def needs_of(container: Json, service: str, written: Mapping[str, Any]) -> dict[str, Any]:
    """`depends_on`, by the label, which is `NAME:CONDITION:RESTART` for each, with commas between; or by the files."""
    found: dict[str, Any] = {}
    for text in filter(None, label(container, "depends_on").split(",")):
        other, condition, restart = (*text.split(":"), "", "")[:3]
        condition = condition if condition in CONDITIONS else CONDITIONS[0]
        found[other] = {"condition": condition, **({"restart": True} if restart == "true" else {})}
    for path in () if found else files_of(container):
        services = _mapping(_mapping(written.get(path)).get("services"))
        needed = _mapping(services.get(service)).get("depends_on")
        names = needed if isinstance(needed, list | dict) else ()
        for other in filter(lambda n: isinstance(n, str), names):
            asked = _mapping(_mapping(needed).get(other)).get("condition")
            found[other] = {"condition": asked if asked in CONDITIONS else CONDITIONS[0]}
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(container: Json) -> int:
    text = label(container, "container-number")
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def _unique(name: str, project_name: str, taken: Mapping[str, str]) -> str:
    if taken.get(name, project_name) == project_name:
        return name
    return f"{project_name or 'container'}-{name}"


def _is_old(version: str) -> bool:
    return version.startswith("1.")
