"""How the words of a patch file may look: ids, tags, images, members. Pure.

Images follow the grammar of references (https://github.com/distribution/reference), with a version that is written out.
"""

from __future__ import annotations

import re

MANIFEST = "patch.yaml"
SIGNATURE = "patch.yaml.minisig"
IMAGES = "images/"
"""Where archives stand in a bundle; a plain name follows."""

MANIFEST_SUFFIXES = (".patch.yaml", ".patch.yml", ".patch.json")
BUNDLE_SUFFIX = ".zpatch"

MAX_MANIFEST = 1024 * 1024
"""Bytes of patch.yaml."""
MAX_SERVICES = 1000
MAX_ARCHIVES = 500
MAX_REFERENCES = 200
"""In one archive."""
MAX_REQUIRES = 100

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}", re.ASCII)
MEMBER = re.compile(r"images/[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.ASCII)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,3}", re.ASCII)

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?(?::[0-9]{1,5})?"
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_NAME = rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*"
REFERENCE = re.compile(rf"{_NAME}:{TAG.pattern}", re.ASCII)
"""What an archive calls an image: a name and a tag."""
IMAGE = re.compile(rf"{_NAME}(?::{TAG.pattern})?(?:@{DIGEST.pattern})?", re.ASCII)
MAX_REFERENCE = 500
AN_ID = "sha256:"
"""Engines take what begins so for an image's id, and never for a name."""


def is_image(text: str) -> bool:
    """Whether it names one version of an image: `name:tag`, `name@sha256:...` or both."""
    if len(text) > MAX_REFERENCE or text.startswith(AN_ID) or not IMAGE.fullmatch(text):
        return False
    return "@" in text or is_reference(text)


def is_reference(text: str) -> bool:
    """Whether it is a name and a tag."""
    return len(text) <= MAX_REFERENCE and not text.startswith(AN_ID) and REFERENCE.fullmatch(text) is not None
