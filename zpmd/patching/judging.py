"""Whether a private copy is a patch at all: its manifest, who signed it, and that its archives are what it says.

Nothing here knows the site. Whatever is wrong with the file itself is a BadPatch with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from zpmd.model.patch import Manifest
from zpmd.model.service import Problem
from zpmd.patching import bundle, manifest, words
from zpmd.patching.keys import Keyring
from zpmd.patching.refusal import BadPatch

PROBLEMS_TOLD = 10


def judged_manifest(content: bytes, name: str, signature: bytes | None, keyring: Keyring) -> tuple[Manifest, str]:
    """What a plain manifest asks for, and who signed it. Raises BadPatch."""
    signer = keyring.check(content, signature)
    return _read(content, name, bundled=False), signer


def judged_bundle(copy: Path, keyring: Keyring, max_bytes: int, going_on: Callable[[], None]) -> tuple[Manifest, str]:
    """The same of a bundle, all of which is read; `going_on` is called meanwhile, and may raise to end it.

    The signature is looked at before anything that it vouches for. Raises BadPatch, OSError.
    """
    with bundle.Bundle(copy, bundle.Limits.of(max_bytes)) as opened:
        signer = keyring.check(opened.manifest, opened.signature)
        if opened.signature is not None:
            opened.check_canonical()
        found = _read(opened.manifest, words.MANIFEST, bundled=True)
        opened.check(found, lambda _: going_on())
    return found, signer


def _read(content: bytes, name: str, bundled: bool) -> Manifest:
    found, problems = manifest.read(content, os.path.basename(name), bundled)
    if found is None:
        raise BadPatch(told(problems))
    return found


def told(problems: tuple[Problem, ...]) -> str:
    """The first of them, in one line."""
    more = len(problems) - PROBLEMS_TOLD
    return "; ".join(str(problem) for problem in problems[:PROBLEMS_TOLD]) + (f"; and {more} more" if more > 0 else "")
