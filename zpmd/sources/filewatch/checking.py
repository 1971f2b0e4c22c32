"""What `zpmd check` says of watched paths: those whose content cannot be told on this host, now."""

from __future__ import annotations

from zpmd.model.service import Desired, Problem
from zpmd.sources.filewatch.trees import Moving, Rule, Untold


def untold(desired: Desired) -> tuple[Problem, ...]:
    """One for each path of each service. They keep nothing from running: such a path counts as unchanged."""
    found: list[Problem] = []
    for service in desired.services:
        file, _, line = service.origin.rpartition(":")
        for rule in service.watch:
            try:
                Rule(rule).listing()
            except Untold as reason:
                message = f"cannot tell what {rule.path} holds, so no change is seen there: {reason}"
                path = f"services.{service.name}.develop.watch"
                found.append(Problem(file=file, line=int(line or 0), column=1, path=path, message=message))
            except Moving:
                continue
    return tuple(found)
