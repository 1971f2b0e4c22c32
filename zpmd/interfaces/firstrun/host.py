"""Facts of this host: files and their rights, users, the unit, the clock. Nothing here raises or waits for long."""

from __future__ import annotations

import grp
import json
import os
import pwd
import stat
import subprocess  # nosec B404 # one call, below
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from zpmd.interfaces.firstrun.facts import Configured, HostSetup, Place, Unit
from zpmd.settings import Settings

FOLDER = Path("/etc/zpmd")
GROUP = USER = "zpmd"
DOCKER = "docker"
SECONDS = 15.0
PROPERTIES = ("LoadState", "UnitFileState", "ActiveState", "SubState", "ExecMainStatus", "User")
MOST_FILES = 2_000


def look(folder: Path = FOLDER) -> HostSetup:
    """What is there for a zpmd with its settings in this folder."""
    configured = check(folder / "zpmd.yaml")
    default = Settings()
    services = Path(configured.settings.get("services_dir", str(default.services_dir)))
    unit = _unit()
    files = list(_below(folder))
    return HostSetup(
        root=os.geteuid() == 0,
        user_zpmd=_known(pwd.getpwnam, USER),
        group_zpmd=_known(grp.getgrnam, GROUP),
        members=_members(),
        unit=unit,
        folder=place(folder),
        settings=place(folder / "zpmd.yaml"),
        service_files=_service_files(services),
        state=place(Path(configured.settings.get("state_dir", str(default.state_dir)))),
        open_to_all=tuple(str(path) for path, found in files if found.st_mode & stat.S_IWOTH),
        open_secrets=tuple(
            str(path) for path, found in files if path.suffix == ".env" and found.st_mode & stat.S_IROTH
        ),
        closed=tuple(str(path) for path, found in files if not _readable(found, unit.user if unit else "")),
        configured=configured,
        synchronised=_synchronised(),
    )


def check(settings: Path) -> Configured:
    """What `zpmd check` says, of a program of its own: what reads files is none of the interfaces' business."""
    words = [
        sys.executable,
        "-m",
        "zpmd",
        "check",
        "--json",
        *(["--settings", str(settings)] if settings.exists() else []),
    ]
    out = said(words)
    try:
        document = json.loads(out)
        problems = document["problems"]
        return Configured(
            settings=MappingProxyType({str(k): str(v) for k, v in (document.get("settings") or {}).items()}),
            services=int(document["services"]),
            problems=len(problems),
            problem=_told(problems[0]) if problems else "",
            published=MappingProxyType(dict(document.get("published") or {})),
            default_logging=None if problems else int(document["default_logging"]),
        )
    except (ValueError, KeyError, TypeError):
        return Configured(unasked="`zpmd check` gave no answer")


def place(path: Path) -> Place:
    """Owner and mode of a path, or why they cannot be had."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Place(path=str(path), state="missing")
    except OSError as error:
        return Place(path=str(path), state=f"cannot be looked at: {error.strerror}")
    return Place(
        path=str(path), owner=_user(found.st_uid), group=_group(found.st_gid), mode=stat.S_IMODE(found.st_mode)
    )


def said(words: Sequence[str]) -> str:
    """What a program prints, "" where there is none or it takes too long."""
    try:
        done = subprocess.run(  # nosec B603 # a list of arguments, and no shell
            words, capture_output=True, text=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return done.stdout


def _told(problem: Mapping[str, Any]) -> str:
    place = ":".join(str(problem[key]) for key in ("file", "line", "column") if problem.get(key))
    return f"{place}: {problem.get('message', '')}"


def _unit() -> Unit | None:
    if not Path("/run/systemd/system").is_dir():
        return None
    found = properties(said(["systemctl", "show", "zpmd.service", *(f"--property={name}" for name in PROPERTIES)]))
    if "LoadState" not in found:
        return None
    status = found.get("ExecMainStatus", "")
    return Unit(
        load=found["LoadState"],
        enabled=found.get("UnitFileState", ""),
        active=found.get("ActiveState", ""),
        sub=found.get("SubState", ""),
        status=int(status) if status.isdecimal() else 0,
        user=found.get("User", ""),
    )


def properties(text: str) -> dict[str, str]:
    """`NAME=value` lines, as systemctl and timedatectl print them."""
    return {name: value for name, equals, value in (line.partition("=") for line in text.splitlines()) if equals}


def _synchronised() -> bool | None:
    word = properties(said(["timedatectl", "show", "--property=NTPSynchronized"])).get("NTPSynchronized")
    return None if word is None else word == "yes"


def _service_files(folder: Path) -> int | None:
    try:
        return sum(entry.suffix in (".yaml", ".yml") and not entry.name.startswith(".") for entry in folder.iterdir())
    except FileNotFoundError:
        return 0
    except OSError:
        return None


def _below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The folder and what is in it, as far as it can be seen. Links are followed to what they name, not below it."""
    count = 0
    for parent, _, names in os.walk(folder):
        for path in (Path(parent), *(Path(parent, name) for name in sorted(names))):
            count += 1
            if count > MOST_FILES:
                return
            try:
                yield path, path.stat()
            except OSError:
                continue


def _readable(found: os.stat_result, user: str) -> bool:
    """Whether the user of the daemon may read it, by mode and groups; root may."""
    if user in ("", "root"):
        return True
    try:
        account = pwd.getpwnam(user)
        groups = {account.pw_gid, *(g.gr_gid for g in grp.getgrall() if user in g.gr_mem)}
    except KeyError:
        return True
    need = 0o5 if stat.S_ISDIR(found.st_mode) else 0o4
    if found.st_uid == account.pw_uid:
        return found.st_mode >> 6 & need == need
    return (found.st_mode >> 3 if found.st_gid in groups else found.st_mode) & need == need


def _members() -> frozenset[str] | None:
    try:
        docker = grp.getgrnam(DOCKER)
    except KeyError:
        return None
    return frozenset({*docker.gr_mem, *(u.pw_name for u in pwd.getpwall() if u.pw_gid == docker.gr_gid)})


def _known(find: Any, name: str) -> bool:
    try:
        find(name)
    except KeyError:
        return False
    return True


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
