"""The spec hash: a new zpmd recreates nothing that means the same."""

from __future__ import annotations

import dataclasses
import gc

import pytest

from zpmd.model import spechash
from zpmd.model.container import (
    Container,
    FileKind,
    FileMount,
    Healthcheck,
    Hook,
    Mount,
    MountKind,
    NetworkAttachment,
    PortBinding,
    Ulimit,
)
from zpmd.model.spechash import same_meaning, spec_hash

WEB = Container(
    image="nginx:1",
    command=("nginx", "-g", "daemon off;"),
    environment=(("A", "1"), ("B", None)),
    mounts=(Mount(kind=MountKind.VOLUME, source="data", target="/data"),),
    ports=(PortBinding(target=80, published="8080"),),
    healthcheck=Healthcheck(test=("CMD", "true"), interval_seconds=5.0),
    cpus=1.0,
)
APP = Container(
    image="app:3",
    networks=(NetworkAttachment(network="net", aliases=("x",)),),
    files=(FileMount(kind=FileKind.SECRET, name="s", digest="ab", target="/run/s"),),
    init=True,
    post_start=(Hook(command=("init",)),),
    ulimits=(Ulimit(name="nofile", soft=1, hard=2),),
    labels=(("k", "v"),),
    mem_swappiness=0,
)


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (Container(image="redis:7"), "1:54d295f28ca7dc00de41c58b"),
        (WEB, "1:ce5efef4948dfb678be6dec7"),
        (APP, "1:ef977aedbf039d42825254d4"),
    ],
)
def test_what_was_written_into_labels_years_ago_is_still_the_hash(container: Container, expected: str) -> None:
    """If this fails, an upgrade of zpmd would recreate every container of every site: raise SCHEMA instead."""
    assert spec_hash(container) == expected


@pytest.mark.parametrize(
    ("label", "same"),
    [
        ("1:54d295f28ca7dc00de41c58b", True),
        ("1:000000000000000000000000", False),
        ("2:written-by-a-newer-zpmd", True),
        ("0:54d295f28ca7dc00de41c58b", False),
        ("", False),
        ("54d295f28ca7dc00de41c58b", False),
        ("1:", False),
        ("one:54d295f28ca7dc00de41c58b", False),
        ("-1:54d295f28ca7dc00de41c58b", False),
        ("9" * 5000 + ":54d295f28ca7dc00de41c58b", False),
    ],
)
def test_a_label_is_compared_in_its_own_schema(label: str, same: bool) -> None:
    assert same_meaning(Container(image="redis:7"), label) is same


def test_a_schema_that_is_not_known_cannot_be_computed() -> None:
    with pytest.raises(ValueError, match="schema 2"):
        spec_hash(WEB, schema=2)


def test_what_was_worked_out_goes_with_the_last_container_that_means_it() -> None:
    gc.collect()
    before = len(spechash._known)
    first, second = (dataclasses.replace(WEB, image="nginx:known-by-this-test") for _ in range(2))
    assert spec_hash(first) == spec_hash(second)
    del first
    gc.collect()
    assert len(spechash._known) == before + 1
    assert spec_hash(second) == spec_hash(dataclasses.replace(second))
    del second
    gc.collect()
    assert len(spechash._known) == before


def test_what_is_known_already_is_not_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = dataclasses.replace(WEB, image="nginx:asked-for-again")
    known = spec_hash(first)
    monkeypatch.delattr(spechash, "canonical")
    second = dataclasses.replace(first)
    assert (spec_hash(first), spec_hash(second)) == (known, known)
    del first
    third = dataclasses.replace(second)
    assert spec_hash(third) == known
    with pytest.raises(NameError):
        spec_hash(dataclasses.replace(third, image="nginx:another"))
