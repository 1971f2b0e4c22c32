"""What should be, kept safe: every source's last good answer, and how each source stands.

A source that cannot be read changes nothing: its last good answer counts, also over a restart of zpmd, and status says
since when and why. A source that is merely away (a database that is being started by this very zpmd) keeps nobody from
starting; until it has been heard of, what is missing is unknown and not absent.
"""

from __future__ import annotations

from collections.abc import Sequence

from loguru import logger

from zpmd.daemon import masking
from zpmd.daemon.news import News
from zpmd.errors import ConfigError, StoreError
from zpmd.messages import DEBUG, ERROR, Message
from zpmd.model.events import SourceState
from zpmd.model.service import Desired, Problem
from zpmd.model.tenant import Away
from zpmd.ports import Source, Store
from zpmd.redaction import KNOWN, environment_secrets, redact


class Desire:
    def __init__(self, sources: Sequence[Source], store: Store) -> None:
        self._sources = tuple(sources)
        self._store = store
        self._good: dict[str, Desired] = {}
        self._states: dict[str, SourceState] = {}
        self._unkept: set[str] = set()
        self._unkept_told: set[str] = set()
        self._reasons: dict[str, set[str]] = {}
        """Why each source that is away could not be asked, as far as it was told since it was there the last time."""
        self._sum: Desired | None = None

    def first(self, now: float) -> None:
        """Read every source for the first time. Raises ConfigError where one is wrong and was never good: there is
        nothing to run on."""
        self.refresh(now)
        hopeless = [s for s in self._states.values() if s.problems and s.name not in self._good]
        if hopeless:
            raise ConfigError(tuple(p for state in hopeless for p in state.problems))

    def refresh(self, now: float) -> list[News]:
        """Read every source again. Returns what is worth a line in the journal: a source that went bad, good, or
        changed."""
        news: list[News] = []
        for source in self._sources:
            before = self._states.get(source.name)
            try:
                desired = source.load()
            except ConfigError as error:
                news += self._keep(source.name, masking.problems(error.problems), before, now)
            else:
                news += self._take(source.name, desired, source.away(), now)
        return news

    @property
    def desired(self) -> Desired:
        """The sum of the last good answers."""
        answers = [self._good[s.name] for s in self._sources if s.name in self._good]
        if len(answers) == 1 == len(self._sources):
            return answers[0]
        if self._sum is None:
            self._sum = _sum(answers, everybody=len(answers) == len(self._sources))
        return self._sum

    @property
    def states(self) -> tuple[SourceState, ...]:
        return tuple(self._states[s.name] for s in self._sources if s.name in self._states)

    def _take(self, name: str, desired: Desired, away: Away | None, now: float) -> list[News]:
        before, known = self._states.get(name), self._good.get(name)
        self._states[name] = SourceState(
            name=name,
            ok=away is None,
            at=now,
            since=away.since if away else None,
            away=redact(away.why) if away else "",
        )
        changed = desired != known
        if changed:
            _learn_secrets(desired)
            self._good[name], self._sum = desired, None
            self._unkept.add(name)
        if name in self._unkept and desired.complete:
            self._keep_copy(name, desired)
        return self._news(before, self._states[name], len(desired.services), changed)

    def _news(self, before: SourceState | None, state: SourceState, services: int, changed: bool) -> list[News]:
        """What is worth a line of the journal when a source has answered. A database that cannot be reached for two
        reasons in turn says each of them once."""
        if state.away:
            told = self._reasons.setdefault(state.name, set())
            if state.away in told:
                return []
            told.add(state.away)
            text = f"away, {state.away}; what it said last goes on, {services} services"
            return [_of(state.name, text, Message.SOURCE_AWAY)]
        self._reasons.pop(state.name, None)
        if before and not before.ok:
            return [_of(state.name, f"good again, {services} services", Message.SOURCE_GOOD)]
        return [_of(state.name, f"{services} services")] if changed else []

    def _keep_copy(self, name: str, desired: Desired) -> None:
        """For the next start; tried again at every reading until it is kept."""
        try:
            self._store.keep_good(name, desired)
            self._unkept.discard(name)
            self._unkept_told.discard(name)
        except StoreError as error:
            level = DEBUG if name in self._unkept_told else ERROR
            self._unkept_told.add(name)
            logger.log(level, "the last good copy of {} could not be kept: {}", name, error)

    def _keep(self, name: str, problems: tuple[Problem, ...], before: SourceState | None, now: float) -> list[News]:
        since = before.since if before and not before.ok else now
        self._states[name] = SourceState(name=name, ok=False, at=now, problems=problems, since=since)
        if name not in self._good:
            remembered = self._store.last_good(name)
            if remembered is not None:
                _learn_secrets(remembered)
                self._good[name], self._sum = remembered, None
        if before and before.problems == problems:
            return []
        kept = "the last good copy is kept" if name in self._good else "there is no good copy"
        text = f"{len(problems)} problems, {kept}: {problems[0] if problems else 'unreadable'}"
        return [_of(name, text, Message.SOURCE_WRONG)]


def _learn_secrets(desired: Desired) -> None:
    """What variables hold that are secrets by their names is masked from here on."""
    KNOWN.learn(value for s in desired.services for value in environment_secrets(s.container.environment))


def _sum(answers: Sequence[Desired], everybody: bool) -> Desired:
    """What several sources say together. What two of them declare, a volume that both use, is one."""
    return Desired(
        services=tuple(sorted((s for a in answers for s in a.services), key=lambda s: (s.group.order, s.name))),
        volumes=tuple({v.name: v for a in answers for v in a.volumes}.values()),
        networks=tuple({n.name: n for a in answers for n in a.networks}.values()),
        project=answers[0].project if answers else "zpmd",
        complete=everybody and all(a.complete for a in answers),
        retired=tuple(pair for a in answers for pair in a.retired),
        held=tuple(pair for a in answers for pair in a.held),
        templates=tuple(name for a in answers for name in a.templates),
    )


def _of(source: str, text: str, message: Message | None = None) -> News:
    bad = message in (Message.SOURCE_WRONG, Message.SOURCE_AWAY)
    return News(text=f"{source}: {text}", subject="sources", source=source, bad=bad, message=message)
