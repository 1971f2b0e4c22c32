"""What a name means that somebody asks about: a service, a slot of one, a tenant or a patch. Pure.

Rules: a kind that is written down is taken at its word (`service:`, `tenant:`, `patch:`); a plain name is what it is
the name of, and where it is the name of several, nothing is guessed. A service with a slot is `service/2`. A one-shot
service is a service, and so is a job: a run of it is `job/2026-03-29T01:00:00Z`, by when it is due.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from zpmd.errors import NotFound, Refused
from zpmd.interfaces.jobs import due_of
from zpmd.model.events import Snapshot

SERVICE, SLOT, TENANT, PATCH = "service", "slot", "tenant", "patch"
KINDS = (SERVICE, TENANT, PATCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """`name` is that of the service, tenant or patch; `slot` is given for a slot alone."""

    kind: str
    name: str
    slot: int | None = None


def _never(_name: str) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """All that may be asked about. `remembered` says of a service that is in none of these whether the journal has
    something of it, `dropped` of a patch whether the ledger has it."""

    services: Collection[str]
    tenants: Collection[str] = ()
    patches: Collection[str] = ()
    remembered: Callable[[str], bool] = field(default=_never)
    dropped: Callable[[str], bool] = field(default=_never)

    def has(self, kind: str, name: str) -> bool:
        match kind:
            case "service":
                return name in self.services or self.remembered(name)
            case "tenant":
                return name in self.tenants
            case _:
                return name in self.patches or self.dropped(name)


def names(snapshot: Snapshot, remembered: Callable[[str], bool], dropped: Callable[[str], bool]) -> Names:
    """All that a snapshot knows of."""
    rows = snapshot.tenancy.rows if snapshot.tenancy else None
    troubles = snapshot.tenancy.troubles if snapshot.tenancy else ()
    services = {i.service for i in (rows.integrations if rows else ()) if i.service}
    services.update(s.service for s in snapshot.plan.standings)
    services.update(s.name for s in snapshot.desired.services)
    services.update(name for name, _ in snapshot.desired.retired)
    tenants = {t.tenantcode for t in (rows.tenants if rows else ())}
    tenants.update(t.tenantcode for t in troubles if t.tenantcode)
    patches = {patch.id for patch in snapshot.memory.patches if patch.id}
    return Names(services=services, tenants=tenants, patches=patches, remembered=remembered, dropped=dropped)


def subject(asked: str, known: Names) -> Subject:
    """What is meant. Raises NotFound with the nearest name of all kinds, and Refused where several are meant."""
    kind, colon, name = asked.partition(":")
    if colon and kind in KINDS and name:
        found = _of_kind(kind, name, known)
        if found is not None:
            return found
        raise NotFound(f"no {kind} {name}{_nearest(name, known, kind)}")
    candidates = [found for kind in KINDS if (found := _of_kind(kind, asked, known)) is not None]
    if len(candidates) > 1:
        kinds = [f"a {c.kind}" for c in candidates]
        words = [f"`{SERVICE if c.kind == SLOT else c.kind}:{asked}`" for c in candidates]
        raise Refused(f"{asked} is {' and '.join(kinds)}: say {' or '.join(words)}")
    if not candidates:
        raise NotFound(f"no service, tenant or patch {asked}{_nearest(asked, known)}")
    return candidates[0]


def _of_kind(kind: str, name: str, known: Names) -> Subject | None:
    if known.has(kind, name):
        return Subject(kind=kind, name=name)
    service, slash, slot = name.rpartition("/")
    number = due_of(slot)
    if kind == SERVICE and slash and number is not None and known.has(SERVICE, service):
        return Subject(kind=SLOT, name=service, slot=number)
    return None


def _nearest(name: str, known: Names, kind: str = "") -> str:
    """ ": did you mean tenant:acme?", with the words that are understood; "" where nothing is near."""
    base, slash, slot = name.rpartition("/")
    wanted = base if slash and slot.isdecimal() else name
    words = {
        **{n: f"patch:{n}" for n in sorted(known.patches) if kind in ("", PATCH)},
        **{n: f"tenant:{n}" for n in sorted(known.tenants) if kind in ("", TENANT)},
        **{n: n for n in sorted(known.services) if kind in ("", SERVICE)},
    }
    near = difflib.get_close_matches(wanted, words, n=1, cutoff=0.5)
    if not near:
        return ""
    found = words[near[0]]
    return f": did you mean {found}{'/' + slot if wanted == base and found == near[0] and slash else ''}?"
