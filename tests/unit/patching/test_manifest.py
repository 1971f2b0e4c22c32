"""Patch files as text: what is understood of them, what is said of wrong ones, and how zpmd writes them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.unit.sources.given import lines
from zpmd.model.patch import Archive, CarriedImage, Change, Manifest
from zpmd.model.service import Group
from zpmd.patching import manifest, words

FULL = b"""
id: hotfix-1042
description: |
  Fixes the login loop.
  \xe2\x9c\x93 tested
tag: v2.10
services:
  zona_user: {image: "registry.example:5000/zona/user:v2.3.1"}
  zona_siem: {tag: 2.10}
  zona_web:
groups: [core, system]
expires: 2027-01-01T02:00:00+02:00
min_version: 0.5
requires: [hotfix-1041]
deadline: 1m30.5s
parallelism: 3
images:
  - file: images/user.tar
    size: 12345
    sha256: """ + b"a" * 64 + b"""
    references: {"zona/user:v2.3.1": [sha256:""" + b"c" * 64 + b", sha256:" + b"b" * 64 + b"""]}
"""  # fmt: skip


def understood(content: bytes | str, name: str = "fix.patch.yaml") -> Manifest:
    found, problems = manifest.read(content if isinstance(content, bytes) else content.encode(), name)
    assert problems == ()
    assert found is not None
    return found


def problems(text: str, bundled: bool = True) -> list[str]:
    found, told = manifest.read(text.encode(), "p", bundled)
    assert (found is None) == bool(told)
    return lines(told)


def test_every_key_is_understood() -> None:
    assert understood(FULL) == Manifest(
        id="hotfix-1042",
        description="Fixes the login loop.\n✓ tested\n",
        tag="v2.10",
        services=(
            Change(service="zona_user", image="registry.example:5000/zona/user:v2.3.1"),
            Change(service="zona_siem", tag="2.10"),
            Change(service="zona_web"),
        ),
        groups=(Group.SYSTEM, Group.CORE),
        images=(
            Archive(
                file="images/user.tar",
                size=12345,
                sha256="a" * 64,
                images=(CarriedImage(reference="zona/user:v2.3.1", ids=("sha256:" + "b" * 64, "sha256:" + "c" * 64)),),
            ),
        ),
        expires=1_798_761_600.0,
        min_version="0.5",
        requires=("hotfix-1041",),
        deadline_seconds=90.5,
        parallelism=3,
    )


def test_a_list_of_services_and_a_tag_is_enough() -> None:
    assert understood("{id: a, tag: v2, services: [x, y]}") == Manifest(
        id="a", tag="v2", services=(Change(service="x"), Change(service="y"))
    )


def test_json_is_understood() -> None:
    text = json.dumps({"id": "a", "restart_only": True, "groups": ["batch"]})
    assert understood(text) == Manifest(id="a", restart_only=True, groups=(Group.BATCH,))


OLD = Manifest(id="fix", tag="2.10", services=(Change(service="zona_user"), Change(service="zona_siem")))


@pytest.mark.parametrize(
    "text",
    [
        "PatchTag: 2.10\npatchServiceLists: [zona_user, zona_siem]\n",
        "PatchTag: 2.10\npatchServiceLists: zona_user, zona_siem\n",
        '{"PatchTag": "2.10", "patchServiceLists": "zona_user,zona_siem"}',
    ],
)
def test_the_old_form_is_understood_and_called_by_its_file(text: str) -> None:
    assert understood(text, "/var/spool/zpmd/incoming/fix.patch.yaml") == OLD


NAMES = [
    ("fix.patch.yaml", "fix"),
    ("fix.patch.yml", "fix"),
    ("a/fix.patch.json", "fix"),
    ("fix-2.1.zpatch", "fix-2.1"),
    ("fix.yaml", "fix"),
    ("fix", "fix"),
]


@pytest.mark.parametrize(("name", "expected"), NAMES, ids=[name for name, _ in NAMES])
def test_a_file_without_an_id_is_called_by_its_name(name: str, expected: str) -> None:
    assert manifest.id_of(name) == expected


def test_the_old_form_in_a_file_that_is_called_oddly_is_refused() -> None:
    _, told = manifest.read(b"{PatchTag: v2, patchServiceLists: [a]}", "my fix.patch.yaml")
    assert [problem.message for problem in told] == [
        f"'my fix', the file's name, is not an id: rename the file, {manifest.ID_ADVICE}"
    ]


def test_the_old_form_has_no_place_in_a_bundle() -> None:
    _, told = manifest.read(b"{PatchTag: v2, patchServiceLists: [a]}", words.MANIFEST)
    assert lines(told) == [
        "patch.yaml:1:1: the old form says no id, and all bundles call it the same: write id, tag and services"
    ]


def test_a_date_lasts_until_its_end() -> None:
    day = understood("{id: a, tag: v2, services: [x], expires: 2026-12-31}").expires
    assert day == understood("{id: a, tag: v2, services: [x], expires: 2027-01-01T00:00:00Z}").expires


@pytest.mark.parametrize(
    "text",
    ["2027-13-01", "1969-12-30", "9999-12-31", "2027-01-01T25:00:00Z", "9999-12-31T23:00:00-05:00", "tomorrow", "1"],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    assert len(problems(f"{{id: a, tag: v2, services: [x], expires: '{text}'}}")) == 1


def test_only_a_bundle_carries_images() -> None:
    assert manifest.read(FULL, "p")[1] == ()
    assert lines(manifest.read(FULL, "p", bundled=False)[1]) == [
        "p:17:1: images: only a bundle carries images: make one with `zpmctl patch build`"
    ]


def test_one_reference_in_two_archives_is_refused() -> None:
    archive = "size: 1, sha256: '" + "0" * 64 + "', references: {'a:1': ['sha256:" + "0" * 64 + "']}"
    text = f"{{id: a, tag: v2, services: [x], images: [{{file: images/a, {archive}}}, {{file: images/b, {archive}}}]}}"
    assert [line.split(": ", 1)[1] for line in problems(text)] == [
        "images[1]: the reference is there twice: remove one"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"services: {[f's{n}' for n in range(words.MAX_SERVICES + 1)]}", "services: 1001 services are too many"),
        (f"services: [x]\nrequires: {[f's{n}' for n in range(101)]}", "requires: 101 ids are too many"),
        (f"services: [x]\ndescription: {'x' * 2001}", "description: 2001 characters are too many"),
    ],
)
def test_too_much_is_refused(text: str, message: str) -> None:
    assert message in problems(f"id: a\ntag: v2\n{text}")[0]


def test_a_text_of_megabytes_is_refused_unread() -> None:
    assert "bytes are too many" in problems("#" * (words.MAX_MANIFEST + 1))[0]


def cases() -> list[tuple[str, str, list[str]]]:
    path = Path(__file__).parents[2] / "data" / "patches" / "broken.txt"
    found = []
    for block in re.split(r"(?m)^== ", path.read_text())[1:]:
        name, _, rest = block.partition("\n")
        text, expected = rest.split("\n-- ", 1)
        found.append((name, text + "\n", [f"p:{line}" for line in expected.strip().split("\n-- ")]))
    return found


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in cases()], ids=[case[0] for case in cases()])
def test_a_broken_patch_file_is_told_all_that_is_wrong(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def test_what_is_written_is_one_text_that_is_read_again() -> None:
    found = understood(FULL)
    assert understood(manifest.text(found)) == found
    assert manifest.text(found).decode().splitlines()[:6] == [
        'id: "hotfix-1042"',
        'description: "Fixes the login loop.\\u000a\\u2713 tested\\u000a"',
        'tag: "v2.10"',
        "services:",
        '  "zona_user": {image: "registry.example:5000/zona/user:v2.3.1"}',
        '  "zona_siem": {tag: "2.10"}',
    ]
