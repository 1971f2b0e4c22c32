"""Volumes and networks: made with our labels, removed only with them. Making what exists and removing what is gone is
done already."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from zpmd.engines import labels
from zpmd.engines.dockerd import reading
from zpmd.engines.dockerd.faults import Answered, Told
from zpmd.engines.dockerd.wire import Wire
from zpmd.engines.uncreatable import need
from zpmd.model.events import Result
from zpmd.model.service import IpamPool, NetworkSpec, VolumeSpec


def create_volume(wire: Wire, volume: VolumeSpec, owner: str, project: str) -> None:
    """NFS needs nothing special: `driver_opts` go to the local driver, which mounts at the first start."""
    if volume.external:
        raise Told(Result.PERMANENT, f"volume {volume.name} is external and does not exist: create it by hand")
    body = {
        "Name": volume.name,
        "Driver": volume.driver or "local",
        "DriverOpts": dict(volume.driver_opts),
        "Labels": {**dict(volume.labels), **labels.owned(owner, project)},
    }
    wire.post("/volumes/create", body)


def create_network(wire: Wire, network: NetworkSpec, owner: str, project: str) -> None:
    if network.external:
        raise Told(Result.PERMANENT, f"network {network.name} is external and does not exist: create it by hand")
    if network.enable_ipv4 is False:
        need(wire.agreed.body, (1, 47), f"enable_ipv4: false of network {network.name}")
    body: dict[str, Any] = {
        "Name": network.name,
        "CheckDuplicate": True,  # before API 1.44, names of networks are not unique by themselves
        "Driver": network.driver or "bridge",
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Options": dict(network.driver_opts),
        "Labels": {**dict(network.labels), **labels.owned(owner, project)},
        "IPAM": {
            "Driver": network.ipam_driver or "default",
            "Options": dict(network.ipam_options),
            "Config": [_pool(pool) for pool in network.ipam_pools],
        },
    }
    if network.enable_ipv6 is not None:
        body["EnableIPv6"] = network.enable_ipv6
    if network.enable_ipv4 is not None and wire.agreed.body >= (1, 47):
        body["EnableIPv4"] = network.enable_ipv4
    try:
        wire.post("/networks/create", body, version=wire.agreed.body)
    except Answered as error:
        if error.status != 409:
            raise


def remove_volume(wire: Wire, name: str, owner: str) -> None:
    _remove(wire, "volume", f"/volumes/{quote(name, safe='')}", owner)


def remove_network(wire: Wire, name: str, owner: str) -> None:
    _remove(wire, "network", f"/networks/{quote(name, safe='')}", owner)


def _pool(pool: IpamPool) -> dict[str, Any]:
    body = {
        "Subnet": pool.subnet,
        "Gateway": pool.gateway,
        "IPRange": pool.ip_range,
        "AuxiliaryAddresses": dict(pool.aux_addresses),
    }
    return {key: value for key, value in body.items() if value}


def _remove(wire: Wire, what: str, path: str, owner: str) -> None:
    """Remove it if its labels, read just now, are ours. Networks go by id: a name may be another's by then."""
    try:
        found = reading.mapping(wire.get(path), what)
        name = reading.text(found, "Name")
        if reading.labels(found).get(labels.OWNER) != owner:
            raise Told(Result.PERMANENT, f"{what} {name} is not ours: it is left alone")
        wire.delete(f"/networks/{reading.text(found, 'Id')}" if what == "network" else path)
    except Answered as error:
        if error.status == 404:
            return
        if error.status in (403, 409):  # in use: by a container that is about to go, or by somebody else's
            raise Told(Result.TRANSIENT, error.message) from error
        raise
