"""Which followers there are: one for each deployment that rows are in, where its user may follow all databases at once.

The core's user usually may, and then the core's follower covers every tenant whose database is on the same servers,
whatever that tenant's own credentials: an event says nothing but which database to read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from zpmd.ports import Clock
from zpmd.sources.mongo.client import Deployment
from zpmd.sources.mongo.session import Clients, SessionStruct
from zpmd.sources.mongo.streams import Follower, Heard, Scope


class Watchers:
    """Changed by the registry's thread alone; `told` and `alive` may be asked from any."""

    def __init__(self, clients: Clients, tell: Callable[[Heard], None], poll_seconds: float, clock: Clock) -> None:
        self._clients = clients
        self._tell = tell
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._narrow: set[Deployment] = set()
        """Where not all databases may be followed at once."""
        self._followers: dict[Scope, Follower] = {}

    def scope(self, core: SessionStruct, session: SessionStruct) -> Scope:
        """What covers a session."""
        where = session.deployment
        if core.deployment not in self._narrow and self._on(where, core.deployment):
            return Scope(core.deployment)
        return Scope(where, session.database if where in self._narrow else "")

    def narrow(self, where: Deployment) -> None:
        self._narrow.add(where)

    def follow(self, core: SessionStruct, sessions: Iterable[SessionStruct]) -> None:
        """Have exactly the followers that these need."""
        wanted = {self.scope(core, session) for session in (core, *sessions)}
        kept = {scope: follower for scope, follower in self._followers.items() if scope in wanted}
        ended = [follower for scope, follower in self._followers.items() if scope not in wanted]
        for scope in wanted - kept.keys():
            kept[scope] = self._follower(scope, streaming=scope.deployment == core.deployment)
        self._followers = kept
        for follower in ended:
            follower.end()

    def told(self, core: SessionStruct | None) -> str:
        """How changes are noticed, in words."""
        followers = self._followers
        first = followers.get(self.scope(core, core)) if core else None
        if first is None:
            return "nothing yet"
        others = sum(1 for f in followers.values() if f.polls_because != first.polls_because)
        said = self._said(first)
        return f"{said}; {others} of {len(followers)} places otherwise" if others else said

    def alive(self, core: SessionStruct | None) -> bool:
        """Whether a change in the core database would be noticed."""
        first = self._followers.get(self.scope(core, core)) if core else None
        return first is not None and first.alive()

    def close(self) -> None:
        for follower in self._followers.values():
            follower.end()

    def _said(self, follower: Follower) -> str:
        if follower.polls_because:
            return f"polling every {self._poll_seconds:g} s: {follower.polls_because}"
        return "change stream"

    def _on(self, where: Deployment, core: Deployment) -> bool:
        """Whether this is the same place as the core's: by its own words, or by what its replica set says it is."""
        client = self._clients.known(core)
        members = {f"{host}:{port}" for host, port in client.nodes} if client else set()
        return set(where.hosts) <= {*core.hosts, *members}

    def _follower(self, scope: Scope, streaming: bool) -> Follower:
        follower = Follower(
            scope, lambda: self._clients.of(scope.deployment, streaming), self._tell, self._poll_seconds, self._clock
        )
        follower.start()
        return follower
