"""`zpmd.yaml` into `Settings`: every key known, every value checked, every problem with its place.

`etc/zpmd/zpmd.yaml` is the manual of the keys. Relative paths start at the folder of the settings file.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from zpmd.errors import ConfigError
from zpmd.model.policy import Limits
from zpmd.model.service import Problem
from zpmd.settings import VMS, Settings
from zpmd.sources import yamltext
from zpmd.sources.compose.desired import PROJECT
from zpmd.sources.compose.service import ROLES
from zpmd.sources.disk import read_regular
from zpmd.sources.nodes import Node, Origin, shortened
from zpmd.sources.reading import Cursor, Report, Section, honoured, in_order
from zpmd.sources.settings_api import api
from zpmd.sources.settings_mongodb import mongodb
from zpmd.sources.settings_patches import patches
from zpmd.sources.settings_paths import path_of

DEFAULT_PATH = Path("/etc/zpmd/zpmd.yaml")

SETTINGS: Section = honoured(
    "api", "data_dir", "engine", "env_file", "journal_entries", "journal_weeks", "limits", "log_level", "mongodb",
    "patches", "port_cooldown_seconds", "profiles", "project", "resync_seconds", "role", "server_name", "services_dir",
    "socket", "socket_group", "state_dir", "vms",
)  # fmt: skip
ENGINE: Section = honoured("timeout_seconds", "url", "workers")
LIMITS: Section = honoured(
    "actions_per_pass", "fresh_after", "group_deadline_seconds", "patch_deadline_seconds", "patch_prepare_seconds",
    "progress_deadline_seconds", "removal_count", "removal_percent", "retry_delay_seconds", "retry_max_seconds",
    "runs_at_once",
)  # fmt: skip
LEVELS = ("trace", "debug", "info", "success", "warning", "error", "critical")
SCHEMES = ("unix", "tcp", "http", "https", "ssh")


def load(path: Path) -> Settings:
    """The settings of a file. Raises ConfigError with every problem, also where the file cannot be read."""
    name = str(path)
    try:
        content = read_regular(name)
    except OSError as error:
        problem = Problem(file=name, line=0, column=0, path="", message=f"cannot read the settings: {error.strerror}")
        raise ConfigError((problem,)) from error
    settings, problems = parse(content, Origin(name, PurePosixPath(os.path.dirname(os.path.abspath(path)))))
    if problems:
        raise ConfigError(problems)
    return settings


def parse(content: bytes, origin: Origin) -> tuple[Settings, tuple[Problem, ...]]:
    """Settings that count only where there are no problems. A file of nothing but comments is all defaults."""
    if not any(line.strip() and not line.lstrip().startswith(b"#") for line in content.splitlines()):
        return Settings(), ()
    node, problems = yamltext.compose(content, origin)
    report = Report(problems=list(problems))
    settings = Settings() if node is None else read(node, report)
    # In this file nothing is merely noted: a loose word is as wrong as an unknown one.
    return settings, in_order([*report.problems, *report.notes])


def read(node: Node, report: Report) -> Settings:
    f = Cursor(node, "", report).fields(SETTINGS)
    engine = f["engine"].fields(ENGINE)
    default = Settings()
    return Settings(
        project=project(f["project"], default.project),
        services_dir=path_of(f["services_dir"], default.services_dir),
        state_dir=path_of(f["state_dir"], default.state_dir),
        socket=path_of(f["socket"], default.socket),
        socket_group=f["socket_group"].text(default.socket_group),
        api=api(f["api"]),
        role=f["role"].word({role: role for role in ROLES}, default.role),
        vms=vms(f["vms"], default.vms),
        server_name=f["server_name"].text(default.server_name),
        data_dir=path_of(f["data_dir"], default.data_dir),
        mongodb=mongodb(f["mongodb"]),
        port_cooldown_seconds=f["port_cooldown_seconds"].number(
            low=0, high=31_536_000, default=default.port_cooldown_seconds
        ),
        patches=patches(f["patches"]),
        profiles=f["profiles"].texts(),
        env_file=path_of(f["env_file"], Path()) if "env_file" in f else None,
        engine_url=engine_url(engine["url"], default.engine_url),
        engine_workers=engine["workers"].integer(low=1, high=64, default=default.engine_workers),
        engine_timeout_seconds=engine["timeout_seconds"].number(
            low=1, high=3600, default=default.engine_timeout_seconds
        ),
        resync_seconds=f["resync_seconds"].number(low=1, high=3600, default=default.resync_seconds),
        limits=limits(f["limits"]),
        journal_weeks=f["journal_weeks"].integer(low=1, high=520, default=default.journal_weeks),
        journal_entries=f["journal_entries"].integer(low=100, high=10_000_000, default=default.journal_entries),
        log_level=f["log_level"].word({level: level for level in LEVELS}, default.log_level),
    )


def limits(cursor: Cursor) -> Limits:
    f = cursor.fields(LIMITS)
    default = Limits()
    found = Limits(
        group_deadline_seconds=f["group_deadline_seconds"].number(
            low=1, high=86400, default=default.group_deadline_seconds
        ),
        fresh_after=f["fresh_after"].integer(low=1, high=1000, default=default.fresh_after),
        progress_deadline_seconds=f["progress_deadline_seconds"].number(
            low=1, high=86400, default=default.progress_deadline_seconds
        ),
        removal_percent=f["removal_percent"].integer(low=0, high=100, default=default.removal_percent),
        removal_count=f["removal_count"].integer(low=0, high=10_000, default=default.removal_count),
        retry_delay_seconds=f["retry_delay_seconds"].number(low=0.1, high=3600, default=default.retry_delay_seconds),
        retry_max_seconds=f["retry_max_seconds"].number(low=0.1, high=86400, default=default.retry_max_seconds),
        patch_deadline_seconds=f["patch_deadline_seconds"].number(
            low=1, high=86400, default=default.patch_deadline_seconds
        ),
        patch_prepare_seconds=f["patch_prepare_seconds"].number(
            low=1, high=604_800, default=default.patch_prepare_seconds
        ),
        actions_per_pass=f["actions_per_pass"].integer(low=1, high=100_000, default=default.actions_per_pass),
        runs_at_once=f["runs_at_once"].integer(low=1, high=1000, default=default.runs_at_once),
    )
    if found.retry_max_seconds < found.retry_delay_seconds:
        key = "retry_max_seconds" if "retry_max_seconds" in f else "retry_delay_seconds"
        f[key].problem("retry_max_seconds is below retry_delay_seconds: raise it")
    return found


def vms(cursor: Cursor, default: tuple[str, ...]) -> tuple[str, ...]:
    """In one order, whatever order they were written in."""
    if not cursor.written:
        return default
    named = {item.word({vm: vm for vm in VMS}, "") for item in cursor.one_or_many()}
    return tuple(vm for vm in VMS if vm in named)


def project(cursor: Cursor, default: str) -> str:
    name = cursor.text(default)
    if not PROJECT.fullmatch(name):
        cursor.problem(f"{shortened(name)!r} is not a project name: use lower-case letters, digits, `_` and `-`")
    return name


def engine_url(cursor: Cursor, default: str) -> str:
    url = cursor.text(default)
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in SCHEMES or not (parts.netloc or parts.path.strip("/")):
        cursor.problem(f"{shortened(url)!r} is not an engine: write unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST")
    return url
