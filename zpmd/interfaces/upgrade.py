"""What an upgrade of zpmd would do to the containers that run: what `zpmd rehearse` finds, and who is to blame for it.

A change counts against the upgrade unless the running zpmd is about the same replica or service by itself: it is
replacing it, waiting to start it again, holding it back. Without a running zpmd nothing is excused. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from zpmd.interfaces.views import PlanView
from zpmd.interfaces.words import plural

NO_LONGER_KNOWN = "its former definition is not known any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """One thing that would be done. `subject` is a replica (`web/1`), or `image:NAME` and the like, as in a plan.

    `container` is the name of the one that is there, "" where there is none. `fields` are those in which its definition
    differs, by name, null where the former one is not known any more. `anyway`: the running zpmd is about it, too.
    """

    subject: str
    verb: str
    service: str
    code: str
    text: str
    container: str = ""
    fields: tuple[str, ...] | None = ()
    anyway: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeView:
    """`former` is the version that ran last, "" where that is not known. `schema` is that of the store as it lies
    there, `schema_known` what this version makes of it when it starts. `containers` were compared."""

    version: str
    former: str
    would_change: bool
    services: int
    containers: int
    changes: tuple[ChangeView, ...]
    notes: tuple[str, ...]
    schema: int
    schema_known: int


def excused(view: UpgradeView, plan: PlanView, version: str) -> UpgradeView:
    """With what the running zpmd, of this version, is about by itself."""
    busy = {a.subject for a in plan.actions} | {f.subject for f in plan.in_flight} | {w.subject for w in plan.waiting}
    busy |= {w.service for w in plan.waiting if w.service}
    changes = tuple(replace(c, anyway=c.subject in busy or c.service in busy) for c in view.changes)
    return replace(view, former=version, changes=changes, would_change=any(not c.anyway for c in changes))


def lines(view: UpgradeView) -> Iterator[str]:
    """For people: the first line is the verdict."""
    what = f"upgrade {view.former} -> {view.version}" if view.former not in ("", view.version) else view.version
    compared = f"{plural(view.services, 'service')}, {plural(view.containers, 'container')} compared"
    ours = [c for c in view.changes if not c.anyway]
    others = [c for c in view.changes if c.anyway]
    if what == view.version:
        what = f"zpmd {view.version}"
    yield f"{what} would {'change this' if ours else 'touch no container'} ({compared})"
    yield from (f"  {_told(change)}" for change in ours)
    if others:
        yield "the zpmd that runs is about this by itself, whatever version it is:"
        yield from (f"  {_told(change)}" for change in others)
    if view.schema < view.schema_known:
        yield f"note: the store goes from schema {view.schema} to {view.schema_known} at the first start"
    yield from (f"note: {note}" for note in view.notes)


def _told(change: ChangeView) -> str:
    where = f" ({change.container})" if change.container else ""
    differs = NO_LONGER_KNOWN if change.fields is None else ", ".join(change.fields)
    return f"{change.verb} {change.subject}{where}: {change.text}" + (f"; differs in: {differs}" if differs else "")
