"""Running a replica: what it needs, its container, its networks, its start. Every step may have been done before.

A creation over a name that is taken is where a lost answer, a crash of zpmd or a double wave ends up. The container
that holds the name says by its labels whether it is this very replica (then it is adopted) or something else (then it
is left alone, and the outcome names it).

A run of a job is looked for by its name before anything else: what its service needs now may not be there, and it may
have been made when the service was another one. One that has begun is never started again, however it ended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from zpmd.engines import context, labels
from zpmd.engines.dockerd import materials, reading, resources
from zpmd.engines.dockerd.faults import Answered, Told, held_port
from zpmd.engines.dockerd.foreign import Foreign
from zpmd.engines.dockerd.wire import Json, Wire
from zpmd.model.action import RunReplica
from zpmd.model.container import Container, MountKind
from zpmd.model.events import Result
from zpmd.model.observed import Phase
from zpmd.model.service import Desired

MOST_HELD_PORTS = 20
"""How many ports of a range are tried. Each costs the engine a network to set up and to take down, about 0.2 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where replicas are made: for whom, and where to find what they need."""

    owner: str
    project: str
    materials_dir: Path
    foreign: Foreign
    declared: Callable[[], Desired]
    """The specs of volumes and networks, for those that a creation finds gone."""


def run(wire: Wire, site: Site, action: RunReplica) -> str:
    """Create and start the replica, or adopt and start it; the id of its container."""
    container, begin = action.service.container, start if action.due is None else start_run
    if action.due is not None and (found := _holder(wire, labels.name_for(site.project, action))) is not None:
        container_id = _own(site, action, found)
        begin(wire, container_id)
        return container_id
    _ensure_volumes(wire, site, container)
    try:
        container_id = _created(wire, site, action)
        begin(wire, container_id)
    except Answered as error:
        if error.status != 404 or "network" not in error.message.lower():
            raise
        # a network went away since it was last seen: the creation, or the start, is tried once more with it
        _ensure_networks(wire, site, container)
        container_id = _created(wire, site, action)
        begin(wire, container_id)
    return container_id


def start(wire: Wire, container_id: str) -> None:
    """Start it; it may run already.

    Of a range of host ports the engine tries one a start, and another one the next time: a port that is held by a
    process of the host fails the start though others are free (https://github.com/moby/moby/issues/44136). So it is
    asked again, until the same port fails twice.
    """
    failed: set[str] = set()
    while True:
        try:
            wire.post(f"/containers/{container_id}/start")
        except Answered as error:
            port = held_port(error.message)
            if not port or port in failed or len(failed) == MOST_HELD_PORTS:
                raise
            failed.add(port)
        else:
            return


def start_first(wire: Wire, container_id: str) -> None:
    """Start a container that never ran: zpmd may have died before it had joined all of its networks."""
    _start_first(wire, container_id, reading.mapping(wire.get(f"/containers/{container_id}/json"), "container"))


def start_run(wire: Wire, container_id: str) -> None:
    """Start a run of a job, unless it has begun: it may have ended since it was last seen."""
    found = reading.mapping(wire.get(f"/containers/{container_id}/json"), "container")
    if reading.mapping(found.get("State"), "State of a container").get("Status") == Phase.CREATED:
        _start_first(wire, container_id, found)


def _start_first(wire: Wire, container_id: str, found: Mapping[str, Json]) -> None:
    wanted = reading.labels(found.get("Config") or {}).get(labels.JOINS)
    if wanted:
        try:
            pairs = [(str(network), dict(endpoint)) for network, endpoint in json.loads(wanted)]
        except (ValueError, TypeError, RecursionError) as error:
            raise Told(Result.PERMANENT, f"label {labels.JOINS} cannot be read: {error}") from error
        _join(wire, container_id, pairs, found.get("NetworkSettings"))
    start(wire, container_id)


def _created(wire: Wire, site: Site, action: RunReplica) -> str:
    service = action.service
    name = labels.name_for(site.project, action)
    made = context.creation(service, _surroundings(wire, site, action))
    params = {"name": name, **({"platform": made.platform} if made.platform else {})}
    try:
        answer = wire.post("/containers/create", made.body, params, version=wire.agreed.body)
    except Answered as error:
        if error.status == 404 and "image" in error.message.lower():
            raise Told(Result.PERMANENT, f"no such image: {service.container.image}") from error
        if error.status != 409:
            raise
        return _adopted(wire, site, action, name, made)
    container_id = reading.text(reading.mapping(answer, "answer to a creation"), "Id")
    _join(wire, container_id, made.connect)
    return container_id


def _adopted(wire: Wire, site: Site, action: RunReplica, name: str, made: context.Creation) -> str:
    """The container that holds the name, if it is this replica."""
    found = _holder(wire, name)
    if found is None:
        text = f"name {name} is taken by a container that the engine does not show: if it stays, restart the engine"
        raise Told(Result.TRANSIENT, text)
    container_id = _own(site, action, found)
    if action.due is None:
        _join(wire, container_id, made.connect, found.get("NetworkSettings"))
    return container_id


def _holder(wire: Wire, name: str) -> dict[str, Json] | None:
    """The container of this name as the engine inspects it."""
    try:
        return reading.mapping(wire.get(f"/containers/{quote(name, safe='')}/json"), "container")
    except Answered as error:
        if error.status == 404:
            return None
        raise


def _own(site: Site, action: RunReplica, found: Mapping[str, Json]) -> str:
    """The id of the container that holds the name of what `action` makes. Raises Told where it is something else."""
    container_id, marked = reading.text(found, "Id"), reading.labels(found.get("Config") or {})
    taken = f"name {labels.name_for(site.project, action)} is taken by container {container_id[:12]}"
    if marked.get(labels.OWNER) != site.owner:
        raise Told(Result.PERMANENT, f"{taken} that is not ours")
    if not labels.made_for(marked, action):
        raise Told(Result.PERMANENT, f"{taken}, ours of another {'spec' if action.due is None else 'run'}")
    return container_id


def _join(
    wire: Wire,
    container_id: str,
    connect: Iterable[tuple[str, Mapping[str, Any]]],
    settings: Mapping[str, Json] | None = None,
) -> None:
    """Join further networks; one that it is in already is left out."""
    joined = (settings or {}).get("Networks") or {}
    for network, endpoint in connect:
        if network not in joined:
            body = {"Container": container_id, "EndpointConfig": endpoint}
            wire.post(f"/networks/{quote(network, safe='')}/connect", body, version=wire.agreed.body)


def _surroundings(wire: Wire, site: Site, action: RunReplica) -> context.Surroundings:
    container = action.service.container
    emptied = container.command == () and container.entrypoint is None
    return context.Surroundings(
        api=wire.agreed.body,
        labels=labels.labels_for(site.owner, site.project, action),
        neighbours={
            name: _neighbour(wire, site.owner, name, must_run)
            for name, must_run in context.neighbours(container).items()
        },
        materials=materials.materialise(
            site.materials_dir,
            container.files,
            lambda copies: site.foreign.make(wire, container.image, container.platform, copies),
        ),
        profiles=materials.read_profiles(materials.seccomp_files(container)),
        image_entrypoint=_entrypoint(wire, container.image) if emptied else (),
    )


def _neighbour(wire: Wire, owner: str, service: str, must_run: bool) -> str:
    """The container of slot 1 of a service: a running one before any other, the newest before older ones."""
    marked = [f"{labels.OWNER}={owner}", f"{labels.SERVICE}={service}", f"{labels.SLOT}=1"]
    found = reading.items(
        wire.get("/containers/json", {"all": "1", "filters": json.dumps({"label": marked})}), "containers"
    )
    if not found:
        raise Told(Result.TRANSIENT, f"waits for a container of {service}")
    best = max(found, key=lambda item: (item.get("State") == "running", item.get("Created") or 0))
    if must_run and best.get("State") != "running":
        raise Told(Result.TRANSIENT, f"waits for {service} to run")
    return reading.text(best, "Id")


def _entrypoint(wire: Wire, image: str) -> tuple[str, ...]:
    body = reading.mapping(wire.get(f"/images/{quote(image, safe='/:@')}/json"), "image")
    return tuple((body.get("Config") or {}).get("Entrypoint") or ())


def _ensure_volumes(wire: Wire, site: Site, container: Container) -> None:
    """Make named volumes that are gone, from their specs.

    Asked before each creation, because the engine does not complain of a missing volume: it makes an empty local one,
    and a service whose data is on NFS would come up without it.
    """
    names = {m.source for m in container.mounts if m.kind is MountKind.VOLUME and m.source}
    specs = {volume.name: volume for volume in site.declared().volumes}
    for name in sorted(names):
        try:
            wire.get(f"/volumes/{quote(name, safe='')}")
        except Answered as error:
            if error.status != 404:
                raise
            if name not in specs:
                raise Told(Result.PERMANENT, f"volume {name} does not exist, and no file declares it") from error
            resources.create_volume(wire, specs[name], site.owner, site.project)


def _ensure_networks(wire: Wire, site: Site, container: Container) -> None:
    specs = {network.name: network for network in site.declared().networks}
    for name in sorted({attachment.network for attachment in container.networks}):
        try:
            wire.get(f"/networks/{quote(name, safe='')}")
        except Answered as error:
            if error.status != 404:
                raise
            if name not in specs:
                raise Told(Result.PERMANENT, f"network {name} does not exist, and no file declares it") from error
            resources.create_network(wire, specs[name], site.owner, site.project)
