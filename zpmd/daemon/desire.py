"""What should be, kept safe: every source's last good answer, and how each source stands.

A source that cannot be read changes nothing: its last good answer counts, also over a restart of zpmd, and status says
since when and why.
"""

from __future__ import annotations

from collections.abc import Sequence

from loguru import logger

from zpmd.errors import ConfigError, StoreError
from zpmd.model.events import SourceState
from zpmd.model.service import Desired, Problem
from zpmd.ports import Source, Store


class Desire:
    def __init__(self, sources: Sequence[Source], store: Store) -> None:
        self._sources = tuple(sources)
        self._store = store
        self._good: dict[str, Desired] = {}
        self._states: dict[str, SourceState] = {}
        self._unkept: set[str] = set()

    def first(self, now: float) -> None:
        """Read every source for the first time. Raises ConfigError where one is wrong and was never good: there is
        nothing to run on."""
        self.refresh(now)
        hopeless = [s for s in self._states.values() if not s.ok and s.name not in self._good]
        if hopeless:
            raise ConfigError(tuple(p for state in hopeless for p in state.problems))

    def refresh(self, now: float) -> list[str]:
        """Read every source again. Returns what is worth a line in the journal: a source that went bad, good, or
        changed."""
        news: list[str] = []
        for source in self._sources:
            before = self._states.get(source.name)
            try:
                news += self._take(source.name, source.load(), now)
            except ConfigError as error:
                news += self._keep(source.name, error.problems, before, now)
        return news

    @property
    def desired(self) -> Desired:
        """The sum of the last good answers."""
        answers = [self._good[s.name] for s in self._sources if s.name in self._good]
        if len(answers) == 1 == len(self._sources):
            return answers[0]
        return Desired(
            services=tuple(sorted((s for a in answers for s in a.services), key=lambda s: (s.group.order, s.name))),
            volumes=tuple(v for a in answers for v in a.volumes),
            networks=tuple(n for a in answers for n in a.networks),
            project=answers[0].project if answers else "zpmd",
            complete=len(answers) == len(self._sources) and all(a.complete for a in answers),
        )

    @property
    def states(self) -> tuple[SourceState, ...]:
        return tuple(self._states[s.name] for s in self._sources if s.name in self._states)

    def _take(self, name: str, desired: Desired, now: float) -> list[str]:
        before, known = self._states.get(name), self._good.get(name)
        self._states[name] = SourceState(name=name, ok=True, at=now)
        changed = desired != known
        if changed:
            self._good[name] = desired
            self._unkept.add(name)
        if name in self._unkept:
            self._keep_copy(name, desired)
        if before and not before.ok:
            return [f"{name}: good again, {len(desired.services)} services"]
        return [f"{name}: {len(desired.services)} services"] if changed else []

    def _keep_copy(self, name: str, desired: Desired) -> None:
        """For the next start; tried again at every reading until it is kept."""
        try:
            self._store.keep_good(name, desired)
            self._unkept.discard(name)
        except StoreError as error:
            logger.error("the last good copy of {} could not be kept: {}", name, error)

    def _keep(self, name: str, problems: tuple[Problem, ...], before: SourceState | None, now: float) -> list[str]:
        since = before.since if before and not before.ok else now
        self._states[name] = SourceState(name=name, ok=False, at=now, problems=problems, since=since)
        if name not in self._good:
            remembered = self._store.last_good(name)
            if remembered is not None:
                self._good[name] = remembered
        if before and before.problems == problems:
            return []
        kept = "the last good copy is kept" if name in self._good else "there is no good copy"
        return [f"{name}: {len(problems)} problems, {kept}: {problems[0] if problems else 'unreadable'}"]
