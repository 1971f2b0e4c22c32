"""What was seen of a host. "Could not be seen" has values of its own: it is not the same as "is not"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A file or folder. `state` is a word: there, missing, or why it cannot be looked at."""

    path: str
    state: str = "there"
    owner: str = "root"
    group: str = "root"
    mode: int = 0o755


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """systemd's own words on zpmd.service. `status` is the exit status of its last run; `user` "" is root."""

    load: str = "loaded"
    enabled: str = "enabled"
    active: str = "active"
    sub: str = "running"
    status: int = 0
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What `zpmd check` says of the files. `problem` is the first of `problems`; `unasked`: why it says nothing."""

    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    services: int = 0
    problems: int = 0
    problem: str = ""
    published: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Fixed host ports, `8080/tcp`, and the services that publish them."""
    default_logging: int | None = None
    """How many services say nothing of how they log."""
    unasked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSetup:
    """The host beside its engine. `unit` None: no systemd answers. `members` are the users of the group docker, None
    where there is no such group. `open_to_all`, `open_secrets` and `closed` are paths below the folder of settings:
    written by everybody, env files read by everybody, and not readable by the user of the daemon."""

    root: bool = True
    user_zpmd: bool = True
    group_zpmd: bool = True
    members: frozenset[str] | None = frozenset({"zpmd"})
    unit: Unit | None = Unit()
    folder: Place = Place(path="/etc/zpmd")
    settings: Place = Place(path="/etc/zpmd/zpmd.yaml", mode=0o644)
    service_files: int | None = 1
    state: Place = Place(path="/var/lib/zpmd", mode=0o700)
    open_to_all: tuple[str, ...] = ()
    open_secrets: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    configured: Configured = field(default_factory=Configured)
    synchronised: bool | None = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Competitor:
    """A container that is not zpmd's and has a port that a service wants. `policy` is the engine's restart policy."""

    name: str
    port: str
    service: str
    policy: str = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSetup:
    """The engine. `error` "" where it answered. `rotated`: the default way of logging has an end; None: not known."""

    url: str
    error: str = ""
    forbidden: bool = False
    version: str = ""
    api: str = ""
    log_driver: str = ""
    rotated: bool | None = None
    live_restore: bool = False
    competitors: tuple[Competitor, ...] = ()
