"""Pulling an image, with progress in words; an error in the stream is an error of the pull."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import requests

from zpmd.engines import references
from zpmd.engines.dockerd.faults import Answered, Told, one_line
from zpmd.engines.dockerd.reading import number
from zpmd.engines.dockerd.wire import Json, Wire, decode
from zpmd.model.events import Result

IDLE_SECONDS = 300.0
"""A registry that sends nothing at all for so long has died on us."""
MEGABYTE = 1_000_000

_LASTING = ("manifest unknown", "not found", "denied", "unauthorized", "does not exist", "no matching manifest",
            "no basic auth credentials", "invalid reference", "no space left")  # fmt: skip
_DONE = ("Pull complete", "Already exists")


@dataclass
class _Progress:
    """What is known of the layers: complete ones, and bytes that have come of each."""

    layers: set[str] = field(default_factory=set)
    complete: set[str] = field(default_factory=set)
    received: dict[str, int] = field(default_factory=dict)

    def take(self, item: dict[str, Json]) -> None:
        layer, status = str(item.get("id") or ""), str(item.get("status") or "")
        if status in ("Pulling fs layer", "Waiting", *_DONE):
            self.layers.add(layer)
        if status in _DONE:
            self.complete.add(layer)
        if status == "Downloading":
            self.received[layer] = int(number((item.get("progressDetail") or {}).get("current")))

    def __str__(self) -> str:
        megabytes = sum(self.received.values()) // MEGABYTE
        return f"pulling {len(self.complete)}/{len(self.layers)} layers {megabytes} MB"


def pull(wire: Wire, image: str, platform: str, progress: Callable[[str], None]) -> None:
    """Pull one reference. Raises Told, Answered and what the wire raises."""
    params = {"fromImage": image if "@" in image else references.familiar(image)}
    if platform:
        params["platform"] = platform
    seen, said = _Progress(), ""
    headers = wire.registry_headers(image)
    try:
        with wire.stream("POST", "/images/create", params, headers=headers, idle_seconds=IDLE_SECONDS) as response:
            for item in items(response):
                if "error" in item or "errorDetail" in item:
                    raise _refused(image, str(item.get("error") or (item["errorDetail"] or {}).get("message")))
                seen.take(item)
                if str(seen) != said and seen.layers:
                    said = str(seen)
                    progress(said)
    except Answered as error:
        raise _refused(image, error.message) from error


def items(response: requests.Response) -> Iterator[dict[str, Json]]:
    """The objects of a stream of progress, one a line. Raises Garbage and what the wire raises."""
    for line in response.iter_lines():
        if not line.strip():
            continue
        item = decode(line)
        if isinstance(item, dict):
            yield item


def _refused(image: str, message: str) -> Told:
    lasting = any(mark in message.lower() for mark in _LASTING)
    return Told(Result.PERMANENT if lasting else Result.TRANSIENT, one_line(f"cannot pull {image}: {message}"))
