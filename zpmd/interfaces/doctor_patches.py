"""What is wrong with the place where patches are dropped and with the keys that they are held to, and what to do.

`look` collects facts of the host and is the only impure part; the checks are functions of facts.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from zpmd.interfaces import patches
from zpmd.interfaces.doctor import FAIL, OK, WARN, disk_check, free_bytes
from zpmd.interfaces.views import CheckView
from zpmd.interfaces.words import plural
from zpmd.model.events import Snapshot
from zpmd.patching import keys
from zpmd.patching.folders import INCOMING
from zpmd.settings import Patches

PROBLEMS_TOLD = 5
PAIR = 2
"""Keys that a site should have, so that one can be revoked without a gap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchFacts:
    """`folder` is a word: there, missing, no folder, or cannot be looked at. `policy` is the setting, "" unset."""

    incoming: str
    folder: str
    mode: int = 0
    writable: bool = True
    free: int | None = None
    keys_dir: str
    policy: str = ""
    required: bool = False
    keys: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def look(settings: Patches) -> PatchFacts:
    """The facts of this host. Never raises."""
    incoming = settings.dir / INCOMING
    folder, mode = _folder(incoming)
    ring = keys.read(settings.keys_dir, settings.signatures)
    return PatchFacts(
        incoming=str(incoming),
        folder=folder,
        mode=mode,
        writable=os.access(incoming, os.W_OK | os.X_OK),
        free=free_bytes(incoming),
        keys_dir=str(settings.keys_dir),
        policy=settings.signatures,
        required=ring.required,
        keys=tuple(sorted(ring.keys)),
        problems=tuple(str(problem) for problem in ring.problems),
    )


def checks(facts: PatchFacts, snapshot: Snapshot | None, now: float) -> list[CheckView]:
    """`snapshot` None: the daemon cannot be asked."""
    found = [_folder_check(facts, running=snapshot is not None)]
    if facts.folder == "there":
        found.append(disk_check("disk of patches", facts.incoming, facts.free))
    found += _key_checks(facts)
    if snapshot is not None and snapshot.patches_trouble:
        advice = "patches are not taken as they should be until that is mended"
        found.append(CheckView(name="patches", level=FAIL, text=snapshot.patches_trouble, advice=advice))
    for row in patches.failed(snapshot, now) if snapshot is not None else ():
        text = f"{row.id} could not go back as a whole: {row.reason}"
        advice = f"`zpmctl patch show {row.id}` has its last words; `zpmctl restart SERVICE` tries a service again"
        found.append(CheckView(name="patches", level=FAIL, text=text, advice=advice))
    return found


def _folder_check(facts: PatchFacts, *, running: bool) -> CheckView:
    path = facts.incoming
    match facts.folder:
        case "missing" if not running:
            return CheckView(name="patches", level=OK, text=f"{path} is made when zpmd starts")
        case "missing":
            text, level, advice = (
                f"{path} is missing",
                FAIL,
                "zpmd makes it as soon as it can: `journalctl -u zpmd` has why not",
            )
        case "there" if facts.mode & 0o002:
            text, level = f"{path} is open to everybody (mode {facts.mode:04o})", FAIL
            advice = f"who can write there can have services moved: `chmod o-w {path}`"
        case "there" if not facts.writable:
            text, level = f"{path} cannot be written to", WARN
            advice = "patches are taken, and their files stay there: results go below the state folder"
        case "there":
            return CheckView(name="patches", level=OK, text=f"{path}, mode {facts.mode:04o}")
        case _:
            text, level, advice = f"{path}: {facts.folder}", FAIL, "put a folder there that zpmd can read and write"
    return CheckView(name="patches", level=level, text=text, advice=advice)


def _key_checks(facts: PatchFacts) -> list[CheckView]:
    name, folder = "patch keys", facts.keys_dir
    policy = "signatures are required" if facts.required else "unsigned patches are taken"
    why = f" (`signatures: {facts.policy}`)" if facts.policy else ""
    text = f"{plural(len(facts.keys), 'key')} in {folder}, {policy}{why}"
    level, advice = OK, ""
    if facts.required and not facts.keys:
        level, advice = FAIL, f"no patch can be taken: put a minisign public key into {folder}"
    elif not facts.required:
        level, advice = WARN, f"who can write to {facts.incoming} can have any image run: put keys into {folder}"
    elif len(facts.keys) < PAIR:
        level, advice = WARN, "install a second key, so that this one can be revoked without a gap"
    found = [CheckView(name=name, level=level, text=text, advice=advice)]
    advice = "correct it, or take it away: `zpmctl patch keygen` makes keys"
    return found + [
        CheckView(name=name, level=FAIL, text=problem, advice=advice) for problem in facts.problems[:PROBLEMS_TOLD]
    ]


def _folder(path: Path) -> tuple[str, int]:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return "missing", 0
    except OSError as error:
        return f"cannot be looked at: {error.strerror}", 0
    return ("there" if stat.S_ISDIR(found.st_mode) else "is no folder"), stat.S_IMODE(found.st_mode)
