"""An engine's answers out of a can: a wire that answers each path with what it was given, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from zpmd.engines.docker import MISSHAPEN
from zpmd.engines.dockerd.faults import Answered, Garbage
from zpmd.engines.dockerd.wire import Wire

DECLARED: tuple[type[Exception], ...] = (Garbage, Answered, *MISSHAPEN)
"""What a reader of the engine's JSON may raise: the adapter turns exactly these into EngineUnknown."""


class _Canned:
    """`get` as the wire has it. A path that is not in the can does not exist on this engine."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers

    def get(self, path: str, params: Mapping[str, Any] | None = None, timeout_seconds: float | None = None) -> Any:
        if path not in self._answers:
            raise Answered(404, f"nothing at {path}")
        return self._answers[path]


def CannedWire(answers: Mapping[str, Any]) -> Wire:  # noqa: N802 - it stands where the class stands
    return cast(Wire, _Canned(answers))
