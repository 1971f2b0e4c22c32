"""Keeping the replica set as it is wanted: look at every member, decide, do one step, look again.

The decision is `planning.replicaset`, and it is made anew from what is seen each time: nothing is remembered, so that
it does not matter who did a step, whether its answer was lost, and how often zpmd is started. Each change carries the
version after the one that it was decided on; MongoDB refuses it where another zpmd was quicker.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

from loguru import logger
from pymongo.errors import PyMongoError

from zpmd.model.events import Reason
from zpmd.model.replicaset import Decision, Initiate, Step, Wanted, spelled
from zpmd.planning.replicaset import decide
from zpmd.ports import Clock, Wake
from zpmd.sources.mongo.direct import words
from zpmd.sources.mongo.looking import Members, own_hosts
from zpmd.sources.mongo.replicaset_documents import changed, config_of, initial

BUSY_SECONDS = 0.5
"""Between looks while something is being done. Where nothing changes the pauses grow, to these:"""
WAITING_SECONDS = 3.0
QUIET_SECONDS = 10.0


class ReplicaSetKeeper:
    """`watch` runs in a thread of its own; `state`, `decision` and `watching` may be asked from any.

    `wanted` gives what is to be, and this server's own db_host ("" where no row says), each time it is called.
    `seeds` are where the database is said to be: they are looked at too, lest a set be initiated beside one there is.
    """

    def __init__(
        self,
        wanted: Callable[[], tuple[Wanted, str]],
        members: Members,
        seeds: Sequence[str],
        clock: Clock,
    ) -> None:
        self._wanted = wanted
        self._members = members
        self._seeds = tuple(spelled(seed) for seed in seeds)
        self._clock = clock
        self._decision: Decision | None = None
        self._refusal = ""
        """Why the last step was refused, while the same step is still to be done."""
        self._attempted: Step | None = None
        self._looked_at: float | None = None

    def state(self) -> str:
        """How it stands, in words for status; "" before the first look."""
        decision = self._decision
        if decision is None:
            return ""
        refusal = self._refusal
        return f"{decision}; {refusal}" if refusal else str(decision)

    def in_order(self) -> bool:
        """Whether it is as it is wanted."""
        decision = self._decision
        return decision is not None and decision.step is None and not decision.waiting and bool(decision.primary)

    def watching(self) -> bool:
        """Whether the last look is not older than it should be."""
        looked_at = self._looked_at
        return looked_at is not None and self._clock.monotonic() - looked_at < 6 * QUIET_SECONDS

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        """Keep it until `stop`; wake with ROWS when `state` changed. Never raises."""
        pause = BUSY_SECONDS
        while not stop.is_set():
            before = self.state()
            try:
                self.keep()
            except Exception as error:  # a keeper that dies is worse than one that looks again
                logger.opt(exception=True).error("the replica set cannot be kept: {}", words(error))
            self._looked_at = self._clock.monotonic()
            if self.state() != before:
                logger.info("replica set {}", self.state())
                wake(Reason.ROWS)
                pause = BUSY_SECONDS
            else:
                pause = min(pause * 1.5, QUIET_SECONDS if self.in_order() else WAITING_SECONDS)
            stop.wait(pause * random.uniform(0.75, 1.25))  # nosec B311 # jitter

    def keep(self) -> Decision:
        """Look, and do what is to be done next, if anything. Returns what was decided."""
        wanted, db_host = self._wanted()
        hosts = [m.host for m in wanted.members]
        own = own_hosts(hosts, db_host)
        looks = self._members.look([*dict.fromkeys((*hosts, *self._seeds))], own)
        others = {m.host for look in looks.values() if look.config for m in look.config.members} - looks.keys()
        if others and not any(look.primary for look in looks.values()):
            looks |= self._members.look(sorted(others), own)
        decision = decide(wanted, looks, own)
        self._decision = decision
        if decision.step is None:
            self._attempted, self._refusal = None, ""
        else:
            self._do(decision, decision.step, own)
        return decision

    def _do(self, decision: Decision, step: Step, own: frozenset[str]) -> None:
        if step != self._attempted:
            logger.info("replica set {}: {}", decision.name, step)
            self._attempted, self._refusal = step, ""
        try:
            if isinstance(step, Initiate):
                self._members.command(step.at, step.at in own, {"replSetInitiate": initial(decision.name, step)})
            else:
                host = decision.primary
                document = self._members.config(host, host in own)
                seen = config_of(document)
                if (seen.version, seen.term) == decision.seen:
                    self._members.command(host, host in own, {"replSetReconfig": changed(document, step)})
            self._refusal = ""
        except PyMongoError as error:
            refusal = f"cannot {step}: {words(error)}"
            if refusal != self._refusal:
                logger.warning("replica set {}: {}", decision.name, refusal)
            self._refusal = refusal
