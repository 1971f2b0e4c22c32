"""What is worth a line of the log about how services stand: a trouble that begins, one that is over, and rarely that
one lasts. The journal of decisions has every try; this says once what they come to.

Rules:
1. A trouble is told once, however often what is in it is tried. It is over when the service is up and its failures in a
   row are forgotten (a crash loop that stands for a moment is none the less one), and then that is told.
2. What waits for others is one line for all of them, with the one at which the waiting ends; and only after a while.
3. What lasts is told again every six hours, in one line. So a day of a broken appliance is a handful of lines.
4. While the engine is unknown nothing is known of any service: nothing begins and nothing ends, but that it lasts.
5. A job is no service that is to be up: what its runs come to is told from their ledger (jobnews.py). Here belong alone
   a run that waits for long, and that a job goes on failing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from zpmd.daemon.runs import is_of_jobs, jobs_of
from zpmd.daemon.statusline import GOOD, awaited, end
from zpmd.messages import Message
from zpmd.model.action import service_of
from zpmd.model.cause import Code
from zpmd.model.plan import Plan, Standing, State, Waiting
from zpmd.model.service import Desired

LONG_SECONDS = 600.0
"""From when on waiting is worth a line: twice the patience with a group."""
AGAIN_SECONDS = 6 * 3600.0
NAMES = 5

BY_CODE: Mapping[Code, Message] = MappingProxyType(
    {
        Code.GAVE_UP: Message.GAVE_UP,
        Code.NAME_TAKEN: Message.REFUSED_BY_ENGINE,
        Code.IMAGE_MISSING: Message.IMAGE_UNAVAILABLE,
        Code.EXTERNAL_MISSING: Message.EXTERNAL_MISSING,
    }
)
"""What a blocked or failed service is blocked by; one that the engine refuses waits for its next try alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One line, ready to be logged."""

    message: Message
    text: str
    bound: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(slots=True)
class Trouble:
    """Of one service, since when, and what was told of it."""

    since: float
    word: str
    told: set[Message] = field(default_factory=set)


class StandingNews:
    """Remembers what it has told, for the life of the process. Used by the loop's thread alone."""

    def __init__(self, fresh_after: int) -> None:
        self._fresh_after = fresh_after
        self._troubles: dict[str, Trouble] = {}
        self._waits: dict[str, tuple[bool, float]] = {}
        """Whether for others, and since when: its own start begins when it need not wait any more."""
        self._waits_told: set[str] = set()
        self._groups: dict[str, str] = {}
        self._held: frozenset[str] = frozenset()
        self._again_at: float | None = None
        self._rising_since: float | None = None
        self._rose = False

    @property
    def troubled(self) -> Collection[str]:
        """Services of which the log has it already: their further tries are no news."""
        return self._troubles.keys()

    def rises(self, now: float) -> None:
        """zpmd begins, or an engine is back: it is told when all is up."""
        self._rising_since, self._rose = now, False
        self._waits.clear()

    def unknown(self, since: float, now: float) -> list[Told]:
        """The engine has not answered since then."""
        self._again_at = self._again_at or since + AGAIN_SECONDS
        if now < self._again_at:
            return []
        self._again_at = now + AGAIN_SECONDS
        text = f"the engine has not answered for {lasted(now - since)}: nobody restarts what ends meanwhile"
        return [Told(message=Message.STILL_WRONG, text=text)]

    def of(self, desired: Desired, plan: Plan, now: float) -> list[Told]:
        """What is new since the last call."""
        jobs = jobs_of(desired)
        told = [
            *self._of_services(plan, jobs, now),
            *self._of_groups(plan),
            *self._of_removals(desired, plan),
            *self._of_waiting(plan, jobs, now),
            *self._of_all(plan, jobs, now),
        ]
        return told + list(self._of_what_lasts(plan, jobs, now))

    def _of_services(self, plan: Plan, jobs: Collection[str], now: float) -> Iterator[Told]:
        waits: dict[str, list[Waiting]] = {}
        for waiting in plan.waiting:
            waits.setdefault(waiting.service, []).append(waiting)
        standings = {standing.service: standing for standing in plan.standings if standing.service not in jobs}
        for name, standing in standings.items():
            message = _trouble(standing, waits.get(name, []))
            if message is None:
                continue
            trouble = self._troubles.setdefault(name, Trouble(now, standing.state))
            if message in trouble.told or (message is Message.CRASH_LOOP and trouble.told):
                continue  # of what the engine refuses again and again, the refusal is the better word
            trouble.told.add(message)
            trouble.word = standing.state
            why = standing.reason or next((a.cause.text for a in plan.actions if service_of(a) == name), "")
            yield _about(standing, message, _begins(name, message, why))
        for name, trouble in list(self._troubles.items()):
            found = standings.get(name)
            if found is None or self._is_well(found):
                del self._troubles[name]
                told = f"{name} is no longer {_spoken(trouble.word)} after {lasted(now - trouble.since)}: "
                bound = {"service": name, "tenant": found.tenant if found else ""}
                text = told + (f"it is {found.state}" if found else "it is gone")
                yield Told(message=Message.WELL_AGAIN, text=text, bound=bound)

    def _is_well(self, standing: Standing) -> bool:
        return standing.state in GOOD and standing.restarts < self._fresh_after

    def _of_groups(self, plan: Plan) -> Iterator[Told]:
        now = {w.subject: w.cause.text for w in plan.waiting if w.cause.code is Code.DEGRADED_GATE}
        for subject, text in now.items():
            if subject not in self._groups:
                yield Told(message=Message.GROUP_DEGRADED, text=text, bound={"group": subject.removeprefix("group:")})
        self._groups = now

    def _of_removals(self, desired: Desired, plan: Plan) -> Iterator[Told]:
        """Rows that vanished are told of where they are read (rownews.py)."""
        rows = {name for name, _ in desired.held}
        held = frozenset(w.service for w in plan.waiting if w.cause.code is Code.MASS_REMOVAL) - rows
        if held - self._held:
            text = f"the removal of {len(held)} services at once is held: {_list(held)}; `zpmctl approve` lets them go"
            yield Told(message=Message.REMOVAL_HELD, text=text)
        self._held = held

    def _of_waiting(self, plan: Plan, jobs: Collection[str], now: float) -> Iterator[Told]:
        unready = (
            s
            for s in plan.standings
            if s.ready < s.desired
            and (s.state is State.WAITING if s.service in jobs else s.state not in (*GOOD, State.HELD))
        )
        waiting = {s.service: s.state is State.WAITING for s in unready if s.service not in self._troubles}
        before, self._waits = self._waits, {}
        for name, others in sorted(waiting.items()):
            known = before.get(name, (others, now))
            self._waits[name] = known if known[0] is others else (others, now)
        self._waits_told &= waiting.keys()
        late = {name for name, (_, since) in self._waits.items() if now - since >= LONG_SECONDS}
        fresh = late - self._waits_told
        if fresh:
            self._waits_told |= late
            ahead = awaited(plan)
            ends = sorted({end(name, ahead) for name in fresh})
            states = {s.service: s.state for s in plan.standings}
            causes = _list([f"{name} ({states.get(name, 'not declared')})" for name in ends])
            text = f"{_are(fresh)} not up for {lasted(LONG_SECONDS)}; what keeps them: {causes}"
            yield Told(message=Message.WAITING_LONG, text=text)

    def _of_all(self, plan: Plan, jobs: Collection[str], now: float) -> Iterator[Told]:
        services = [s for s in plan.standings if s.service not in jobs]
        if self._rose or self._rising_since is None or not services:
            return
        if all(map(is_of_jobs, plan.actions)) and all(s.state in GOOD for s in services):
            self._rose = True
            count = len(services)
            after = lasted(now - self._rising_since)
            text = f"all {count} services are as they should be, {after} after zpmd began to look"
            yield Told(message=Message.ALL_UP, text=text)

    def _of_what_lasts(self, plan: Plan, jobs: Collection[str], now: float) -> Iterator[Told]:
        states = {s.service: s.state for s in plan.standings}
        failing = {name for name in jobs if states.get(name) is State.FAILED}
        names = sorted({*self._troubles, *self._waits_told, *failing})
        lasts = [f"{name} ({states.get(name, 'gone')})" for name in names]
        if not (lasts or self._held or self._groups):
            self._again_at = None
        elif self._again_at is None:
            self._again_at = now + AGAIN_SECONDS
        elif now >= self._again_at:
            self._again_at = now + AGAIN_SECONDS
            parts = [f"not as they should be: {_list(lasts)}"] if lasts else []
            parts += [f"held: the removal of {len(self._held)} services"] if self._held else []
            parts += sorted(self._groups.values())
            yield Told(message=Message.STILL_WRONG, text=f"for hours now: {'; '.join(parts)}")


