"""A container's output as lines: the engine's frames taken apart, stdout and stderr each put together again.

Without a terminal the engine sends frames of (stream, length, bytes), cut anywhere; with one, bytes as they are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import requests

from zpmd.engines.dockerd.wire import Wire

HEADER_BYTES = 8
MAX_LINE_BYTES = 64 * 1024
CHUNK_BYTES = 32 * 1024


def last_lines(wire: Wire, container_id: str, tail: int, until: float | None = None) -> list[bytes]:
    """The last lines up to `until`, without following."""
    params: dict[str, Any] = {"stdout": "1", "stderr": "1", "tail": str(tail)}
    if until is not None:
        params["until"] = f"{until:.9f}"
    with stream(wire, container_id, params, idle_seconds=10.0) as lines:
        return list(lines)


@contextlib.contextmanager
def stream(
    wire: Wire, container_id: str, params: dict[str, Any], idle_seconds: float | None
) -> Iterator[Iterator[bytes]]:
    """Lines as they come. Before API 1.42 the answer does not say whether it is framed: the container has to."""
    tty = bool(((wire.get(f"/containers/{container_id}/json") or {}).get("Config") or {}).get("Tty"))
    with wire.stream("GET", f"/containers/{container_id}/logs", params, idle_seconds=idle_seconds) as response:
        chunks = ((1, chunk) for chunk in response.iter_content(None)) if tty else frames(response)
        yield lines_of(chunks)


def frames(response: requests.Response) -> Iterator[tuple[int, bytes]]:
    """(stream, bytes) of a framed answer; ends where the answer does, even in the middle of a frame."""
    raw = response.raw
    while True:
        header = raw.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            return
        left = int.from_bytes(header[4:], "big")
        while left:
            chunk = raw.read(min(left, CHUNK_BYTES))
            if not chunk:
                return
            left -= len(chunk)
            yield header[0], chunk


def lines_of(chunks: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    """Lines without their ends. A line that is too long comes in pieces."""
    rests: dict[int, bytes] = {}
    for number, chunk in chunks:
        *lines, rest = (rests.pop(number, b"") + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")
        while len(rest) > MAX_LINE_BYTES:
            yield rest[:MAX_LINE_BYTES]
            rest = rest[MAX_LINE_BYTES:]
        if rest:
            rests[number] = rest
    for _, rest in sorted(rests.items()):
        yield rest.removesuffix(b"\r")
