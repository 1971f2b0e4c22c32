"""plan(): one comparison of what should be with what is, at a given instant. The parent of all decisions.

Same arguments, same answer. The gates, in order: is the engine known; what leaves; for every service: held, then
surplus, then the verdict of its rollout, then slot by slot; for every job: what has been due, then run by run. The next
observation does the sequencing, so that a plan is one wave of independent steps and never a script.
"""

from __future__ import annotations

from collections.abc import Sequence

from zpmd.model.cause import Cause, Code
from zpmd.model.job import Calendar
from zpmd.model.memory import Hold, Memory
from zpmd.model.observed import Observed, Slot
from zpmd.model.plan import Plan, Standing, Waiting
from zpmd.model.policy import Limits
from zpmd.model.service import GROUPS, Desired
from zpmd.planning import filewatch, lineup, patching, removal, rollout, slots, standing
from zpmd.planning.case import Case
from zpmd.planning.jobs import ledger
from zpmd.planning.lineup import Lineup
from zpmd.planning.ordering import Order
from zpmd.planning.scene import Scene
from zpmd.planning.target import Target, target
from zpmd.planning.view import Draft, View, view


def plan(
    desired: Desired,
    observed: Observed,
    memory: Memory,
    now: float,
    limits: Limits | None = None,
    away: str = "",
    calendar: Calendar | None = None,
) -> Plan:
    """One wave of actions towards `desired`, what waits and why, and when to look again at the latest.

    `desired` has the layer of `memory.patches` over it (layer.py). `now` is Unix seconds. `away` says why a source
    cannot tell all that it knows now; `calendar` what jobs go by. With an unknown world there are no actions at all.
    """
    limits = limits or Limits()
    if observed.world is None:
        return _without_a_world(desired, observed, memory, now)
    seen = view(desired, observed, observed.world, memory, now, limits)
    lineups = {name: lineup.of(seen, aim) for name, aim in seen.targets.items()}
    order = Order(seen, lineups)
    draft = Draft()
    going = removal.leaving(seen, draft)
    turn = removal.stop_in_order(seen, order, going, draft)
    removal.belongings(seen, draft)
    removal.held_losses(seen, draft)
    _gates(order, draft)
    scene = Scene(view=seen, order=order, lineups=lineups, draft=draft, away=away, calendar=calendar or Calendar())
    if memory.patches:
        patching.progress(scene)
    services = [aim for aim in seen.targets.values() if aim.service.job is None]
    standings = [_service(seen, order, aim, lineups[aim.name], draft) for aim in services]
    jobs = ledger.progress(scene, going, turn)
    return _wave(seen, order, [*standings, *jobs.standings, *_leftovers(seen, draft)], draft, jobs)


def _service(seen: View, order: Order, aim: Target, lineups: Sequence[Lineup], draft: Draft) -> Standing:
    """Draft the steps of one service, and say how it stands."""
    before = len(draft.waiting)
    if aim.hold:
        _hold(seen, order, aim, aim.hold, lineups, draft)
    elif not aim.leaving:
        _steps(seen, order, aim, lineups, draft)
    if aim.service.watched is not None and not aim.leaving and (cause := filewatch.waits(aim.service.watched)):
        draft.wait(aim.name, cause, service=aim.name)
    return standing.standing(seen, aim, lineups, draft.waiting[before:])


def _steps(seen: View, order: Order, aim: Target, lineups: Sequence[Lineup], draft: Draft) -> None:
    removal.surplus(seen, aim, draft)
    if aim.name in draft.changing:
        return
    if not rollout.judge(seen, order, aim, lineups, draft):
        _slots(seen, order, aim, lineups, draft)


def _hold(seen: View, order: Order, aim: Target, hold: Hold, lineups: Sequence[Lineup], draft: Draft) -> None:
    """A hold is a wait only where it holds something back: a service at which there is nothing to do keeps nobody
    waiting, and the appliance is converged with it."""
    without = Draft()
    if not aim.leaving:
        _steps(seen, order, aim, lineups, without)
    if (
        without.actions
        or without.waiting
        or (aim.leaving and any(r.live or aim.remove for r in seen.replicas(aim.name)))
    ):
        draft.wait(aim.name, Cause(Code.HELD, str(hold)), until=hold.until, service=aim.name)
    elif hold.until is not None:
        draft.wake(hold.until)


def _slots(seen: View, order: Order, aim: Target, lineups: Sequence[Lineup], draft: Draft) -> None:
    """Slot by slot. One that is calm needs nothing, unless it is in hand or was refused something a moment ago."""
    permits = rollout.permits(seen, aim, lineups, draft)
    for each in lineups:
        if not each.calm or aim.name in seen.troubled:
            case = Case(view=seen, order=order, target=aim, slot=Slot(aim.name, each.number), draft=draft)
            slots.decide(case, each, permits.get(each.number))


def _gates(order: Order, draft: Draft) -> None:
    for group in GROUPS:
        degraded = order.degraded(group)
        if degraded:
            draft.wait(f"group:{group}", degraded)
    for at in order.patience_ends():
        draft.wake(at)


def _leftovers(seen: View, draft: Draft) -> list[Standing]:
    """How the services stand that have left the files and not yet the engine."""
    names = removal.undeclared(seen)
    return [standing.undeclared(seen, name, [w for w in draft.waiting if w.service == name]) for name in names]


def _wave(seen: View, order: Order, standings: list[Standing], draft: Draft, jobs: ledger.Jobs) -> Plan:
    """What is done for jobs comes last: a service that is down is worse than a run that is late. But their rows come
    before everything, so that nothing is done that they do not tell of."""
    drafted = [jobs.rows, *draft.actions] if jobs.rows else draft.actions
    actions = tuple(drafted[: seen.limits.actions_per_pass])
    cut = len(drafted) > len(actions) or not jobs.all_told
    later = [at for at in draft.wakes if at > seen.now]
    return Plan(
        actions=actions,
        waiting=tuple(draft.waiting),
        wake_at=seen.now if cut else min(later, default=None),
        standings=tuple(sorted(standings, key=lambda s: (s.group.order, s.service))),
        gates=order.gates,
        dues=jobs.dues,
    )


def _without_a_world(desired: Desired, observed: Observed, memory: Memory, now: float) -> Plan:
    """Unknown is not absent: nothing is done."""
    cause = Cause(Code.ENGINE_UNKNOWN, f"the engine is unknown: {observed.error}")
    return Plan(
        waiting=(Waiting(subject="engine", cause=cause),),
        standings=tuple(standing.unknown(target(s, memory, now)) for s in desired.services),
        gates=memory.gates,
    )
