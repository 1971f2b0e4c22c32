"""What a service waits for: `depends_on`, and what links, shared namespaces and volumes_from imply."""

from __future__ import annotations

from zpmd.model.service import Condition, Dependency
from zpmd.sources.compose import vocabulary
from zpmd.sources.nodes import Scalar, Sequence
from zpmd.sources.reading import Cursor, Fields

Needs = dict[str, tuple[Dependency, Cursor]]
"""By the name of the service that is needed, each with the place that asks for it."""


def awaited(fields: Fields) -> Needs:
    """`depends_on`, and what links, shared namespaces and volumes_from imply."""
    found: Needs = {}
    cursor = fields["depends_on"]
    if isinstance(cursor.node, (Sequence, Scalar)):
        for item in cursor.items():
            found[item.text()] = (Dependency(service=item.text()), item)
    else:
        for name, value in cursor.entries():
            found[name] = (dependency(name, value), value)
    for name, need, where in implied(fields):
        found.setdefault(name, (need, where))
    return found


def dependency(name: str, cursor: Cursor) -> Dependency:
    f = cursor.fields(vocabulary.DEPENDENCY)
    condition = f.required("condition", "write service_started, service_healthy or service_completed_successfully")
    return Dependency(
        service=name,
        condition=condition.word({c.value: c for c in Condition}, Condition.STARTED),
        restart=f["restart"].boolean(),
        required=f["required"].boolean(default=True),
    )


def implied(fields: Fields) -> list[tuple[str, Dependency, Cursor]]:
    found = []
    for item in fields["links"].items():
        name = item.text().partition(":")[0]
        found.append((name, Dependency(service=name, restart=True), item))
    for key in ("network_mode", "ipc", "pid"):
        kind, _, name = fields[key].text().partition(":")
        if kind == "service" and name:
            found.append((name, Dependency(service=name, restart=True), fields[key]))
    for item in fields["volumes_from"].items():
        name = item.text().partition(":")[0]
        if name != "container":
            found.append((name, Dependency(service=name), item))
    return found
