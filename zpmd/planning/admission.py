"""Whether a patch fits this site: decided from the manifest, the ledger and what is declared, before anything moves.

What cannot be known yet (a source that is away, a required patch on its way) is waited for and never refused: unknown
is not absent. The rules against old patches that are dropped again are for what The Update Framework calls a rollback
attack, and stand on what a site remembers by itself: the ledger, which no drop can reach.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from zpmd import __version__
from zpmd.model.observed import World
from zpmd.model.patch import ENDS, CarriedImage, Manifest, Patch, Stage
from zpmd.model.reference import tag_of
from zpmd.model.service import Desired, PullWhen, ServiceData
from zpmd.planning import layer
from zpmd.planning.view import names

REQUIRED_GRACE_SECONDS = 10.0
"""A required patch may be copied after the one that requires it."""

_SERIES = re.compile(r"(?P<stem>.*?)(?P<number>[0-9]{1,18})")
_VERSION = re.compile(r"(?P<before>v?)(?P<numbers>[0-9]{1,9}(?:\.[0-9]{1,9}){0,5})")


@dataclass(frozen=True, slots=True)
class Answer:
    """`refused` and `waits` say why, in words; both empty: it is admitted. `done`: it has nothing to do any more."""

    refused: str = ""
    waits: str = ""
    done: str = ""
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What an admission is decided from. `desired` is layered; `away` says why a source cannot tell everything."""

    desired: Desired
    world: World
    patches: tuple[Patch, ...]
    now: float
    away: str = ""


def admit(patch: Patch, manifest: Manifest, site: Site) -> Answer:
    """The first thing that is in its way. `patch` need not be a row of the ledger (a preview): then its number is 0."""
    others = [other for other in site.patches if other.number != patch.number]
    refused = _expired(manifest, site.now) or _too_new(manifest)
    if refused:
        return Answer(refused=refused)
    return (
        _known(patch, manifest, others)
        or _required(patch, manifest, others, site.now)
        or _services(manifest, site)
        or _older(manifest, others, site)
        or _images(manifest, site)
        or Answer()
    )


def _expired(manifest: Manifest, now: float) -> str:
    expired = manifest.expires is not None and manifest.expires <= now
    return "it has expired: ask who made it for a newer one" if expired else ""


def _too_new(manifest: Manifest) -> str:
    if not manifest.min_version or version(__version__) >= version(manifest.min_version):
        return ""
    return f"it needs zpmd {manifest.min_version} or newer, and this is {__version__}: upgrade zpmd first"


