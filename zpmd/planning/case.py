"""One slot in one pass: all that its decision is made from, and the draft that it goes into."""

from __future__ import annotations

from dataclasses import dataclass, field

from zpmd.model.action import Action
from zpmd.model.cause import Cause, Code
from zpmd.model.observed import Slot
from zpmd.planning import backoff
from zpmd.planning.ordering import Order
from zpmd.planning.target import Target
from zpmd.planning.view import Draft, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    view: View
    order: Order
    target: Target
    slot: Slot
    draft: Draft = field(repr=False)

    def act(self, action: Action) -> None:
        self.draft.act(action)

    def wait(self, cause: Cause, until: float | None = None) -> None:
        self.draft.wait(self.slot, cause, until)

    def wait_for_start(self, shut: Cause) -> None:
        """Say that nothing may start yet; a group that stays shut opens at its deadline all the same."""
        self.wait(shut, self.order.opens_at(self.target.service.group) if shut.code is Code.GROUP else None)


def withheld(view: View, slot: Slot, draft: Draft) -> bool:
    """Whether a slot is to be left alone for now: a worker has it in hand, or the engine has just refused it."""
    if slot.service not in view.troubled:
        return False
    subject = str(slot)
    flight = view.busy.get(subject)
    if flight:
        progress = f" ({flight.progress})" if flight.progress else ""
        draft.wait(slot, Cause(Code.IN_FLIGHT, f"{flight.verb} is under way{progress}"))
        return True
    due = backoff.retry_due(view, subject)
    if due > view.now:
        error = view.memory.retries[subject].error
        draft.wait(slot, Cause(Code.RETRY, f"the engine could not do it: {error}"), until=due)
        return True
    return False
