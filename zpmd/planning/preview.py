"""What a patch would do, worked out as the planner would, without a row in the ledger and without doing any of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from zpmd.model.memory import Memory, Timing
from zpmd.model.observed import Observed, World
from zpmd.model.patch import Manifest, Move, Patch, Stage
from zpmd.model.policy import Limits
from zpmd.model.preview import Preview, PreviewImage, PreviewStep, Where
from zpmd.model.service import Desired, Order, ServiceData
from zpmd.planning import admission, layer, lineup, ordering, precedence, rollout
from zpmd.planning.scene import Scene
from zpmd.planning.target import Target, target
from zpmd.planning.view import Draft, names, view


def preview(
    manifest: Manifest, desired: Desired, world: World, memory: Memory, now: float, limits: Limits, away: str = ""
) -> Preview:
    """`desired` is layered, as the planner gets it; seconds come from `memory.timings`."""
    seen = view(desired, Observed(world=world), world, memory, now, limits)
    lineups = {name: lineup.of(seen, aim) for name, aim in seen.targets.items()}
    scene = Scene(view=seen, order=ordering.Order(seen, lineups), lineups=lineups, draft=Draft(), away=away)
    patch = Patch(number=0, name="", stage=Stage.LOADED, id=manifest.id, manifest=manifest)
    answer = admission.admit(patch, manifest, scene.site)
    before = [other.id for other in precedence.in_order(precedence.ahead(scene, patch))]
    moves = layer.moves_of(manifest, desired.services)
    steps = _steps(scene, moves, manifest)
    moved = {step.service for step in steps}
    return Preview(
        id=manifest.id,
        refused=answer.refused or answer.done,
        waits=answer.waits or (f"waits for patch {names(before)} to end" if before else ""),
        steps=tuple(steps),
        images=_images(scene, manifest),
        dependants=tuple(sorted(scene.reach(patch, manifest) - moved)),
    )


def _images(scene: Scene, manifest: Manifest) -> tuple[PreviewImage, ...]:
    inside, world = admission.carried(manifest), scene.view.world
    found: dict[str, Where] = {}
    for service, reference in admission.images_under(manifest, scene.view.desired.services):
        here = world.image_ids.get(reference)
        if reference in inside:
            found[reference] = Where.HERE if here in inside[reference].ids else Where.BUNDLE
        elif reference in world.images:
            found[reference] = Where.HERE
        else:
            found[reference] = Where.REGISTRY if admission.obtainable(service) else Where.NOWHERE
    return tuple(PreviewImage(reference=reference, where=found[reference]) for reference in sorted(found))


def _steps(scene: Scene, moves: Sequence[Move], manifest: Manifest) -> list[PreviewStep]:
    """The services of the patch in waves, each followed by those that are replaced with it."""
    steps: list[PreviewStep] = []
    concerned = scene.concerned(moves)
    wave = 0
    for rank in sorted({scene.order.rank(t.name) for t in concerned}):
        alike = [t for t in concerned if scene.order.rank(t.name) == rank]
        while alike:
            wave += 1
            room = manifest.parallelism if wave > 1 else 1
            turn, alike = alike[:room], alike[room:]
            steps += [_step(scene, t, _image(t, moves), wave, "patch") for t in turn]
    moved = {step.service for step in steps}
    followers = [t for t in scene.view.targets.values() if t.name not in moved and moved.intersection(t.follows)]
    for one in followers:
        led_by = [step for step in steps if step.service in one.follows]
        image = one.service.container.image
        steps.append(_step(scene, one, image, led_by[-1].wave, f"it follows {names(step.service for step in led_by)}"))
    return sorted(steps, key=lambda step: step.wave)


def _image(aim: Target, moves: Sequence[Move]) -> str:
    move = layer.by_service(moves)(aim.service)
    image = aim.service.container.image
    return layer.image_under(move, image) if move else image


def _step(scene: Scene, aim: Target, image: str, wave: int, why: str) -> PreviewStep:
    after = _after(aim.service, image)
    service, timing = after.service, scene.view.memory.timings.get(aim.name, Timing())
    wants_first = service.update.order is Order.START_FIRST
    hindrance = rollout.start_first_hindrance(after) if wants_first else ""
    first = wants_first and not hindrance
    seconds, away = _seconds(service, aim.replicas, timing, first)
    return PreviewStep(
        service=service.name,
        group=service.group,
        wave=wave,
        replicas=aim.replicas,
        tenant=service.tenant,
        was=aim.service.container.image,
        image=image,
        why=why,
        order=str(Order.START_FIRST if first else Order.STOP_FIRST),
        hindrance=hindrance,
        seconds=seconds,
        away_seconds=away,
    )


def _after(service: ServiceData, image: str) -> Target:
    """Its target under the patch: whether two replicas may stand side by side is asked of that definition."""
    container = dataclasses.replace(service.container, image=image)
    return target(dataclasses.replace(service, container=container, patched=None), Memory(), 0.0)


def _seconds(service: ServiceData, replicas: int, timing: Timing, first: bool) -> tuple[float | None, float | None]:
    """(until the last replica is ready and watched, for how long none serves). With start-first, and with replicas
    that are replaced one after the other, somebody serves all the time."""
    side_by_side = service.update.parallelism or max(1, replicas)
    rounds = math.ceil(replicas / side_by_side)
    all_at_once = not first and side_by_side >= replicas > 0
    if replicas == 0:
        return 0.0, 0.0
    if timing.ready_seconds is None:
        return None, None if all_at_once else 0.0
    stop = timing.stop_seconds or 0.0
    each = stop + max(timing.ready_seconds, service.update.monitor_seconds)
    total = rounds * each + (rounds - 1) * service.update.delay_seconds
    return total, stop + timing.ready_seconds if all_at_once else 0.0
