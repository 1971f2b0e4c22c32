"""Image references: which of those asked for are on the engine, and with which id (pure).

The engine lists what it has as `repository:tag`, `repository@sha256:...` and `sha256:<id>`, with Docker Hub's prefixes
left out; people write all of them, with and without.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from zpmd.model.reference import split

_HUB = ("docker.io/", "index.docker.io/", "registry-1.docker.io/")
_ID = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")


def familiar(reference: str) -> str:
    """The engine's way of writing it: no Docker Hub prefix, a tag (`latest`) unless there is a digest.

    Of `name:tag@digest` the digest alone counts, as it does for the engine.
    """
    for prefix in _HUB:
        if reference.startswith(prefix):
            reference = reference.removeprefix(prefix).removeprefix("library/")
            break
    reference = reference.removeprefix("library/")
    name, at, digest = reference.partition("@")
    repository, tag = split(name)
    return f"{repository}@{digest}" if at else f"{repository}:{tag or 'latest'}"


def found(asked: Collection[str], known: Mapping[str, str]) -> dict[str, str]:
    """Of each of `asked` that the engine has, its id. `known` has the ids of all tags and digests, and of the ids."""
    by_name = {familiar(name): image_id for name, image_id in known.items() if "<none>" not in name}
    ids = sorted(set(known.values()))
    there = {ref: by_name.get(familiar(ref)) or _of_id(ref, ids) for ref in asked}
    return {ref: image_id for ref, image_id in there.items() if image_id}


def _of_id(reference: str, ids: list[str]) -> str:
    match = _ID.fullmatch(reference)
    begun = (i for i in ids if match is not None and i.removeprefix("sha256:").startswith(match[1]))
    return next(begun, "")
