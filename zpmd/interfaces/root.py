"""Where waiting ends: from a service over what it waits for to the one that holds all of them up. Pure.

A service is followed while what it waits for is another service: a dependency, or a group before its own. Of several,
the one that is worst off is taken. A ring ends where it closes.
"""

from __future__ import annotations

from collections.abc import Mapping

from zpmd.interfaces.views import ReplicaView, ServiceView
from zpmd.interfaces.words import exit_brief
from zpmd.model.cause import Code
from zpmd.model.plan import State

FOLLOWED = frozenset({Code.DEPENDENCY, Code.GROUP})
SPOKEN = {
    State.CRASH_LOOP: "in a crash loop",
    State.BACKOFF: "in backoff",
    State.ROLLED_BACK: "rolled back",
    State.UPDATING: "being updated",
    State.WAITING: "waiting",
}
OWN_TROUBLE = frozenset({State.CRASH_LOOP, State.BACKOFF, State.BLOCKED, State.FAILED, State.HELD, State.STOPPED})
"""States whose reason lies with the service itself, whatever else it waits for."""
WORST_FIRST = (
    *(State.FAILED, State.CRASH_LOOP, State.BLOCKED, State.UNHEALTHY, State.PAUSED, State.STOPPED, State.HELD),
    *(State.BACKOFF, State.UNKNOWN, State.WAITING, State.STARTING),
)


class Roots:
    """Who waits for whom in one status."""

    def __init__(self, services: Mapping[str, ServiceView]) -> None:
        self._services = services
        self._worst: dict[int, str] = {}
        """By what is waited for: a shut group keeps hundreds waiting with one and the same list."""
        self._ends: dict[str, str] = {}
        self._phrases: dict[str, str] = {}
        self._next = {name: self._awaited(service) for name, service in services.items()}

    def path(self, name: str) -> tuple[str, ...]:
        """The service, what it waits for, and so on; the last is the root. A ring has its first member again at its
        end."""
        path = [name]
        while following := self._next.get(path[-1], ""):
            path.append(following)
            if following in path[:-1]:
                break
        return tuple(path)

    def following(self, name: str) -> str:
        """The next on the path; "" for a root."""
        return self._next.get(name, "")

    def end(self, name: str) -> str:
        """The last of the path, found once for all that are on the way to it."""
        on_the_way: dict[str, None] = {}
        while name not in self._ends and (following := self._next.get(name, "")):
            if name in on_the_way:
                break
            on_the_way[name] = None
            name = following
        end = self._ends.get(name, name)
        self._ends.update(dict.fromkeys(on_the_way, end))
        return end

    def awaiting(self, name: str) -> tuple[str, ...]:
        """The services whose waiting ends here."""
        return tuple(other for other in self._next if other != name and self._next[other] and self.end(other) == name)

    def phrase(self, name: str) -> str:
        """How the root stands, for a sentence: "zookeeper is in a crash loop, exit 137 (out of memory)"."""
        if name not in self._phrases:
            self._phrases[name] = f"{name} {standing(self._services.get(name))}"
        return self._phrases[name]

    def _awaited(self, service: ServiceView) -> str:
        """The one other service that it waits for; "" where it waits for none."""
        if service.state in OWN_TROUBLE or service.in_flight:
            return ""
        for waiting in service.waiting:
            if waiting.code in FOLLOWED:
                key = id(waiting.on)
                if key not in self._worst:
                    self._worst[key] = min(waiting.on, key=self._rank, default="")
                return self._worst[key] if self._worst[key] != service.name else ""
        return ""

    def _rank(self, name: str) -> int:
        service = self._services.get(name)
        if service is None:
            return -1
        return WORST_FIRST.index(State(service.state)) if service.state in WORST_FIRST else len(WORST_FIRST)


def spoken(state: str) -> str:
    return SPOKEN.get(State(state), state)


def standing(service: ServiceView | None) -> str:
    """How a service stands, after its name."""
    if service is None:
        return "is not declared"
    for action in service.in_flight:
        progress = f" ({action.progress})" if action.progress else ""
        return f"is in hand: {action.verb} is under way{progress}"
    state = State(service.state)
    if state is State.HELD and service.hold is not None:
        return f"is held by {service.hold.owner}" + (f": {service.hold.reason}" if service.hold.reason else "")
    told = f"is {spoken(state)}"
    troubled = state in (State.CRASH_LOOP, State.BACKOFF, State.FAILED, State.UNHEALTHY)
    if troubled and service.job is None and (how := _ended(service)):
        return f"{told}, {how}"
    reason = service.reason or next((w.text for w in service.waiting), "")
    return told + (f": {reason}" if reason else "")


def _ended(service: ServiceView) -> str:
    """How its last replica that ended did; "" where none is there to tell."""
    ended = [r for r in service.replicas if r.exit_code is not None]
    last = max(ended, key=lambda r: r.finished_at or 0.0, default=None)
    if last is None:
        return _first(service.replicas)
    return last.error or exit_brief(last.exit_code or 0, last.oom_killed)


def _first(replicas: tuple[ReplicaView, ...]) -> str:
    return next((r.error for r in replicas if r.error), "")