def _trouble(standing: Standing, waiting: Collection[Waiting]) -> Message | None:
    """Why somebody has to look at this service; None where nobody has to."""
    if standing.state is State.CRASH_LOOP:
        return Message.CRASH_LOOP
    if standing.state not in (State.BLOCKED, State.FAILED):
        return None
    codes = (BY_CODE[w.cause.code] for w in waiting if w.cause.code in BY_CODE)
    return next(codes, Message.REFUSED_BY_ENGINE)


def _begins(service: str, message: Message, why: str) -> str:
    words = {Message.CRASH_LOOP: "is in a crash loop", Message.GAVE_UP: "is given up, as its restart policy says"}
    return f"{service} {words.get(message, 'is blocked')}" + (f": {why}" if why else "")


def _about(standing: Standing, message: Message, text: str) -> Told:
    return Told(message=message, text=text, bound={"service": standing.service, "tenant": standing.tenant})


def _spoken(word: str) -> str:
    return "in a crash loop" if word == State.CRASH_LOOP else word


def _are(names: Collection[str]) -> str:
    return f"{len(names)} service{' is' if len(names) == 1 else 's are'}"


def _list(names: Collection[str]) -> str:
    more = len(names) - NAMES
    return ", ".join(sorted(names)[:NAMES]) + (f" and {more} more" if more > 0 else "")


def lasted(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 10 min`, `2 d 4 h`."""
    minutes, hours = int(seconds) // 60, int(seconds) // 3600
    if minutes < 2:
        return f"{max(0, round(seconds))} s"
    if hours < 2:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"
