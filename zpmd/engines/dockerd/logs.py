"""A container's output as lines with their times: the engine's frames taken apart, stdout and stderr each put together
again.

Without a terminal the engine sends frames of (stream, length, bytes), cut anywhere; with one, bytes as they are. It
writes a time before what was written at once: at the beginning of a frame, and with a terminal at that of a line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import requests

from zpmd.cut import Cut
from zpmd.engines.dockerd.wire import Wire, severable
from zpmd.model.observed import LogLine

HEADER_BYTES = 8
MAX_LINE_BYTES = 64 * 1024
CHUNK_BYTES = 32 * 1024

Chunk = tuple[int, bool, bytes]
"""Stream, whether it begins a frame, and bytes."""


def last_lines(wire: Wire, container_id: str, tail: int, until: float | None = None) -> list[bytes]:
    """The last lines up to `until`, without following."""
    params: dict[str, Any] = {"tail": str(tail)}
    if until is not None:
        params["until"] = f"{until:.9f}"
    with stream(wire, container_id, params, 10.0) as lines:
        return [line.text for line in lines]


@contextlib.contextmanager
def stream(
    wire: Wire, container_id: str, params: dict[str, Any], idle_seconds: float | None, cut: Cut | None = None
) -> Iterator[Iterator[LogLine]]:
    """Lines as they come. Before API 1.42 the answer does not say whether it is framed: the container has to."""
    tty = bool(((wire.get(f"/containers/{container_id}/json") or {}).get("Config") or {}).get("Tty"))
    params = {"stdout": "1", "stderr": "1", "timestamps": "1", **params}
    path = f"/containers/{container_id}/logs"
    with wire.stream("GET", path, params, idle_seconds=idle_seconds) as response, severable(response, cut):
        yield typed(response.iter_content(None)) if tty else lines_of(frames(response))


def typed(chunks: Iterable[bytes]) -> Iterator[LogLine]:
    """Lines of a container that has a terminal."""
    for line in lines_of((1, False, chunk) for chunk in chunks):
        yield LogLine(*_parted(line.text))


def frames(response: requests.Response) -> Iterator[Chunk]:
    """The frames of an answer, in pieces; ends where the answer does, even in the middle of a frame."""
    raw = response.raw
    while True:
        header = raw.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            return
        left, begins = int.from_bytes(header[4:], "big"), True
        while left:
            chunk = raw.read(min(left, CHUNK_BYTES))
            if not chunk:
                return
            left -= len(chunk)
            yield header[0], begins, chunk
            begins = False


def lines_of(chunks: Iterable[Chunk]) -> Iterator[LogLine]:
    """Lines without their ends, each with the time of its first frame. A line that is too long comes in pieces."""
    rests: dict[int, LogLine] = {}
    at = 0.0
    for number, begins, chunk in chunks:
        if begins:
            at, chunk = _parted(chunk)
        rest = rests.pop(number, LogLine(at, b""))
        *lines, text = (rest.text + chunk).split(b"\n")
        since = rest.at
        for line in lines:
            yield LogLine(since, line.removesuffix(b"\r"))
            since = at
        while len(text) > MAX_LINE_BYTES:
            yield LogLine(since, text[:MAX_LINE_BYTES])
            text = text[MAX_LINE_BYTES:]
        if text:
            rests[number] = LogLine(since, text)
    for _, rest in sorted(rests.items()):
        yield LogLine(rest.at, rest.text.removesuffix(b"\r"))


def _parted(text: bytes) -> tuple[float, bytes]:
    """The time before a text, and the text; 0 where there is none."""
    stamp, space, rest = text.partition(b" ")
    if not space:
        return 0.0, text
    try:
        return datetime.fromisoformat(stamp.decode("ascii")).timestamp(), rest
    except ValueError:
        return 0.0, text
