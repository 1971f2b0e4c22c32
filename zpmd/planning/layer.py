"""The layer of patches over what the sources declare: what each service is to be once patches have had their word.

A service is under a patch from the patch's step on, stays so when the patch is applied, and is no longer when the patch
goes back. Where its file names another image than the patch replaced, the file is newer, and wins.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from zpmd.model.patch import Manifest, Move, Patch, Stage
from zpmd.model.reference import retagged
from zpmd.model.service import Desired, Patched, ServiceData, Under

IN_FORCE = frozenset({Stage.ROLLING, Stage.APPLIED, Stage.ROLLING_BACK, Stage.ROLLBACK_FAILED})


def layered(declared: Desired, patches: Sequence[Patch]) -> Desired:
    """What is desired with these rows of the ledger over it; the same object where they change nothing."""
    moves = _by_name(patches)
    if not moves:
        return declared
    services = tuple(_over(service, moves) for service in declared.services)
    return declared if services == declared.services else dataclasses.replace(declared, services=services)


def base_image(service: ServiceData) -> str:
    """The image that its file names, whatever patches make of it."""
    return service.patched.base if service.patched else service.container.image


def image_under(move: Move, image: str) -> str:
    """What a service that runs `image` is to run after this move."""
    if move.image:
        return move.image
    return retagged(image, move.tag) if move.tag else image


def overtaken(move: Move, service: ServiceData) -> bool:
    """Whether its file names another image than when the patch was switched."""
    return bool(move.bases) and base_image(service) not in move.bases


def moves_of(manifest: Manifest, services: Collection[ServiceData]) -> tuple[Move, ...]:
    """What a manifest asks for, service by service: named ones in the manifest's order, then those of its groups."""
    moves = {
        c.service: Move(service=c.service, image=c.image, tag="" if c.image else c.tag or manifest.tag)
        for c in manifest.services
    }
    for service in services:
        if service.group in manifest.groups and not {service.name, service.template} & moves.keys():
            name = service.template or service.name
            moves[name] = Move(service=name, tag=manifest.tag)
    bases: dict[str, set[str]] = {}
    for service in services:
        for name in {service.name, service.template} & moves.keys():
            bases.setdefault(name, set()).add(base_image(service))
    return tuple(dataclasses.replace(move, bases=tuple(sorted(bases.get(name, ())))) for name, move in moves.items())


def by_service(moves: Iterable[Move]) -> Callable[[ServiceData], Move | None]:
    """Which of one patch's moves concerns a service: by its own name before that of its template."""
    known = {move.service: move for move in moves}
    return lambda service: known.get(service.name) or known.get(service.template)


def _by_name(patches: Sequence[Patch]) -> Mapping[str, Sequence[tuple[Patch, Move]]]:
    """Moves that are in force by the name that they concern, in the order in which their patches were switched."""
    found: dict[str, list[tuple[Patch, Move]]] = {}
    in_force = [patch for patch in patches if patch.stage in IN_FORCE and patch.moves]
    for patch, move in sorted(((p, move) for p in in_force for move in p.moves), key=_turn):
        found.setdefault(move.service, []).append((patch, move))
    return found


def _turn(one: tuple[Patch, Move]) -> tuple[int, int]:
    return one[0].turn, one[0].number


def _over(service: ServiceData, moves: Mapping[str, Sequence[tuple[Patch, Move]]]) -> ServiceData:
    concerning = moves.get(service.name, ())
    if service.template in moves:
        own = {patch.number for patch, _ in concerning}
        of_template = [one for one in moves[service.template] if one[0].number not in own]
        concerning = sorted([*of_template, *concerning], key=_turn)
    image, patched = service.container.image, None
    for patch, move in concerning:
        if overtaken(move, service):
            continue
        said = _says(patch, service, patched)
        if said is not None:
            patched = said
            image = image_under(move, image) if said.under in (Under.TRIAL, Under.APPLIED) else image
    if patched is None:
        return service
    container = (
        service.container if image == service.container.image else dataclasses.replace(service.container, image=image)
    )
    return dataclasses.replace(service, container=container, patched=patched)


def _says(patch: Patch, service: ServiceData, before: Patched | None) -> Patched | None:
    """What this patch makes of the service, over what earlier ones have made of it; None: nothing, now."""
    step = patch.step(service.name)
    match patch.stage:
        case Stage.ROLLING if step:
            under = Under.TRIAL
        case Stage.APPLIED:
            under = Under.APPLIED
        case Stage.ROLLING_BACK if step:
            under = Under.BACK
        case Stage.ROLLBACK_FAILED if step and step.back_at is None:
            under = Under.STUCK
        case _:
            return None
    forward = under in (Under.TRIAL, Under.APPLIED)
    return Patched(
        patch=patch.id,
        number=patch.number,
        under=under,
        base=service.container.image,
        generation=step.generation if forward and step else before.generation if before else 0,
        tried=step.generation if step else 0,
        reason=patch.reason,
    )
