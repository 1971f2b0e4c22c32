"""Two definitions are told apart by the names of their fields, and by nothing that stands in them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from zpmd.model import difference
from zpmd.model.container import Container, FileKind, FileMount, Healthcheck, Hook, Mount, MountKind, PortBinding

DATA = Mount(kind=MountKind.VOLUME, source="data", target="/data")
LOGS = Mount(kind=MountKind.BIND, source="/var/log", target="/logs")
KEY = FileMount(kind=FileKind.SECRET, name="key", digest="ab", target="/run/secrets/key")
BASE = Container(
    image="web:1",
    command=("serve", "--port", "80"),
    environment=(("LEVEL", "info"), ("PASSWORD", "s3cret")),
    mounts=(DATA, LOGS),
    files=(KEY,),
    ports=(PortBinding(target=80, published="8080"),),
    healthcheck=Healthcheck(test=("CMD", "true"), interval_seconds=5.0),
    post_start=(Hook(command=("one",)), Hook(command=("two",))),
)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, ()),
        ({"image": "web:2"}, ("image web:1 -> web:2",)),
        ({"working_dir": "/srv", "init": True}, ("init", "working_dir")),
        ({"command": ("serve", "--password", "s3cret")}, ("command",)),
        ({"command": None}, ("command",)),
        ({"environment": (("LEVEL", "info"), ("PASSWORD", "0ther"))}, ("environment.PASSWORD",)),
        ({"environment": (("LEVEL", None), ("NEW", "s3cret"), ("PASSWORD", "s3cret"))},
         ("environment.LEVEL", "environment.NEW")),
        ({"mounts": (LOGS, DATA)}, ("mounts",)),
        ({"mounts": (dataclasses.replace(DATA, read_only=True), LOGS)}, ("mounts[/data].read_only",)),
        ({"mounts": (LOGS,)}, ("mounts[/data]",)),
        ({"files": (dataclasses.replace(KEY, digest="cd"),)}, ("files[/run/secrets/key].digest",)),
        ({"ports": ()}, ("ports[80]",)),
        ({"healthcheck": None}, ("healthcheck",)),
        ({"healthcheck": Healthcheck(test=("CMD", "true"), retries=9)},
         ("healthcheck.interval_seconds", "healthcheck.retries")),
        ({"post_start": (Hook(command=("one",)),)}, ("post_start",)),
        ({"labels": (("team", "a"),)}, ("labels.team",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_fields_that_differ_are_named(changes: dict[str, Any], fields: tuple[str, ...]) -> None:
    other = dataclasses.replace(BASE, **changes)
    assert difference.fields(BASE, other) == fields
    back = tuple(name.replace("web:1 -> web:2", "web:2 -> web:1") for name in fields)
    assert difference.fields(other, BASE) == back
    assert "s3cret" not in str(fields)


def test_two_members_of_one_name_are_told_apart_as_a_whole() -> None:
    twice = dataclasses.replace(BASE, ports=(PortBinding(target=80), PortBinding(target=80, protocol="udp")))
    assert difference.fields(twice, dataclasses.replace(twice, ports=twice.ports[:1])) == ("ports",)
