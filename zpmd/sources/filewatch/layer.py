"""A source whose services carry what they watch: what the files of `develop.watch` hold, as far as that is in effect.

The source below says which paths a service watches and knows nothing of what they hold; here the label of the content
that counts is put on its container. How every watch stands is part of the service, so it is kept with the last good
copy of what the source said, and goes on in the next life of zpmd: what changed in between is a change like any other.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace

from zpmd.model.service import Desired, ServiceData
from zpmd.model.tenant import Away
from zpmd.model.watch import Watched, WatchRule, labelled
from zpmd.planning import filewatch
from zpmd.planning.filewatch import Seen
from zpmd.ports import Clock, Source, Store, Wake
from zpmd.sources.filewatch.looking import Looking


class FileWatch:
    """Implements `Source` on another one. The thread that looks at the files is `Looking`'s own."""

    def __init__(self, below: Source, looking: Looking, store: Store, clock: Clock) -> None:
        self.name = below.name
        self._below, self._looking, self._store, self._clock = below, looking, store, clock
        good = store.last_good(below.name)
        self._last: dict[str, ServiceData] = {s.name: s for s in good.services if s.watched} if good else {}
        self._differs: dict[str, float] = {}
        """Since when (monotonic) a service's paths have held something else than what is in effect."""
        self._made_of: dict[str, ServiceData] = {}
        self._answer: tuple[Desired, Desired] | None = None

    def load(self) -> Desired:
        """As the source below. The same object while that gives the same one and no watch has moved."""
        below = self._below.load()
        watching = [service for service in below.services if service.watch]
        self._looking.want(self.name, (rule for service in watching for rule in service.watch))
        generations, now = self._store.memory().intent.generations, self._clock.monotonic()
        again: list[float] = []
        at_rest: set[WatchRule] = set()
        made: dict[str, ServiceData] = {}
        for service in watching:
            seen = self._seen(service, now)
            verdict = filewatch.judged(
                self._known(service), seen, service.watch_pace, generations.get(service.name, 0), self._clock.now()
            )
            if verdict.watched.digest == seen.digest:
                self._differs.pop(service.name, None)
            if verdict.again_seconds is not None:
                again.append(now + verdict.again_seconds)
            else:
                at_rest.update(service.watch)
            made[service.name] = self._with(service, verdict.watched)
        waited_for = {rule for service in watching for rule in service.watch} - at_rest
        self._looking.wake_at(self.name, min(again, default=None), waited_for)
        self._differs = {name: since for name, since in self._differs.items() if name in made}
        self._made_of = {service.name: service for service in watching}
        return self._sum(below, made)

    def away(self) -> Away | None:
        return self._below.away()

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        self._below.watch(wake, stop)

    def watching(self) -> bool:
        return self._below.watching()

    # --- one service --------------------------------------------------------------------------------------------------

    def _known(self, service: ServiceData) -> Watched | None:
        """How its watch stood; None where it watched something else, which is no change of a file."""
        last = self._last.get(service.name)
        return last.watched if last is not None and last.watch == service.watch else None

    def _seen(self, service: ServiceData, now: float) -> Seen:
        known = self._known(service)
        parts = dict(zip(service.watch, known.digest.split(":"), strict=False)) if known else {}
        contents = {rule: self._looking.content(rule) for rule in service.watch}
        if known is None:
            contents = {rule: self._looking.look_at(rule) for rule in service.watch}
        found = {rule: one.digest if one and one.digest else parts.get(rule, "") for rule, one in contents.items()}
        digest = _joined(found)
        if known and digest != known.digest:
            self._differs.setdefault(service.name, now)
        else:
            self._differs.pop(service.name, None)
        troubles = [f"{rule.path}: {one.trouble}" for rule, one in contents.items() if one and one.trouble]
        # Of what nobody has looked at yet nothing is known, and least of all that it is quiet.
        quiet = min((now - one.changed_at if one else 0.0) for one in contents.values())
        return Seen(
            digest=digest,
            changed=tuple(dict.fromkeys(r.path for r in service.watch if found[r] != parts.get(r, ""))),
            quiet_seconds=max(0.0, quiet),
            differing_seconds=now - self._differs.get(service.name, now),
            trouble="; ".join(dict.fromkeys(troubles)),
        )

    def _with(self, service: ServiceData, watched: Watched) -> ServiceData:
        last = self._last.get(service.name)
        if last is not None and last.watched == watched and self._made_of.get(service.name) is service:
            return last
        container = replace(service.container, labels=labelled(service.container.labels, watched.digest))
        return replace(service, container=container, watched=watched)

    def _sum(self, below: Desired, made: Mapping[str, ServiceData]) -> Desired:
        moved = any(self._last.get(name) is not service for name, service in made.items())
        self._last = dict(made)
        if not made:
            return below
        if self._answer is None or self._answer[0] is not below or moved:
            services = tuple(made.get(service.name, service) for service in below.services)
            self._answer = (below, replace(below, services=services))
        return self._answer[1]


def _joined(parts: Mapping[WatchRule, str]) -> str:
    """ "" where nothing is known of any."""
    return ":".join(parts.values()) if any(parts.values()) else ""
