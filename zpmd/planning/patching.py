"""How every patch that is on its way goes on, one stage or one step at a time. The parent of all decisions on patches.

Each decision is a whole new row of the ledger, drafted as an action: it is stored before anything is done under it, and
counts from the next pass on. So a daemon that is killed anywhere goes on from the row.
"""

from __future__ import annotations

import dataclasses

from zpmd.model.action import LoadImages, PullImage
from zpmd.model.cause import Cause, Code
from zpmd.model.patch import Manifest, Patch, Stage, Step
from zpmd.model.service import ServiceData
from zpmd.planning import admission, backoff, layer, precedence, trial
from zpmd.planning.scene import Scene
from zpmd.planning.view import names


def progress(scene: Scene) -> None:
    """Draft the next step of every patch that has one, and say what the others wait for."""
    for patch in precedence.in_order(scene.patches):
        manifest = patch.manifest
        if manifest is None:
            continue
        match patch.stage:
            case Stage.COPIED:
                _admit(scene, patch, manifest)
            case Stage.VERIFIED:
                _fetch(scene, patch, manifest)
            case Stage.LOADED:
                _switch(scene, patch, manifest)
            case Stage.SWITCHED | Stage.ROLLING:
                trial.roll(scene, patch, manifest)
            case Stage.ROLLING_BACK:
                trial.roll_back(scene, patch, manifest)
            case Stage.APPLIED if patch.asked:
                _revert(scene, patch, manifest)
            case _:
                pass


def _admit(scene: Scene, patch: Patch, manifest: Manifest) -> None:
    answer = admission.admit(patch, manifest, scene.site)
    if answer.refused:
        scene.refuse(patch, answer.refused)
    elif answer.done:
        scene.move(patch, Stage.APPLIED, Code.PATCH_APPLIED, f"has nothing to do: {answer.done}", reason=answer.done)
    elif answer.waits:
        scene.wait(patch, answer.waits, answer.until)
    else:
        scene.move(patch, Stage.VERIFIED, Code.PATCH_VERIFIED, "fits this site")


def _fetch(scene: Scene, patch: Patch, manifest: Manifest) -> None:
    """Have its images on the engine, before anything moves."""
    began = patch.since(Stage.VERIFIED) or scene.now
    limit = scene.view.limits.patch_prepare_seconds
    missing: list[LoadImages | PullImage] = [*_archives(scene, patch, manifest), *_pulls(scene, manifest)]
    if not missing:
        scene.move(patch, Stage.LOADED, Code.PATCH_LOADED, "has every image on the engine")
        return
    for action in missing:
        retry = scene.view.memory.retries.get(action.subject)
        if retry and retry.lasting:
            scene.refuse(patch, retry.error)
            return
        if scene.now >= began + limit:
            last = f": {retry.error}" if retry else ""
            scene.refuse(patch, f"its images did not come within {limit:.0f} s{last}")
            return
    scene.draft.wake(began + limit)
    for action in missing:
        _ask(scene, patch, action)


def _ask(scene: Scene, patch: Patch, action: LoadImages | PullImage) -> None:
    what = action.member if isinstance(action, LoadImages) else f"image {action.image}"
    flight, retry = scene.view.busy.get(action.subject), scene.view.memory.retries.get(action.subject)
    due = backoff.retry_due(scene.view, action.subject)
    if flight:
        said = f" ({flight.progress})" if flight.progress else ""
        scene.wait(patch, f"waits for {what}, which is on its way{said}")
    elif retry and due > scene.now:
        scene.wait(patch, f"waits for {what}: {retry.error}", until=due)
    else:
        scene.draft.act(action)
        scene.wait(patch, f"waits for {what}")


def _archives(scene: Scene, patch: Patch, manifest: Manifest) -> list[LoadImages]:
    """The archives of which an image is not on the engine as the bundle has it."""
    here = scene.view.world.image_ids
    cause = Cause(Code.NEEDED, f"patch {patch.id} carries it")
    return [
        LoadImages(bundle=patch.copy, member=archive.file, images=archive.images, cause=cause)
        for archive in manifest.images
        if any(here.get(image.reference) not in image.ids for image in archive.images)
    ]


def _pulls(scene: Scene, manifest: Manifest) -> list[PullImage]:
    inside, here = admission.carried(manifest), scene.view.world.images
    wanted: dict[str, ServiceData] = {}
    for service, reference in admission.images_under(manifest, scene.view.desired.services):
        if reference not in inside and reference not in here:
            wanted.setdefault(reference, service)
    return [
        PullImage(
            image=reference,
            platform=service.container.platform,
            cause=Cause(Code.NEEDED, f"a patch brings {service.name} to it"),
        )
        for reference, service in sorted(wanted.items(), key=lambda one: one[0])
    ]


def _switch(scene: Scene, patch: Patch, manifest: Manifest) -> None:
    """Write down what it changes, once nothing that concerns the same services is before it."""
    before = precedence.in_order(precedence.ahead(scene, patch))
    if before:
        on = [f"patch:{other.id}" for other in before]
        scene.wait(patch, f"waits for patch {names(other.id for other in before)} to end", on=on)
        return
    unread, until = precedence.unread(scene.patches, patch, scene.now)
    if unread:
        scene.wait(patch, f"waits until {names(other.name for other in unread)}, which came with it, is read", until)
        return
    answer = admission.admit(patch, manifest, scene.site)
    if answer.refused or answer.done:
        scene.refuse(patch, answer.refused or answer.done)
    elif answer.waits:
        scene.wait(patch, answer.waits, answer.until)
    else:
        moves = layer.moves_of(manifest, scene.view.desired.services)
        baseline = scene.serving(scene.reach(patch, manifest))
        text = f"begins: {names(target.name for target in scene.concerned(moves)) or 'nothing of it runs here'}"
        turn = max(other.turn for other in scene.patches) + 1
        switched = {"turn": turn, "moves": moves, "baseline": baseline, "reason": ""}
        scene.move(patch, Stage.SWITCHED, Code.PATCH_SWITCHED, text, **switched)


def _revert(scene: Scene, patch: Patch, manifest: Manifest) -> None:
    """Begin to take it back, after everything that was put on top of it has gone."""
    on_top = [other for other in precedence.ahead(scene, patch) if other.moving or other.turn > patch.turn]
    if on_top:
        on = [f"patch:{other.id}" for other in on_top]
        scene.wait(patch, f"goes back after patch {names(other.id for other in on_top)}", on=on)
        return
    known = {step.service: step for step in patch.steps}
    steps = []
    for target in scene.concerned(patch.moves):
        step = known.pop(target.name, None)
        if step is None:  # it was stamped from a template after the patch had been applied
            step = Step(service=target.name, at=scene.now, generation=0, image=target.service.container.image)
        steps.append(dataclasses.replace(step, clock=scene.now, back_at=None))
    why = f"{patch.asked} asked for it"
    scene.move(
        patch,
        Stage.ROLLING_BACK,
        Code.PATCH_REVERTING,
        f"goes back: {why}",
        reason=why,
        steps=(*steps, *known.values()),
        baseline=tuple(sorted({*patch.baseline, *scene.serving(scene.reach(patch, manifest))})),
    )
