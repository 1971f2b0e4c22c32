"""What `zpmd init` says: which files, what could not be carried over, what to do next; in lines, or as a document."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zpmd.drafting.project import ProjectDraft
from zpmd.drafting.site import SECRET_MODE, DraftFile, SiteDraft, Told, compose_command

PLACE = "/etc/zpmd"
ASIDE = "-before-zpmd"
WHERE_ELSE = "zpmd itself reads /etc/zpmd/zpmd.yaml: move the folder there, or run `zpmd run --settings` with this one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a draft. `written` is what would be written where nothing is (`dry`); `kept` was there before.

    `blocked` are files that are in the way: then nothing was written. `unread` says why no engine was read.
    `problems` and `notes` are those of `zpmd check` on what was drafted.
    """

    folder: Path
    draft: SiteDraft
    written: tuple[DraftFile, ...] = ()
    kept: tuple[Path, ...] = ()
    blocked: tuple[Path, ...] = ()
    unread: str = ""
    dry: bool = False
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def lines(outcome: Outcome) -> list[str]:
    """For people."""
    if outcome.blocked:
        return [
            *(f"{path} is there already" for path in outcome.blocked),
            "nothing was written: `--force` replaces them, `--dir` writes elsewhere, `--dry-run` only shows",
        ]
    draft = outcome.draft
    instead = "so this is a skeleton:" if outcome.written else "and there are service files: nothing was written"
    shown = [outcome.unread, instead] if outcome.unread else []
    verb = "would write" if outcome.dry else "wrote"
    shown += [f"{verb} {outcome.folder / f.path}{_beside(f)}" for f in outcome.written]
    shown += [f"kept {path}, as it was there" for path in outcome.kept]
    shown += _part("not carried over", [_line(t) for t in draft.told if t.lost])
    shown += _part("to know", [_line(t) for t in draft.told if not t.lost])
    shown += _part("not taken", [f"{name}: {why}" for name, why in draft.left])
    shown += _part("`zpmd check` says", [*outcome.problems, *outcome.notes])
    return [*shown, "", *following(outcome)]


def following(outcome: Outcome) -> list[str]:
    """What to do next, and how to go back."""
    elsewhere = str(outcome.folder) != PLACE
    settings = f" --settings {shlex.quote(str(outcome.folder / 'zpmd.yaml'))}" if elsewhere else ""
    if not outcome.draft.projects:
        steps = [f"write your services into {outcome.folder}/services.d", f"zpmd check{settings}",
                 "systemctl enable --now zpmd, and then `zpmctl status`"]  # fmt: skip
        return ["next:", *(f"  {number}. {step}" for number, step in enumerate(steps, 1))]
    stops = [line for project in outcome.draft.projects for line in stopping(project)]
    backs = [line for project in outcome.draft.projects for line in going_back(project)]
    return [
        "next:",
        "  1. read the files and correct them: the groups are a guess",
        f"  2. zpmd check{settings}",
        "  3. stop what runs now: zpmd adopts no container that it did not make, and names and host ports are",
        "     taken until then. Volumes stay and are used again; what a container wrote elsewhere goes with it:",
        *(f"       {line}" for line in stops),
        "  4. systemctl enable --now zpmd, and then `zpmctl status`",
        *([f"     ({WHERE_ELSE})"] if elsewhere else []),
        "to go back:",
        "       zpmctl down --yes --wait && systemctl disable --now zpmd",
        *(f"       {line}" for line in backs),
    ]


def stopping(project: ProjectDraft) -> list[str]:
    """The command that ends what runs of it, and keeps its volumes."""
    if project.name and project.files:
        return [f"{compose_command(project)} down"]
    names = shlex.join(project.containers)
    # a stopped container has its name still, and would be started after a reboot where its policy is `always`
    renames = [f"docker rename {name} {name}{ASIDE}" for name in _chosen_names(project)]
    return [f"docker update --restart no {names}", f"docker stop {names}", *renames]


def going_back(project: ProjectDraft) -> list[str]:
    """The command that has it run again as it did, once zpmd is down."""
    if project.name and project.files:
        return [f"{compose_command(project)} up -d"]
    renames = [f"docker rename {name}{ASIDE} {name}" for name in _chosen_names(project)]
    return [*renames, f"docker start {shlex.join(project.containers)}"]


def _chosen_names(project: ProjectDraft) -> list[str]:
    """Names of containers that a service asks for."""
    return [name for s in project.services if (name := s.keys.get("container_name")) in project.containers]


def document(outcome: Outcome) -> Mapping[str, Any]:
    """What `--json` prints; keys are only ever added."""
    draft = outcome.draft
    return {
        "ok": not (outcome.blocked or outcome.problems),
        "dry_run": outcome.dry,
        "folder": str(outcome.folder),
        "engine": outcome.unread,
        "written": [
            {
                "path": str(outcome.folder / f.path),
                "mode": f"{f.mode:04o}",
                **({"text": f.text} if _shown(outcome, f) else {}),
            }
            for f in outcome.written
        ],
        "kept": [str(path) for path in outcome.kept],
        "blocked": [str(path) for path in outcome.blocked],
        "projects": [
            {
                "name": p.name,
                "services": [s.name for s in p.services],
                "containers": list(p.containers),
                "stop": stopping(p),
                "back": going_back(p),
            }
            for p in draft.projects
        ],
        "lost": [_told(t) for t in draft.told if t.lost],
        "remarks": [_told(t) for t in draft.told if not t.lost],
        "left": [{"container": name, "reason": why} for name, why in draft.left],
        "problems": list(outcome.problems),
        "notes": list(outcome.notes),
        "next": following(outcome),
    }


def _shown(outcome: Outcome, file: DraftFile) -> bool:
    """A dry run shows what it would write, secrets excepted."""
    return outcome.dry and file.mode != SECRET_MODE


def _beside(file: DraftFile) -> str:
    return f" (mode {file.mode:04o}: secrets)" if file.mode == SECRET_MODE else ""


def _part(title: str, texts: Iterable[str]) -> Sequence[str]:
    found = [f"  {text}" for text in texts]
    return ["", f"{title}:", *found] if found else []


def _line(told: Told) -> str:
    where = ", ".join(part for part in (told.project, told.service) if part)
    return f"{where}: {told.text}" if where else told.text


def _told(told: Told) -> dict[str, str]:
    return {"project": told.project, "service": told.service, "text": told.text}
