"""The way from a service that waits to what it waits for in the end, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo

from zpmd.interfaces.advice import from_afar
from zpmd.interfaces.root import Roots
from zpmd.interfaces.views import ServiceView
from zpmd.interfaces.why import chain, handling, job
from zpmd.interfaces.why_views import RootView
from zpmd.interfaces.words import clock, plural, span
from zpmd.model.events import Entry, Snapshot
from zpmd.model.plan import State

Journal = Callable[[str], Sequence[Entry]]
"""What the journal has of a service, oldest first; of "" what concerns no service alone."""


def view(
    service: str,
    views: Mapping[str, ServiceView],
    roots: Roots,
    snapshot: Snapshot,
    now: float,
    zone: tzinfo | None,
    journal: Journal,
) -> RootView | None:
    """Where its waiting ends; None for one that waits for no other."""
    path = roots.path(service)
    if len(path) == 1:
        return None
    name = path[-1]
    found = views.get(name)
    if name in path[:-1]:
        text = f"{name} waits for itself over the others: none of them can begin"
        return RootView(
            service=name, path=path, text=text, until=None, handled=False,
            handling="needs you: take one `depends_on` of the ring out of the files",
        )  # fmt: skip
    if found is None:
        return RootView(
            service=name, path=path, text=roots.phrase(name), until=None, handled=False,
            handling=f"needs you: declare {name}, or take it out of the `depends_on` of {path[-2]}",
        )  # fmt: skip
    reasons = tuple(handling.reason(w, found) for w in found.waiting)
    handled, what = handling.handling(found, snapshot, reasons, now, zone)
    if what == handling.NOTHING and found.job is not None:
        again = job.again(found, found.job, now, zone)
        what = f"being handled: the others follow when a run of it has ended well; {again}"
    if what == handling.NOTHING:
        what = f"being handled: {name} is ready, and the others follow"
    what = from_afar(what, name)
    text = stopped(found, notes(journal(name), journal), now, zone) or roots.phrase(name)
    until = min((r.until for r in reasons if r.until is not None), default=None)
    return RootView(service=name, path=path, text=text, until=until, handled=handled, handling=what)


def stopped(service: ServiceView, noted: Sequence[Entry], now: float, zone: tzinfo | None) -> str:
    """Who stopped it, and when; "" for one that nobody has stopped, or of which that is no longer known."""
    if service.state != State.STOPPED:
        return ""
    note = chain.asked([n for n in noted if n.verb in ("stop", "down", "scale")], now)
    if note is None:
        return ""
    how = {
        "down": f"taken down with everything by {note.actor}",
        "scale": f"scaled to {service.scaled} by {note.actor}",
    }
    return f"{service.name} was {how.get(note.verb, f'stopped by {note.actor}')} at {clock(note.at, now, zone)}"


def waits(root: RootView, service: ServiceView, now: float) -> str:
    """The whole way to the root, and whether that is being handled."""
    names = root.path[1:]
    runs = service.ready and service.job is None
    half = f" runs with {service.ready} of {plural(service.desired, 'replica')}, and" if runs else ""
    way = f"{service.name}{half} waits for {', which waits for '.join(names)}"
    next_try = f", next try in {span(root.until - now)}" if root.until is not None and root.until > now else ""
    return f"{way}: {root.text}; " + (f"being handled{next_try}" if root.handled else "needs you")


def notes(entries: Sequence[Entry], journal: Journal) -> list[Entry]:
    """What operators asked of this service, or of all."""
    return [e for e in (*journal(""), *entries) if e.kind == "note" and e.actor != "zpmd"]
