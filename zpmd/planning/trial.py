"""A patch on trial: service after service moves, and all of them stay or all of them go back.

Services move in the order in which they start: by group, then by dependency, and of those alike the first goes alone.
One that fails, or makes no progress within the deadline, takes back every service that has moved, and so does a
dependant that was well before. Going back is not judged again: what does not get well stops it, and a person is needed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence, Sized

from zpmd.model.action import JudgeSpec
from zpmd.model.cause import Cause, Code
from zpmd.model.memory import Verdict
from zpmd.model.patch import Manifest, Patch, Stage, Step
from zpmd.model.service import Under
from zpmd.model.spechash import spec_hash
from zpmd.planning import layer, rollout
from zpmd.planning.scene import Scene
from zpmd.planning.target import Target
from zpmd.planning.view import names


def roll(scene: Scene, patch: Patch, manifest: Manifest) -> None:
    """One pass of a patch that is switched or rolling."""
    targets = {target.name: target for target in scene.concerned(patch.moves)}
    failure = next(_failures(scene, patch, manifest, targets), None)
    if failure is not None:
        _fail(scene, patch, *failure)
        return
    steps = tuple(_tended(scene, patch, step, targets.get(step.service)) for step in patch.steps)
    begun = _begun(scene, patch, manifest, list(targets.values()), steps)
    if begun or steps != patch.steps:
        text = f"{names(step.service for step in begun)} moves" if begun else _how_far(steps, targets)
        scene.move(patch, Stage.ROLLING, Code.PATCH_STEP, text, steps=(*steps, *begun))
        return
    if any(step.done_at is None for step in steps) or len({s.service for s in steps} & targets.keys()) < len(targets):
        _wait(scene, patch, steps, list(targets.values()))
        return
    unwell = [name for name in patch.baseline if not scene.well(name)]
    if unwell:
        _await_dependants(scene, patch, manifest, unwell)
        return
    _proven(scene, targets.values(), f"patch {patch.id} was applied as a whole")
    scene.move(patch, Stage.APPLIED, Code.PATCH_APPLIED, f"is applied: {_count(steps)} moved", reason="")


def roll_back(scene: Scene, patch: Patch, manifest: Manifest) -> None:
    """One pass of a patch that goes back, because it failed or because somebody asked."""
    targets = {target.name: target for target in scene.concerned(patch.moves)}
    steps = tuple(_returned(scene, patch, step, targets.get(step.service)) for step in patch.steps)
    if steps != patch.steps:
        back = [s.service for s, before in zip(steps, patch.steps, strict=True) if s.back_at and not before.back_at]
        text = f"{names(back)} runs what it ran before" if back else "goes on going back"
        scene.move(patch, Stage.ROLLING_BACK, Code.PATCH_BACK, text, steps=steps)
        return
    late = [step for step in steps if step.back_at is None]
    in_hand = [step.service for step in late if _as_before(scene, patch, targets.get(step.service))]
    unwell = [step.service for step in late] or [name for name in patch.baseline if not scene.well(name)]
    if not unwell:
        moved = [targets[step.service] for step in steps if step.service in targets]
        _proven(scene, moved, f"it runs again what it ran before patch {patch.id}")
        stage = Stage.REVERTED if patch.asked else Stage.ROLLED_BACK
        scene.move(patch, stage, Code.PATCH_BACK, f"is {'reverted' if patch.asked else 'rolled back'}: {patch.reason}")
        return
    due = _due(scene, manifest, _latest(scene, patch, late))
    if scene.now >= due and not in_hand:
        text = f"{names(unwell)} did not get well after going back ({patch.reason}); what runs is kept"
        scene.move(patch, Stage.ROLLBACK_FAILED, Code.PATCH_STUCK, text, reason=text)
        return
    scene.wait(patch, f"goes back: {patch.reason}; not well yet: {names(unwell)}", until=due, on=unwell)


def begun_anew(patch: Patch, now: float) -> Patch:
    """The same row with every deadline counting from now: zpmd or the engine was away, or the clock was set."""
    steps = tuple(s if s.clock is None else dataclasses.replace(s, clock=now) for s in patch.steps)
    times = patch.times
    if patch.stage is Stage.VERIFIED:  # the first time stays, and of what counts anew the last
        again = [stage for stage, _ in times].count(Stage.VERIFIED) > 1
        times = (*(times[:-1] if again else times), (Stage.VERIFIED, now))
    return dataclasses.replace(patch, steps=steps, times=times) if patch.moving or times != patch.times else patch


# --- how it fails -----------------------------------------------------------------------------------------------------


def _failures(scene: Scene, patch: Patch, manifest: Manifest, targets: dict[str, Target]) -> Iterator[tuple[str, str]]:
    """(service, why) of whatever takes the patch back."""
    for step in patch.steps:
        target = targets.get(step.service)
        if target is None or not _on_trial(patch, target) or target.hold or target.leaving or scene.order.shut(target):
            continue
        lineups = scene.lineups[target.name]
        found = rollout.failures(scene.view, scene.order, target, lineups, scene.draft)
        if found and len(found) / len(lineups) > target.update.max_failure_ratio:
            yield target.name, found[0]
        elif step.done_at is None and step.clock is not None:
            due = _due(scene, manifest, max(_progress(scene, target, step.clock), scene.order.up_since(target)))
            if scene.now >= due:
                yield target.name, f"it made no progress within {_deadline(scene, manifest):.0f} s"
            scene.draft.wake(due)


def _fail(scene: Scene, patch: Patch, culprit: str, why: str) -> None:
    reason = f"{culprit}: {why}"
    steps = tuple(dataclasses.replace(step, clock=scene.now) for step in patch.steps)
    text = f"goes back as a whole, because of {reason}"
    scene.draft.changing.update(step.service for step in patch.steps)
    scene.move(patch, Stage.ROLLING_BACK, Code.PATCH_FAILED, text, reason=reason, culprit=culprit, steps=steps)


def _await_dependants(scene: Scene, patch: Patch, manifest: Manifest, unwell: Sequence[str]) -> None:
    """Everything has moved, and what was well before has to be well again, too."""
    due = _due(scene, manifest, max((max(s.done_at or 0.0, s.clock or 0.0) for s in patch.steps), default=0.0))
    if scene.now >= due:
        why = f"it was well before the patch, and is not since {names(step.service for step in patch.steps)} moved"
        _fail(scene, patch, unwell[0], why)
    else:
        scene.wait(patch, f"waits for {names(unwell)} to be well again, as before the patch", until=due, on=unwell)


def _deadline(scene: Scene, manifest: Manifest) -> float:
    return manifest.deadline_seconds or scene.view.limits.patch_deadline_seconds


def _due(scene: Scene, manifest: Manifest, since: float) -> float:
    """Where the clock was set back, nobody waits for it to catch up."""
    return min(since, scene.now) + _deadline(scene, manifest)


def _progress(scene: Scene, target: Target, since: float) -> float:
    """When the last of its new replicas that are ready was started, or `since`."""
    started = [r.started_at or 0.0 for slot in scene.lineups[target.name] if slot.ready for r in slot.current]
    return max([since, *(at for at in started if at <= scene.now)])


def _latest(scene: Scene, patch: Patch, late: Sequence[Step]) -> float:
    """Since when the slowest of those that go back has made no progress; of the dependants, since the last was back."""
    clocks = [_progress_back(scene, step) for step in late]
    return min(clocks) if clocks else max((max(s.back_at or 0.0, s.clock or 0.0) for s in patch.steps), default=0.0)


def _progress_back(scene: Scene, step: Step) -> float:
    target, clock = scene.view.targets.get(step.service), step.clock if step.clock is not None else scene.now
    return _progress(scene, target, clock) if target else clock


# --- how it goes on ---------------------------------------------------------------------------------------------------


def _on_trial(patch: Patch, target: Target) -> bool:
    patched = target.service.patched
    return patched is not None and patched.number == patch.number and patched.under is Under.TRIAL


def _tended(scene: Scene, patch: Patch, step: Step, target: Target | None) -> Step:
    """The step as this pass finds it: done, held, or on its way. One that was done is on its way once more where its
    service was not to run then, and is now."""
    if target is None or target.leaving:  # gone, overtaken by its file, or stopped: it will start as it is
        return step if step.done_at is not None else dataclasses.replace(step, done_at=scene.now)
    if target.hold:
        return step if step.done_at is not None else dataclasses.replace(step, clock=None)
    on_trial = _on_trial(patch, target)
    if on_trial and rollout.done(scene.view, target, scene.lineups[target.name], scene.draft):
        return step if step.done_at is not None else dataclasses.replace(step, done_at=scene.now)
    if step.done_at is not None:
        return dataclasses.replace(step, done_at=None, clock=scene.now) if on_trial else step
    return dataclasses.replace(step, clock=scene.now) if step.clock is None else step


def _returned(scene: Scene, patch: Patch, step: Step, target: Target | None) -> Step:
    if step.back_at is not None:
        return step
    if target is None or target.leaving:
        return dataclasses.replace(step, back_at=scene.now)
    if target.hold:
        return dataclasses.replace(step, clock=None)
    if _as_before(scene, patch, target) and not scene.busy(target.name, target.replicas):
        return dataclasses.replace(step, back_at=scene.now)
    return dataclasses.replace(step, clock=scene.now) if step.clock is None else step


def _as_before(scene: Scene, patch: Patch, target: Target | None) -> bool:
    """It runs what it is to run without the patch, and is well if it was; something may still be under way."""
    if target is None:
        return False
    well = scene.well(target.name) or target.name not in patch.baseline
    return well and not any(slot.old for slot in scene.lineups[target.name])


def _begun(
    scene: Scene, patch: Patch, manifest: Manifest, targets: Sequence[Target], steps: Sequence[Step]
) -> list[Step]:
    """The services whose turn has come: of the lowest rank that is not done, as many as may move at a time."""
    known = {step.service: step for step in steps}
    todo = [target for target in targets if target.name not in known]
    under_way = [step for step in steps if step.done_at is None]
    open_ranks = [scene.order.rank(t.name) for t in targets if t.name not in known or known[t.name].done_at is None]
    lowest = min(open_ranks, default=None)
    most = manifest.parallelism if any(step.done_at is not None for step in steps) else 1
    room = max(0, most - len(under_way))
    turn = [t for t in todo if scene.order.rank(t.name) == lowest and not t.hold]
    return [_step(scene, patch, target) for target in turn[:room]]


def _step(scene: Scene, patch: Patch, target: Target) -> Step:
    """Replicas of this step carry a generation above all that there are: the trial is a new one, whatever is
    remembered of an earlier one, and a restart is a change where nothing else is."""
    name, intent = target.name, scene.view.memory.intent
    patched = target.service.patched
    labels = [replica.generation for replica in scene.view.replicas(name)]
    generation = max([intent.generations.get(name, 0), patched.generation if patched else 0, *labels]) + 1
    was, move = target.service.container.image, layer.by_service(patch.moves)(target.service)
    image = layer.image_under(move, was) if move else was
    return Step(service=name, at=scene.now, generation=generation, was=was, image=image, clock=scene.now)


def _proven(scene: Scene, targets: Iterable[Target], why: str) -> None:
    """What has proved itself under the patch is the stable definition from here on; but not where a failed rollout had
    gone back to it: its file asks for something else, and the verdict on that has to stay."""
    declared = {service.name: service for service in scene.view.desired.services}
    for target in targets:
        lineups = scene.lineups[target.name]
        if not lineups or target.leaving or target.verdict is Verdict.STABLE:
            continue
        if target.spec != spec_hash(declared[target.name].container):
            continue
        if rollout.done(scene.view, target, lineups, scene.draft):
            scene.draft.act(
                JudgeSpec(
                    service=target.service,
                    spec=target.spec,
                    verdict=Verdict.STABLE,
                    generation=target.generation,
                    cause=Cause(Code.ROLLOUT_OK, why),
                )
            )


def _wait(scene: Scene, patch: Patch, steps: Sequence[Step], targets: Sequence[Target]) -> None:
    finished = {step.service for step in steps if step.done_at is not None}
    held = [target.name for target in targets if target.hold and target.name not in finished]
    moving = [step.service for step in steps if step.service not in finished and step.service not in held]
    done = _how_far(steps, targets)
    if moving:
        scene.wait(patch, f"{done}; {names(moving)} on the way", on=moving)
    else:
        text = f"{done}; waits for {names(held)}, held by an operator: `zpmctl release {held[0]}`"
        scene.wait(patch, text, on=held)


def _how_far(steps: Sequence[Step], targets: Sized) -> str:
    return f"{sum(step.done_at is not None for step in steps)} of {_count(targets)} moved"


def _count(services: Sized) -> str:
    return f"{len(services)} service{'' if len(services) == 1 else 's'}"
