"""A replica's identity, as container labels and as a container name; and back (pure).

Labels are the only memory of what a container was made for (DESIGN: state lives in the world), so reading them never
raises: what cannot be read counts as drifted (`spec` ""), as zero, or, where the place itself is unreadable, as not
ours to act on. A name is a function of what the container is, so that a second create of the same thing collides in
the engine, while the two replicas of a start-first update do not. The name of a job's run says nothing of what it is
made from: a run must collide with itself whatever has become of its service since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zpmd.model import naming
from zpmd.model.action import RunReplica
from zpmd.model.service import Group
from zpmd.model.spechash import spec_hash

PREFIX = "io.zpmd."
OWNER = f"{PREFIX}owner"
PROJECT = f"{PREFIX}project"
SERVICE = f"{PREFIX}service"
GROUP = f"{PREFIX}group"
TENANT = f"{PREFIX}tenant"
SLOT = f"{PREFIX}slot"
SPEC = f"{PREFIX}spec"
ATTEMPT = f"{PREFIX}attempt"
REVISION = f"{PREFIX}revision"
GENERATION = f"{PREFIX}generation"
AFTER = f"{PREFIX}after"
DUE = f"{PREFIX}due"
"""Of a job's run: the instant that it is due at, in Unix seconds. It is the slot as well."""
COPIES = f"{PREFIX}copies"
"""The installation for which a container is there to write files through (dockerd/foreign.py). It is no replica."""
JOINS = f"{PREFIX}joins"
"""JSON pairs of network and endpoint that the container joins before its first start (API < 1.44: context.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What the labels of one of our containers say."""

    service: str
    slot: int
    group: Group = Group.APP
    """An unreadable group is the last one: started after and stopped before everything that could need it."""
    spec: str = ""
    tenant: str = ""
    attempt: int = 0
    generation: int = 0
    revision: str = ""
    after: tuple[str, ...] = ()
    due: int | None = None


def owned(owner: str, project: str) -> dict[str, str]:
    """The labels of everything that we make: containers, volumes, networks."""
    return {OWNER: owner, PROJECT: project}


def name_for(project: str, action: RunReplica) -> str:
    """The name of the container that `action` makes."""
    if action.due is not None:
        return naming.run_name(project, action.service.name, action.due, action.attempt)
    return naming.container_name(project, action.service, action.slot, action.generation)


def labels_for(owner: str, project: str, action: RunReplica) -> dict[str, str]:
    """All labels of the container that `action` makes: the service's own, and ours, which win."""
    service = action.service
    ours = {
        **owned(owner, project),
        SERVICE: service.name,
        GROUP: service.group.value,
        TENANT: service.tenant,
        SLOT: str(action.slot),
        SPEC: spec_hash(service.container),
        ATTEMPT: str(action.attempt),
        REVISION: action.revision,
        GENERATION: str(action.generation),
        AFTER: ",".join(sorted({d.service for d in service.depends_on})),
        DUE: "" if action.due is None else str(action.due),
    }
    return {**dict(service.container.labels), **{key: value for key, value in ours.items() if value}}


def marks_of(labels: Mapping[str, str]) -> Marks | None:
    """What the labels say, or None where service or slot cannot be read: such a container is nobody's replica. Nor is
    one that says to be a run, and of another instant than its slot: as a replica it would be one too many."""
    service, slot = labels.get(SERVICE), _count(labels.get(SLOT))
    if not service or slot < 1:
        return None
    due = _count(labels[DUE]) if DUE in labels else None
    if due not in (None, slot):
        return None
    group = labels.get(GROUP)
    return Marks(
        service=service,
        slot=slot,
        group=Group(group) if group in set(Group) else Group.APP,
        spec=labels.get(SPEC, ""),
        tenant=labels.get(TENANT, ""),
        attempt=_count(labels.get(ATTEMPT)),
        generation=_count(labels.get(GENERATION)),
        revision=labels.get(REVISION, ""),
        after=tuple(name for name in (labels.get(AFTER) or "").split(",") if name),
        due=due,
    )


def made_for(labels: Mapping[str, str], action: RunReplica) -> bool:
    """Whether a container of ours is what `action` makes: the same service, slot, spec and generation; of a run the
    same service, due instant and attempt, whatever it was made from."""
    marks = marks_of(labels)
    if marks is None or (marks.service, marks.slot, marks.due) != (action.service.name, action.slot, action.due):
        return False
    if action.due is not None:
        return marks.attempt == action.attempt
    return (marks.spec, marks.generation) == (spec_hash(action.service.container), action.generation)


def _count(text: str | None) -> int:
    # isdecimal() alone lets through other scripts' digits, and int() takes at most 4300 of any
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else 0
