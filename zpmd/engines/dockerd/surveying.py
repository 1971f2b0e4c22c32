"""All that is on an engine, in the engine's own words: for `zpmd init`, once. Nothing on it is changed."""

from __future__ import annotations

from types import MappingProxyType

from zpmd.engines.dockerd import reading
from zpmd.engines.dockerd.faults import FAILURES, Answered, Garbage, Told, verdict
from zpmd.engines.dockerd.wire import Json, Pool, Wire
from zpmd.errors import EngineUnknown
from zpmd.model.survey import Survey

GONE = 404


def survey(url: str, timeout_seconds: float) -> Survey:
    """Everything there is. Raises EngineUnknown, also where only a part of it could be read."""
    pool = Pool(url, timeout_seconds)
    try:
        with pool.lend() as wire:
            return _everything(wire)
    except (Told, Answered, Garbage, *FAILURES) as error:
        raise EngineUnknown(verdict(error)[1]) from error
    finally:
        pool.renegotiate()  # closes what it has lent


def _everything(wire: Wire) -> Survey:
    listed = reading.items(wire.look("/containers/json", {"all": "1"}), "containers")
    containers = [c for item in listed if (c := _inspected(wire, f"/containers/{reading.text(item, 'Id')}/json"))]
    used = sorted({str(c.get("Image")) for c in containers})
    images = {i: image for i in used if (image := _inspected(wire, f"/images/{i}/json"))}
    named = reading.items(wire.look("/images/json"), "images")
    images |= {reading.text(item, "Id"): item for item in named if reading.text(item, "Id") not in images}
    volumes = reading.items((wire.look("/volumes") or {}).get("Volumes") or [], "volumes")
    networks = reading.items(wire.look("/networks"), "networks")
    return Survey(
        containers=tuple(containers),
        images=MappingProxyType(images),
        volumes=MappingProxyType({reading.text(v, "Name"): v for v in volumes}),
        networks=MappingProxyType({reading.text(n, "Name"): n for n in networks}),
        about=wire.look("/info") or {},
    )


def _inspected(wire: Wire, path: str) -> Json | None:
    """None where it went away since it was listed."""
    try:
        return wire.look(path)
    except Answered as error:
        if error.status == GONE:
            return None
        raise
