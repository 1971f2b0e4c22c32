"""Where in a file references may stand, and what a value may not hold where the reader takes its text apart.

A value that a database gives must never change what a file says: it may be any text where the whole text counts, and
where the text has parts (`SOURCE:TARGET`) it may not hold what parts them.
"""

from __future__ import annotations

import re

from zpmd.sources.interpolate import BadTemplate, Later
from zpmd.sources.nodes import shortened
from zpmd.sources.references import foreign

Place = tuple[str, ...]
"""The keys that lead to a value, an index of a list as `[0]`."""

INDEX = re.compile(r"\[\d+\]")
EXTENSION = "x-"

READ_BEFORE = {
    "depends_on": "which service is meant must be known without the database: write its name",
    "env_file": "files are read without the database: put the references into `environment`",
    "extends": "services are merged without the database: write the name",
    "links": "which service is meant must be known without the database: write its name",
    "label_file": "files are read without the database: put the references into `labels`",
    "profiles": "profiles are known without the database: write them",
    "volumes_from": "which service is meant must be known without the database: write its name",
    "x-zpmd": "what is said here must be known without the database: write it",
}
"""Keys of a service that count before any row is known."""

PARTED = {
    "devices[]": ":",
    "expose[]": "-/",
    "external_links[]": ":",
    "extra_hosts[]": ":=",
    "ipc": ":",
    "network_mode": ":",
    "pid": ":",
    "ports[]": "-/:",
    "tmpfs": ",:",
    "tmpfs[]": ",:",
    "volumes[]": ":",
}
"""Of a service, the texts that have parts, and what parts them."""

HOST_PATHS = ("develop.watch[].path", "devices[]", "devices[].source", "volumes[]", "volumes[].source")
UPWARDS = re.compile(r"(?:^|/)\.{1,2}(?:/|$)")
SHELL_TEXTS = ("healthcheck.test",)
UNSAFE = re.compile(r"[^\w@%+=:,./-]", re.ASCII)
COMMANDS = ("command", "entrypoint", "post_start[].command", "pre_stop[].command")
"""Texts that are split into words as a shell would: before values are put in, so that a value is always one word."""

PAIRS = ("annotations", "aux_addresses", "driver_opts", "environment", "labels", "options", "storage_opt", "sysctls")
"""Mappings that may be written as lists of `NAME=value`."""


class Nowhere:
    """Implements `Later` where no reference may stand; says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def mark(self, name: str, operator: str, argument: str) -> str:  # noqa: ARG002 (the shape of Later)
        raise BadTemplate(f"${{{shortened(name)}}} cannot stand here: {self.reason}")

    def foreign(self, text: str) -> str:
        return foreign(text)


def referring(place: Place, references: Later) -> Later:
    """Who takes the references of the text at a place."""
    match place:
        case ("services", _, key, *_):
            reason = READ_BEFORE.get(key)
            return Nowhere(reason) if reason else references
        case ("networks" | "volumes", _, _, *_) | ("configs", _, "content"):
            return references
        case (top, *_) if top.startswith(EXTENSION) and top != "x-zpmd":
            # Not read itself: what an alias brings from here to elsewhere is looked at there.
            return references
        case _:
            return Nowhere("references are for the services that `for_each` makes, and for what these use")


def path(place: Place) -> str:
    """As messages have it: `services.web.ports[0]`."""
    return ".".join(place).replace(".[", "[")


def general(place: Place) -> str:
    """A place below a service with all indices alike, as in the tables above: `ports[]`."""
    return INDEX.sub("[]", path(place))


def refuse(path: str, name: str, value: str) -> None:
    """Raises BadTemplate where this value cannot be put into the text at this (general) path."""
    if bad := next((c for c in PARTED.get(path, "") if c in value), ""):
        raise BadTemplate(f"{name} is {shortened(value)!r}, and a {bad!r} would have a meaning here: change the row")
    if path in SHELL_TEXTS and (unsafe := UNSAFE.search(value)):
        raise BadTemplate(
            f"{name} is {shortened(value)!r}, and a shell would see more than a text in {unsafe.group()!r}: write a "
            "list that begins with CMD"
        )
    if path in HOST_PATHS and UPWARDS.search(value):
        raise BadTemplate(f"{name} is {shortened(value)!r}, which leads out of the folder: change the row")
    if path in HOST_PATHS and not value.strip("/"):
        raise BadTemplate(f"{name} is {shortened(value)!r}, and what is left is the folder above: change the row")
