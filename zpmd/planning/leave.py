"""The way out of a replica: stop what lives, remove what does not."""

from __future__ import annotations

from zpmd.model.action import RemoveReplica, StopReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.observed import Phase, Replica
from zpmd.planning.target import Target
from zpmd.planning.view import Draft


def retire(target: Target | None, replica: Replica, cause: Cause, draft: Draft, evidence: bool = False) -> None:
    """The next step towards its removal. `evidence`: it had failed. `target` is None for what is not declared."""
    if replica.phase is Phase.REMOVING:
        draft.wait(replica.place, Cause(Code.IN_FLIGHT, "the engine is removing it"))
    elif replica.live:
        draft.act(stop(target, replica, cause, evidence))
    else:
        draft.act(RemoveReplica(replica=replica, cause=cause, evidence=evidence))


def halt(target: Target, replica: Replica, cause: Cause, draft: Draft) -> None:
    """Stop a replica and keep its container."""
    if replica.live:
        draft.act(stop(target, replica, cause))


def stop(target: Target | None, replica: Replica, cause: Cause, evidence: bool = False) -> StopReplica:
    return StopReplica(
        replica=replica,
        cause=cause,
        grace_seconds=target.service.stop_grace_seconds if target else None,
        pre_stop=target.service.container.pre_stop if target else (),
        evidence=evidence,
    )
