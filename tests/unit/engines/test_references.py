"""Image references as people write them, against what the engine lists."""

from __future__ import annotations

import pytest

from zpmd.engines import references

DIGEST = "sha256:" + "ab" * 32
ID = "sha256:" + "cd" * 32
HELD = (["nginx:latest", "nginx:1.25", "127.0.0.1:5000/team/app:2", f"nginx@{DIGEST}", "<none>:<none>"], [ID])


@pytest.mark.parametrize(
    ("written", "engines"),
    [
        ("nginx", "nginx:latest"),
        ("nginx:1.25", "nginx:1.25"),
        ("library/nginx", "nginx:latest"),
        ("docker.io/nginx", "nginx:latest"),
        ("docker.io/library/nginx:1.25", "nginx:1.25"),
        ("index.docker.io/team/app", "team/app:latest"),
        ("127.0.0.1:5000/team/app", "127.0.0.1:5000/team/app:latest"),
        (f"nginx@{DIGEST}", f"nginx@{DIGEST}"),
        (f"nginx:1.25@{DIGEST}", f"nginx@{DIGEST}"),
    ],
)
def test_a_reference_is_written_as_the_engine_writes_it(written: str, engines: str) -> None:
    assert references.familiar(written) == engines


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("nginx", True),
        ("docker.io/library/nginx:1.25", True),
        ("nginx:1.26", False),
        ("127.0.0.1:5000/team/app:2", True),
        ("127.0.0.1:5000/team/app", False),
        (f"nginx:whatever@{DIGEST}", True),
        (f"httpd@{DIGEST}", False),
        (ID, True),
        ("cdcdcdcdcdcd", True),
        ("cdcdcd", False),
        ("<none>", False),
    ],
)
def test_an_image_is_present_under_every_way_of_writing_it(asked: str, there: bool) -> None:
    assert references.present([asked], *HELD) == (frozenset({asked}) if there else frozenset())
