"""Whether a replica is still what its service asks for, and if not, why. A drifted one is replaced, never mutated."""

from __future__ import annotations

import dataclasses

from zpmd.model.cause import Cause, Code
from zpmd.model.observed import Replica
from zpmd.model.service import Patched, Under
from zpmd.model.spechash import same_meaning
from zpmd.model.watch import labelled
from zpmd.planning.target import Target
from zpmd.planning.view import View, names


def cause(view: View, target: Target, replica: Replica) -> Cause | None:
    """Why this replica has to be replaced, or None: its own spec or generation, or a dependency that was replaced."""
    return own_cause(target, replica) or (_inherited(view, target, replica) if target.follows else None)


def own_cause(target: Target, replica: Replica) -> Cause | None:
    if replica.spec != target.spec and not same_meaning(target.service.container, replica.spec):
        return _changed(target, replica)
    if replica.generation < target.generation:
        patched = target.service.patched
        if patched is not None and patched.generation == target.generation:
            return Cause(Code.PATCH, f"patch {patched.patch} asks for a restart", _of(patched))
        return Cause(Code.RESTART_ASKED, "an operator asked for a restart")
    return None


def _changed(target: Target, replica: Replica) -> Cause:
    patched = target.service.patched
    if patched is not None and patched.under in (Under.BACK, Under.STUCK):
        text = f"goes back to what it ran before patch {patched.patch}: {patched.reason}"
        return Cause(Code.ROLLBACK, text, _of(patched))
    if target.reverting:
        reason = target.revision.reason if target.revision else ""
        return Cause(Code.ROLLBACK, f"goes back to the last stable definition: {reason}")
    if files := _changed_files(target, replica):
        return Cause(Code.FILE_CHANGED, f"what it watches has changed: {names(files)}")
    if patched is not None and replica.generation < patched.generation:
        return Cause(Code.PATCH, f"patch {patched.patch} changes it ({_change(target, replica)})", _of(patched))
    return Cause(Code.DRIFT, f"its definition changed ({_change(target, replica)})")


def _inherited(view: View, target: Target, replica: Replica) -> Cause | None:
    """`depends_on.restart` and what is shared with another service.

    It is replaced when the first replica of the dependency was replaced after this one was made: on purpose (its
    attempt label is 0), or in any way where the two share something. A namespace is gone even when its owner was only
    started again in place. While two replicas stand in the dependency's first slot nothing is decided: its rollout may
    still go back. Nor is it of an instant that lies ahead: the clock was set back, and whatever is made now would be
    older than that, again and again until the clock has caught up.
    """
    for name in target.follows:
        live = [r for r in view.slots(name).get(1, ()) if r.live]
        if len(live) != 1 or not live[0].running:
            continue
        first = live[0]
        replaced = replica.created_at < first.created_at <= view.now
        if replaced and (name in target.shared or first.attempt == 0):
            return Cause(Code.RESTART_ASKED, f"{name}, which it follows, was replaced")
        restarted = replica.running and (replica.started_at or 0.0) < (first.started_at or 0.0) <= view.now
        if restarted and name in target.namespaces:
            return Cause(Code.RESTART_ASKED, f"{name}, in whose namespace it lives, was started again")
    return None


def _of(patched: Patched) -> tuple[str, ...]:
    """Whoever follows the cause is led to the patch."""
    return (f"patch:{patched.patch}",)


def _change(target: Target, replica: Replica) -> str:
    if replica.image and replica.image != target.service.container.image:
        return f"image {replica.image} -> {target.service.container.image}"
    return f"spec {replica.spec or 'unreadable'} -> {target.spec}"


def _changed_files(target: Target, replica: Replica) -> tuple[str, ...]:
    """The watched paths in which a replica differs from its service, where it differs in nothing else."""
    watched, container = target.service.watched, target.service.container
    if watched is None or not watched.before:
        return ()
    labels = labelled(container.labels, watched.before)
    return watched.changed if same_meaning(dataclasses.replace(container, labels=labels), replica.spec) else ()
