"""Image references as people write them, against what the engine lists."""

from __future__ import annotations

import pytest

from zpmd.engines import references

DIGEST = "sha256:" + "ab" * 32
ID = "sha256:" + "cd" * 32
OTHER_ID = "sha256:" + "ef" * 32
HELD = {
    **dict.fromkeys(["nginx:latest", "nginx:1.25", f"nginx@{DIGEST}", "<none>:<none>", ID], ID),
    **dict.fromkeys(["127.0.0.1:5000/team/app:2", OTHER_ID], OTHER_ID),
}


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
    ("asked", "image_id"),
    [
        ("nginx", ID),
        ("docker.io/library/nginx:1.25", ID),
        ("nginx:1.26", None),
        ("127.0.0.1:5000/team/app:2", OTHER_ID),
        ("127.0.0.1:5000/team/app", None),
        (f"nginx:whatever@{DIGEST}", ID),
        (f"httpd@{DIGEST}", None),
        (ID, ID),
        ("cdcdcdcdcdcd", ID),
        ("efefefefefef", OTHER_ID),
        ("cdcdcd", None),
        ("<none>", None),
    ],
)
def test_an_image_is_present_under_every_way_of_writing_it(asked: str, image_id: str | None) -> None:
    assert references.found([asked], HELD) == ({} if image_id is None else {asked: image_id})
