"""What counts of the rows that a registry has read: settled against what was good before, and kept for the next start.

The one place at which rows enter. Service files ask it which host this is (a role may stand in a row), integrations ask
it for the rows; both get the same answer in one pass.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from loguru import logger

from zpmd.errors import StoreError
from zpmd.messages import DEBUG, ERROR
from zpmd.model.policy import Limits
from zpmd.model.tenant import Away, Integration, IntegrationKey, Reading, Rows, Settled, Status, Tenant
from zpmd.planning.rows import running, settle
from zpmd.ports import Clock, Registry, Store
from zpmd.redaction import redact

LOSS_SECONDS = 60.0
"""Losses within this time count as one: longer than a database takes to delete a lot, or a poll to come round."""


class Loss(NamedTuple):
    """An integration whose row went away at this monotonic instant, and its tenant as it was then."""

    at: float
    integration: Integration
    tenant: Tenant


class Intake:
    """`settled` is cheap while neither the reading nor what operators approved has changed. Thread-safe."""

    def __init__(
        self,
        registry: Registry,
        store: Store,
        clock: Clock,
        limits: Limits,
        learn: Callable[[Rows], None] = lambda _: None,
    ) -> None:
        """`learn` is told of all rows that count, before anybody else sees them: it learns what is never to be
        printed."""
        self.registry = registry
        self._store = store
        self._limits = limits
        self._learn = learn
        self._lock = threading.Lock()
        self._good = store.last_rows()
        self._heard = _heard(self._good) if self._good is not None else frozenset()
        self._clock = clock
        self._began = clock.now()
        self._lost: dict[IntegrationKey, Loss] = {}
        self._settled_for: tuple[Reading | None, frozenset[str]] | None = None
        self._settled: Settled | None = None
        self._unkept = False
        self._unkept_told = False

    def settled(self) -> Settled | None:
        """None while nothing has ever been read, in this life or an earlier one."""
        with self._lock:
            reading, approved = self.registry.reading(), self._store.memory().intent.approved
            before = self._settled_for
            if before is None or before[0] is not reading or before[1] != approved:
                self._settle(reading, approved)
                self._settled_for = (reading, approved)
            elif self._unkept:
                self._keep()
            return self._settled

    def complete(self) -> bool:
        """Whether every tenant's integrations have been read at some time: then what is missing is absent."""
        settled = self.settled()
        return settled is not None and all(tenantcode in self._heard for tenantcode, _ in settled.rows.unknown)

    def away(self) -> Away | None:
        """Why, and since when, the rows are not what a look would give now; in words that may be shown."""
        away = self.registry.away()
        if away is None and self.registry.reading() is None:
            return Away(since=self._began, why=f"{self.registry.name} has not been read yet")
        return replace(away, why=redact(away.why)) if away is not None else None

    def _settle(self, reading: Reading | None, approved: frozenset[str]) -> None:
        if reading is None and self._good is None:
            return
        current = reading if reading is not None else Reading(rows=self._good or Rows())
        self._settled = settle(current, self._good, approved, self._limits, self._lately())
        self._note_losses(self._good or Rows(), self._settled.rows, approved)
        self._learn(self._settled.rows)
        self._heard |= _heard(self._settled.rows)
        if reading is not None and (self._settled.rows != self._good or self._unkept):
            self._good = self._settled.rows
            self._keep()

    def _lately(self) -> Rows:
        """What was lost within the last moments: a thousand rows that are deleted at once are seen in several looks."""
        since = self._clock.monotonic() - LOSS_SECONDS
        self._lost = {key: loss for key, loss in self._lost.items() if loss.at >= since}
        return Rows(
            tenants=tuple({loss.tenant.tenantcode: loss.tenant for loss in self._lost.values()}.values()),
            integrations=tuple(loss.integration for loss in self._lost.values()),
        )

    def _note_losses(self, before: Rows, after: Rows, approved: frozenset[str]) -> None:
        """What did not run is no loss, nor what its tenant's row speaks of. What an operator has let go is none either,
        then or later, when the approval is forgotten with its service."""
        now, tenants = self._clock.monotonic(), {t.tenantcode: t for t in before.tenants}
        asleep = {t.tenantcode for t in after.tenants if t.status is not Status.ACTIVE}
        there = {i.key for i in after.integrations}
        for integration in running(before):
            if integration.key not in there and integration.tenantcode not in asleep:
                loss = Loss(now, integration, tenants[integration.tenantcode])
                self._lost.setdefault(integration.key, loss)
        self._lost = {
            key: loss
            for key, loss in self._lost.items()
            if key not in there and loss.integration.service not in approved
        }

    def _keep(self) -> None:
        """For the next start; tried again until it is kept."""
        told, self._unkept = self._unkept_told, True
        if self._good is None:
            return
        try:
            self._store.keep_rows(self._good)
            self._unkept = self._unkept_told = False
        except StoreError as error:
            self._unkept_told = True
            level = DEBUG if told else ERROR
            logger.log(level, "the last good rows of {} could not be kept: {}", self.registry.name, error)


def _heard(rows: Rows) -> frozenset[str]:
    """The tenants whose integrations these rows know: their database answered, now or before."""
    silent = {tenantcode for tenantcode, _ in rows.unknown}
    return frozenset(t.tenantcode for t in rows.tenants if t.tenantcode not in silent).union(
        i.tenantcode for i in rows.integrations
    )