def version(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: `1.4.0rc1` is (1, 4, 0)."""
    found = re.match(r"v?([0-9]{1,9}(?:\.[0-9]{1,9})*)", text)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


# --- the ledger -------------------------------------------------------------------------------------------------------


def _known(patch: Patch, manifest: Manifest, others: Iterable[Patch]) -> Answer | None:
    """An id names one content, for ever; the same content again is no news while it is applied."""
    for other in others:
        if other.id != manifest.id or other.stage is Stage.QUARANTINED:
            continue
        if patch.sha256 and other.sha256 != patch.sha256:
            if other.number > patch.number > 0 and other.stage not in ENDS:
                continue  # it was here first
            text = f"the id {manifest.id} was used by drop {other.number}, which had another content: give it a new id"
            return Answer(refused=text)
        if other.stage is Stage.APPLIED and not other.reverting:
            return Answer(done=f"it is applied already, by drop {other.number}")
        if other.stage not in ENDS and (other.number < patch.number or not patch.number):
            return Answer(refused=f"the same patch is on its way already, as drop {other.number}")
    return None


def _required(patch: Patch, manifest: Manifest, others: Collection[Patch], now: float) -> Answer | None:
    for wanted in manifest.requires:
        rows = [other for other in others if other.id == wanted]
        if any(row.stage is Stage.APPLIED and not row.reverting for row in rows):
            continue
        if wanted == manifest.id:
            return Answer(refused="it requires itself")
        coming = [row for row in rows if row.stage not in ENDS]
        if manifest.id in _required_by(coming, others):
            return Answer(refused=f"it and {wanted} require each other")
        if coming:
            return Answer(waits=f"waits for patch {wanted}, which it requires")
        copied_at = patch.since(Stage.COPIED)
        if copied_at is not None and copied_at <= now < copied_at + REQUIRED_GRACE_SECONDS:
            until = copied_at + REQUIRED_GRACE_SECONDS
            return Answer(waits=f"waits for patch {wanted}, which it requires, to be dropped", until=until)
        return Answer(refused=f"it requires patch {wanted}, which is not applied: drop {wanted} first")
    return None


def _required_by(rows: Collection[Patch], others: Collection[Patch]) -> set[str]:
    """The ids that these require, and that those require in turn, as far as they are on their way."""
    found: set[str] = set()
    front = list(rows)
    while front:
        row = front.pop()
        fresh = set(row.manifest.requires) - found if row.manifest else set()
        found |= fresh
        front += [other for other in others if other.id in fresh and other.stage not in ENDS]
    return found


def _older(manifest: Manifest, others: Collection[Patch], site: Site) -> Answer | None:
    """Older than what is applied to one of its services: by the number at the end of its id, or by the tag."""
    mine = {move.service for move in layer.moves_of(manifest, site.desired.services)}
    series = _SERIES.fullmatch(manifest.id)
    for other in others:
        theirs = _SERIES.fullmatch(other.id)
        shared = sorted(mine & {move.service for move in other.moves})
        if other.stage is not Stage.APPLIED or not shared or not series or not theirs:
            continue
        if theirs["stem"] == series["stem"] and int(theirs["number"]) > int(series["number"]):
            text = f"it is older than {other.id}, which is applied to {names(shared)}: revert that one instead"
            return Answer(refused=text)
    for service, image in images_under(manifest, site.desired.services):
        now, then = tag_of(service.container.image), tag_of(image)
        if _lower(then, now):
            up = f"revert {service.patched.patch}" if service.patched else "change its service file"
            return Answer(refused=f"{service.name} runs {now}, and it would go down to {then}: {up} instead")
    return None


def _lower(tag: str, other: str) -> bool:
    """Whether both are plain versions, written alike, and the first is the lower one."""
    one, two = _VERSION.fullmatch(tag), _VERSION.fullmatch(other)
    if not one or not two or one["before"] != two["before"]:
        return False
    return version(tag) < version(other)


# --- the site ---------------------------------------------------------------------------------------------------------


def _services(manifest: Manifest, site: Site) -> Answer | None:
    services = site.desired.services
    known = {s.name for s in services}.union(site.desired.templates, (s.template for s in services if s.template))
    # What another server runs now, because of its role, may run here tomorrow, and is to be patched then.
    known |= {name for name, _ in site.desired.retired}
    unknown = [change.service for change in manifest.services if change.service not in known]
    empty = [group for group in manifest.groups if not any(s.group is group for s in services)]
    if (unknown or empty) and site.away:
        return Answer(waits=f"waits until its services are known: {site.away}")
    if unknown:
        near = difflib.get_close_matches(unknown[0], sorted(known), n=1, cutoff=0.5)
        hint = f": did you mean {near[0]}?" if near else ""
        return Answer(refused=f"there is no service {names(unknown)} here{hint}")
    if empty:
        return Answer(refused=f"group {empty[0]} has no service here")
    return None


def images_under(manifest: Manifest, services: Collection[ServiceData]) -> list[tuple[ServiceData, str]]:
    """Each service that the manifest concerns, by name, with the image that it would run."""
    move_of = layer.by_service(layer.moves_of(manifest, services))
    found = [(s, move_of(s)) for s in services]
    found.sort(key=lambda one: one[0].name)
    return [(s, layer.image_under(move, s.container.image)) for s, move in found if move is not None]


def images_asked(patches: Iterable[Patch], desired: Desired) -> frozenset[str]:
    """The images that the engine is asked for while patches are prepared."""
    found: set[str] = set()
    for patch in patches:
        if patch.manifest is not None and patch.stage in (Stage.COPIED, Stage.VERIFIED, Stage.LOADED):
            found.update(carried(patch.manifest))
            found.update(image for _, image in images_under(patch.manifest, desired.services))
    return frozenset(found)


def carried(manifest: Manifest) -> Mapping[str, CarriedImage]:
    """The images in its archives, by reference."""
    return {image.reference: image for archive in manifest.images for image in archive.images}


def obtainable(service: ServiceData) -> bool:
    """Whether zpmd may ask a registry for an image of this service."""
    return service.pull.when is not PullWhen.NEVER and not service.pull.built


def _images(manifest: Manifest, site: Site) -> Answer | None:
    inside = carried(manifest)
    for reference, image in inside.items():
        here = site.world.image_ids.get(reference)
        if here is None or here in image.ids:
            continue
        users = list(_users(reference, site))
        if users:
            text = f"image {reference} is here with another content, and {names(users)} runs it: give it another tag"
            return Answer(refused=text)
    for service, reference in images_under(manifest, site.desired.services):
        if reference not in inside and reference not in site.world.images and not obtainable(service):
            text = f"image {reference} for {service.name} is neither here nor in the patch, and may not be pulled"
            return Answer(refused=text)
    return None


def _users(reference: str, site: Site) -> Iterator[str]:
    declared = {s.name for s in site.desired.services if reference in (s.container.image, layer.base_image(s))}
    running = {r.service for r in site.world.replicas if r.image == reference and r.live}
    yield from sorted(declared | running)
