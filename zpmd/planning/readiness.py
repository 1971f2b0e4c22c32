"""What counts as ready, completed, failed and settled. Small facts about one replica, used by every policy."""

from __future__ import annotations

from zpmd.model.memory import Memory
from zpmd.model.observed import Health, Phase, Replica
from zpmd.model.service import ServiceData


def hooks_pending(service: ServiceData, replica: Replica, memory: Memory) -> bool:
    """Its post_start has not succeeded in this run of the container."""
    return bool(service.container.post_start) and (replica.id, replica.started_at or 0.0) not in memory.hooked


def ready(service: ServiceData, replica: Replica, memory: Memory) -> bool:
    """It runs, is healthy where it has a health check, and its post_start has been done."""
    return (
        replica.running
        and replica.health in (Health.HEALTHY, Health.NONE)
        and not hooks_pending(service, replica, memory)
    )


def completed(service: ServiceData, replica: Replica) -> bool:
    """A one-shot that came to its good end."""
    return service.one_shot and replica.phase is Phase.EXITED and replica.exit_code == 0


def failed(service: ServiceData, replica: Replica) -> bool:
    """It ended when it should not have, or is unhealthy: the two are treated alike."""
    if replica.running:
        return replica.health is Health.UNHEALTHY
    return replica.ended and not completed(service, replica)


def settled(service: ServiceData, replica: Replica, memory: Memory, monitor_seconds: float, now: float) -> bool:
    """Ready and past its monitor period: a rollout may go on to the next slot and let the old replica go."""
    if completed(service, replica):
        return True
    return ready(service, replica, memory) and now >= settles_at(replica, monitor_seconds, now)


def settles_at(replica: Replica, monitor_seconds: float, now: float) -> float:
    """When it has been watched for long enough; 0 where its start lies ahead: the clock was set back, nothing is known
    of its age, and nobody waits for the clock to catch up."""
    began = replica.started_at or replica.created_at
    return began + monitor_seconds if began <= now else 0.0


def ending(replica: Replica) -> str:
    """How a replica failed, in words: "exited with 137", "was killed for lack of memory", "is unhealthy"."""
    if replica.running:
        return "is unhealthy"
    if replica.phase is Phase.DEAD:
        return "is dead to the engine and cannot be started again"
    if replica.oom_killed:
        return "was killed for lack of memory"
    if replica.error:
        return f"could not start: {replica.error}"
    if replica.phase is Phase.CREATED:
        return "was made and did not start"
    return f"exited with {replica.exit_code}" if replica.exit_code is not None else "ended"
