"""What `zpmctl patch build|sign|verify|keygen --json` print. Names may be added and are not renamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zpmd.model.patch import Manifest
from zpmd.model.service import Problem
from zpmd.patching.minisign import Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedChange:
    """A service and what it is to run; neither image nor tag where it is only restarted."""

    service: str
    image: str | None
    tag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledArchive:
    """`size` in bytes; `references` are the images in it by name, each with the ids that engines know it by."""

    file: str
    size: int
    sha256: str
    references: dict[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchFile:
    """A patch file that is good. `signer` is the key whose signature was made or checked; `key` the one that the
    signature names, and `comment` its trusted comment, where there was one to read. `expires` is Unix seconds.
    `troubles` are keys that cannot be read."""

    file: str
    id: str
    description: str
    signer: str | None
    key: str | None
    comment: str | None
    services: list[NamedChange]
    groups: list[str]
    restart_only: bool
    expires: float | None
    min_version: str | None
    requires: list[str]
    images: list[BundledArchive]
    troubles: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A key's id and its two files."""

    key: str
    secret: str
    public: str


def patch_file(
    file: str,
    manifest: Manifest,
    signer: str,
    signature: Signature | None = None,
    troubles: Sequence[Problem] = (),
) -> PatchFile:
    return PatchFile(
        file=file,
        id=manifest.id,
        description=manifest.description,
        signer=signer or None,
        key=signature.key_id if signature else signer or None,
        comment=signature.trusted.decode(errors="backslashreplace") if signature else None,
        services=[
            NamedChange(
                service=change.service,
                image=change.image or None,
                tag=change.tag or ("" if change.image else manifest.tag) or None,
            )
            for change in manifest.services
        ],
        groups=[str(group) for group in manifest.groups],
        restart_only=manifest.restart_only,
        expires=manifest.expires,
        min_version=manifest.min_version or None,
        requires=list(manifest.requires),
        images=[
            BundledArchive(
                file=archive.file,
                size=archive.size,
                sha256=archive.sha256,
                references={image.reference: list(image.ids) for image in archive.images},
            )
            for archive in manifest.images
        ],
        troubles=[str(trouble) for trouble in troubles],
    )
