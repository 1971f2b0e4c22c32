"""Image references: which of those asked for are on the engine (pure).

The engine lists what it has as `repository:tag`, `repository@sha256:...` and `sha256:<id>`, with Docker Hub's prefixes
left out; people write all of them, with and without.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

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


def present(asked: Collection[str], names: Iterable[str], ids: Iterable[str]) -> frozenset[str]:
    """Those of `asked` that are among the engine's tags and digests (`names`) or image ids."""
    known = {familiar(name) for name in names if "<none>" not in name}
    bare = sorted(image_id.removeprefix("sha256:") for image_id in ids)
    return frozenset(ref for ref in asked if familiar(ref) in known or _is_id(ref, bare))


def _is_id(reference: str, bare: list[str]) -> bool:
    match = _ID.fullmatch(reference)
    return match is not None and any(image_id.startswith(match[1]) for image_id in bare)
