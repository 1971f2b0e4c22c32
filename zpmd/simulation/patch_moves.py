"""Moves with patches: files that are dropped, good ones and bad ones, and patches that are taken back."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from zpmd.model.patch import Archive, CarriedImage, Change, Manifest, Patch, Stage
from zpmd.model.reference import retagged
from zpmd.model.service import GROUPS, ServiceData
from zpmd.simulation import programs, wishes
from zpmd.simulation.drops import INCOMING
from zpmd.simulation.registry import move
from zpmd.simulation.truth import Truth

if TYPE_CHECKING:
    from zpmd.simulation.site import Site

TEMPLATE = "integration"
"""The service of the template (tenants.py)."""
KINDS = {"good": "ok", "slow": "slow", "sick": "sick", "dies": "crash"}
"""How its images turn out, and the word in their tags that makes them so (programs.py)."""
FORGERIES = ("unknown-service", "expired", "downgrade", "newer-zpmd", "other-content", "unreadable")
MOST_DROPS = 12
LETTERS = "abcd"
"""Of ids: so that the order of ids is not that of dropping."""


# --- what is there ----------------------------------------------------------------------------------------------------


def declared(site: Site) -> list[ServiceData]:
    """Of the files and of the rows."""
    rows = site.rows_answered.services if site.rows_answered is not None else ()
    return [*site.source.desired.services, *rows]


def concerned(site: Site, manifest: Manifest) -> list[ServiceData]:
    names = {change.service for change in manifest.services}
    return [s for s in declared(site) if s.group in manifest.groups or {s.name, s.template} & names]


def ids(site: Site) -> list[str]:
    return list(dict.fromkeys(file.manifest.id for file in site.folder.files))


# --- dropping ---------------------------------------------------------------------------------------------------------


def _a_patch(site: Site, chance: random.Random) -> str | None:
    """The arguments of any of the verbs."""
    dice, known = chance.random(), ids(site)
    if known and dice < 0.12:
        return f"revert {chance.choice(known)}{chance.choice(('', ' with-later'))}"
    if known and dice < 0.18:
        return f"again {chance.choice(known)}"
    if not declared(site) or len(site.folder.files) >= MOST_DROPS:
        return None
    if dice < 0.24:
        how = chance.choice(FORGERIES if known else FORGERIES[:4])
        id = chance.choice(known) if how == "other-content" else _an_id(site, chance)
        return f"forge {id} {how}"
    words = ["drop", _an_id(site, chance), _some_services(site, chance), chance.choice((*KINDS, "good", "good"))]
    words += ["restart"] if chance.random() < 0.15 else []
    words += ["carried"] if chance.random() < 0.3 else []
    words += [f"within {chance.choice((30, 90))}"] if chance.random() < 0.6 else []
    words += [f"requires {chance.choice([*known, *LETTERS])}"] if chance.random() < 0.2 else []
    return " ".join(words)


def _an_id(site: Site, chance: random.Random) -> str:
    """A new one; a letter alone is one that others can require before it is dropped."""
    letter = chance.choice(LETTERS)
    return letter if letter not in ids(site) and chance.random() < 0.3 else f"{letter}{len(site.folder.files) + 1}"


def _some_services(site: Site, chance: random.Random) -> str:
    dice, names = chance.random(), [s.name for s in declared(site)]
    if dice < 0.1:
        return f"group:{chance.choice(GROUPS)}"
    if dice < 0.3 and site.product is not None:
        return TEMPLATE
    return ",".join(chance.sample(names, min(len(names), chance.choice((1, 1, 2, 3)))))


@move(
    "patch",
    "somebody drops a patch: `drop ID SERVICE[,SERVICE] KIND`, KIND being good, slow, sick or dies (a service may be "
    "a template or group:NAME; more words: restart, carried, `within SECONDS`, `beside COUNT`, `requires ID`); "
    "`again ID`: the same file once more; `forge ID HOW`: one that must be refused; or an operator asks: "
    "`revert ID [with-later]`",
    "wish",
    _a_patch,
)
def patch(site: Site, verb: str, id: str, *words: str) -> bool:
    match verb:
        case "drop":
            return _dropped(site, id, words)
        case "again":
            return _again(site, id)
        case "forge" if len(words) == 1 and words[0] in FORGERIES:
            return _forged(site, id, words[0])
        case "revert" if words in ((), ("with-later",)):
            return revert(site, id, bool(words))
        case _:
            raise ValueError(f"patch what? {' '.join((verb, id, *words))!r}")


def _dropped(site: Site, id: str, words: Sequence[str]) -> bool:
    if len(words) < 2 or words[1] not in KINDS:
        raise ValueError(f"a patch is `drop ID SERVICES KIND ...`, and not {' '.join(words)!r}")
    names, tag = words[0].split(","), f"{KINDS[words[1]]}{len(site.folder.files) + 11}"
    made = Manifest(
        id=id,
        tag=tag,
        services=tuple(Change(service=name) for name in names if not name.startswith("group:")),
        groups=tuple(g for g in GROUPS if f"group:{g}" in names),
    )
    more = iter(words[2:])
    carried = False
    for word in more:
        carried |= word == "carried"
        made = _with(made, word, more)
    references = sorted({retagged(s.container.image, tag) for s in concerned(site, made)}) if made.tag else []
    if carried and references:
        made = replace(made, images=(_archive(references),))
    else:
        site.world.registry.update(references)
    site.folder.put(made, _digest(repr(made)))
    site.counts[f"patches dropped {words[1]}"] += 1
    return True


def _with(made: Manifest, word: str, more: Iterator[str]) -> Manifest:
    match word:
        case "restart":
            return replace(made, restart_only=True, tag="")
        case "carried":
            return made
        case "within":
            return replace(made, deadline_seconds=float(next(more)))
        case "beside":
            return replace(made, parallelism=int(next(more)))
        case "requires":
            return replace(made, requires=(*made.requires, next(more)))
        case _:
            raise ValueError(f"no such word of a patch: {word!r}")


def _archive(references: Sequence[str]) -> Archive:
    images = tuple(CarriedImage(reference=r, ids=(f"sha256:{_digest(r)}",)) for r in references)
    return Archive(file="images/all.tar", size=1, sha256=_digest("".join(references)), images=images)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _again(site: Site, id: str) -> bool:
    file = site.folder.latest(id)
    if file is None:
        return False
    site.folder.put(file.manifest, file.content, file.wrong)
    return True


def _forged(site: Site, id: str, how: str) -> bool:
    """One that may not be applied, whatever else is so."""
    services, known = declared(site), site.folder.latest(id)
    if not services or (how == "other-content" and known is None):
        return False
    made = Manifest(id=id, tag="ok1", services=(Change(service=services[0].name),))
    match how:
        case "unknown-service":
            made = replace(made, services=(*made.services, Change(service="nobody")))
        case "expired":
            made = replace(made, expires=1.0)
        case "downgrade":
            made = replace(made, tag="0")
        case "newer-zpmd":
            made = replace(made, min_version="9999.1")
        case "other-content":
            made = replace(made, description="not what was dropped before")
        case _:
            pass
    site.folder.put(made, _digest(repr(made) + how), "it is no YAML" if how == "unreadable" else "")
    if how != "downgrade":  # its file may name an image by then that cannot be compared
        site.patch_laws.forged.add(site.folder.files[-1].name)
    site.counts[f"patches forged {how}"] += 1
    return True


# --- taking back ------------------------------------------------------------------------------------------------------


def revert(site: Site, id: str, with_later: bool) -> bool:
    return wishes.ask(site, "", lambda control: control.revert(id, with_later, wishes.ACTOR))


@move(
    "spoil",
    "the archives of patch ID cannot be loaded",
    "fault",
    lambda site, chance: (
        chance.choice(found) if (found := [f.manifest.id for f in site.folder.files if f.copy]) else None
    ),
)
def spoil(site: Site, id: str) -> bool:
    file = site.folder.latest(id)
    if file is None or not file.copy:
        return False
    site.faults.spoilt[file.copy] = "unexpected end of file"
    return True


# --- when all faults have ended ---------------------------------------------------------------------------------------


def mend(site: Site) -> None:
    """Every image that is named anywhere can be had again."""
    rows = site.ledger
    steps = [step for row in rows for step in row.steps]
    site.world.registry.update(image for step in steps for image in (step.was, step.image) if image)
    for file in site.folder.files:
        if (
            file.place == INCOMING
            and file.manifest.tag
            and not file.manifest.images
            and not _is_forged(site, file.name)
        ):
            found = concerned(site, file.manifest)
            site.world.registry.update(retagged(s.container.image, file.manifest.tag) for s in found)


def _is_forged(site: Site, name: str) -> bool:
    return name in site.patch_laws.forged


def help_out(site: Site) -> None:
    """What people do, once in a pass, about patches that zpmd leaves to them: an applied one whose program can never be
    well (nobody watched it, because its service was stopped) is reverted; what is stuck is restarted; and where a patch
    waits for a service that cannot start without one that people do not want, they want that one after all."""
    rows = site.ledger
    if not rows:
        return
    truth = Truth.of(site, rows)
    site.world.registry.update(s.container.image for s in truth.desired.services)
    for service in truth.desired.services:
        if not truth.replicas(service):
            continue
        if programs.hopeless(service.container.image):
            for row in _applied_to(rows, service):
                site.counts["patches helped"] += revert(site, row.id, True)
                return
        if truth.stuck(service.name) and not truth.barred(service):
            site.counts["patches helped"] += wishes.restart(site, service.name)
            return
        if truth.barred(service) and any(row.moving and row.step(service.name) for row in rows):
            site.counts["patches helped"] += 1
            _unbar(site, truth, service)
            return


def _applied_to(rows: Sequence[Patch], service: ServiceData) -> list[Patch]:
    return [
        row
        for row in rows
        if row.stage is Stage.APPLIED
        and not row.asked
        and {service.name, service.template} & {m.service for m in row.moves}
    ]


def _unbar(site: Site, truth: Truth, service: ServiceData) -> None:
    for dependency in service.depends_on:
        needed = truth.desired.service(dependency.service)
        if needed is None or not dependency.required:
            continue
        if needed.name in site.tablet.stopped:
            wishes.start(site, needed.name)
        elif not truth.replicas(needed):
            wishes.scale(site, needed.name, "1")
