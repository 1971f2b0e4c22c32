"""What cannot be created: the one exception of the pure factory, and the check of an API version (pure)."""

from __future__ import annotations

from collections.abc import Mapping

Version = tuple[int, int]


class Uncreatable(Exception):
    """This engine cannot make what the service asks for; the text says what is lacking."""


def need(api: Version, since: Version, what: str) -> None:
    """Raise Uncreatable unless `api` knows `what`, which came with `since`."""
    if api < since:
        raise Uncreatable(f"{what} needs Engine API {since[0]}.{since[1]}, this engine speaks {api[0]}.{api[1]}")


def joined(mode: str, neighbours: Mapping[str, str]) -> str:
    """A namespace mode as the engine writes it: `service:NAME` becomes `container:<id>`."""
    kind, _, name = mode.partition(":")
    return f"container:{neighbours[name]}" if kind == "service" else mode
