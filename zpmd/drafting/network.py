"""How a container is reached: networks, ports, names and hosts; and what the networks of a project are."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zpmd.drafting.words import Facts, name_of

PROJECT = "com.docker.compose.project"
NETWORK = "com.docker.compose.network"
INTERFACE = "com.docker.network.endpoint.ifname"
FIRST_TO_TELL, FIRST_AT_RANDOM = 25, 28
POOLS = tuple(
    ipaddress.ip_network(text)
    for text in ("172.17.0.0/16", "172.18.0.0/15", "172.20.0.0/14", "172.24.0.0/13", "192.168.0.0/16")
)
"""Where the engine takes subnets from by itself (moby, libnetwork/ipamutils)."""


@dataclass
class Attached:
    """`networks` and ports of a service; the engine's networks that it is on, each by its key in the file."""

    keys: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    fixed: bool = False
    """It has an address of its own, so its network needs the subnet that it has."""


def attached(
    inspected: Mapping[str, Any],
    mode: str,
    known: Mapping[str, Any],
    project: str,
    own_names: Sequence[str],
    engine: str,
) -> Attached:
    """`mode` is the network mode with containers as services (see `service.py`); `own_names` are those that a replica
    answers to without being told; `engine` is the engine's version."""
    found = Attached()
    endpoints = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    if mode in ("host", "none") or mode.startswith(("service:", "container:")):
        found.keys["network_mode"] = mode
        return found
    if not project and mode in ("default", "bridge"):
        found.keys["network_mode"] = "bridge"
        others = [name for name in endpoints if name != "bridge"]
        if others:
            found.notes.append(f"the networks {', '.join(others)} beside the engine's own bridge")
        return found
    written: dict[str, Any] = {}
    implied = {*own_names, str(inspected.get("Id", ""))[:12]}
    for name in sorted(endpoints):
        if name == "bridge":
            found.keys["network_mode"] = "bridge"
            return found
        key = found.names[name] = key_of(name, known, project)
        written[key] = _attachment(endpoints[name] or {}, implied, found, engine)
    if set(written) != {"default"} or any(written.values()):
        found.keys["networks"] = {k: v or None for k, v in written.items()} if any(written.values()) else list(written)
    return found


def _attachment(endpoint: Mapping[str, Any], implied: set[str], found: Attached, engine: str) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if aliases := sorted(set(endpoint.get("Aliases") or ()) - implied):
        entry["aliases"] = aliases
    address = endpoint.get("IPAMConfig") or {}
    for key, word in (("IPv4Address", "ipv4_address"), ("IPv6Address", "ipv6_address")):
        if address.get(key):
            entry[word] = address[key]
            found.fixed = True
    if address.get("LinkLocalIPs"):
        entry["link_local_ips"] = list(address["LinkLocalIPs"])
    options = dict(endpoint.get("DriverOpts") or {})
    if interface := options.pop(INTERFACE, ""):
        entry["interface_name"] = interface
    if options:
        entry["driver_opts"] = options
    if mac := _chosen_mac(endpoint, engine):
        entry["mac_address"] = mac
    if endpoint.get("GwPriority"):
        entry["gw_priority"] = endpoint["GwPriority"]
    return entry


def _chosen_mac(endpoint: Mapping[str, Any], engine: str) -> str:
    """The MAC address where somebody chose it. Engines from 25 tell it here, among those that they made themselves:
    made of the IP address until 27; from 28 on they are random, and nobody can tell."""
    major = engine.partition(".")[0]
    mac = str(endpoint.get("MacAddress") or "")
    if not mac or not major.isdecimal() or not FIRST_TO_TELL <= int(major) < FIRST_AT_RANDOM:
        return ""
    octets = str(endpoint.get("IPAddress") or "").split(".")
    made = "02:42:" + ":".join(f"{int(o):02x}" for o in octets if o.isdecimal())
    return "" if mac.lower() == made else mac


def key_of(name: str, known: Mapping[str, Any], project: str) -> str:
    """The key that Compose knew the network by where it is this project's, or its name. No two have the same."""
    key = ((known.get(name) or {}).get("Labels") or {}).get(NETWORK)
    return str(key) if key and key not in known and is_own(name, known, project) else name_of(name)


def is_own(name: str, known: Mapping[str, Any], project: str) -> bool:
    """Whether it was made by Compose for this project: then `down` removes it, and it has to be made again."""
    labels = (known.get(name) or {}).get("Labels") or {}
    return bool(project) and labels.get(PROJECT) == project


def defined(name: str, key: str, known: Mapping[str, Any], project: str, *, fixed: bool) -> dict[str, Any] | None:
    """The network as the file declares it; None where nothing need be said. `fixed`: its subnet is part of it."""
    if not is_own(name, known, project):
        return {"name": name, "external": True}
    network = known[name]
    entry: dict[str, Any] = {} if name == f"{project}_{key}" else {"name": name}
    if network.get("Driver", "bridge") != "bridge":
        entry["driver"] = network["Driver"]
    if network.get("Options"):
        entry["driver_opts"] = dict(network["Options"])
    for flag, word in (("Internal", "internal"), ("EnableIPv6", "enable_ipv6")):
        if network.get(flag):
            entry[word] = True
    labels = {k: v for k, v in (network.get("Labels") or {}).items() if not k.startswith("com.docker.compose")}
    entry |= {"labels": labels} if labels else {}
    entry |= _ipam(network.get("IPAM") or {}, fixed=fixed)
    return entry or None if key == "default" else entry


def _ipam(ipam: Mapping[str, Any], *, fixed: bool) -> dict[str, Any]:
    """The subnets, unless the engine chose them by itself and nobody relies on them."""
    pools = []
    for pool in ipam.get("Config") or []:
        words = (("Subnet", "subnet"), ("IPRange", "ip_range"), ("Gateway", "gateway"))
        entry: dict[str, Any] = {word: pool[key] for key, word in words if pool.get(key)}
        if pool.get("AuxiliaryAddresses"):
            entry["aux_addresses"] = dict(pool["AuxiliaryAddresses"])
        chosen = _from_a_pool(entry.get("subnet", "")) and not {"ip_range", "aux_addresses"} & set(entry)
        pools += [entry] if fixed or not chosen else []
    written: dict[str, Any] = {"config": pools} if pools else {}
    if ipam.get("Driver", "default") != "default":
        written["driver"] = ipam["Driver"]
    if ipam.get("Options"):
        written["options"] = dict(ipam["Options"])
    return {"ipam": written} if written else {}


def _from_a_pool(subnet: str) -> bool:
    try:
        network = ipaddress.ip_network(subnet, strict=False)
    except ValueError:
        return False
    return any(network.version == pool.version and network.subnet_of(pool) for pool in POOLS)  # type: ignore[arg-type]


def ports(host: Facts, image: Mapping[str, Any]) -> tuple[list[str], set[str]]:
    """`ports` in their short form, and the container's ports that they publish, as `80/tcp`."""
    bindings: dict[str, Any] = dict(host.take("PortBindings", {}))
    if host.take("PublishAllPorts", default=False):
        bindings |= {port: [{}] for port in image.get("ExposedPorts") or {} if port not in bindings}
    written = []
    for port in sorted(bindings, key=lambda p: (int(p.partition("/")[0].partition("-")[0] or 0), p)):
        target, _, protocol = port.partition("/")
        suffix = "" if protocol in ("", "tcp") else f"/{protocol}"
        for binding in bindings[port] or [{}]:
            ip, published = binding.get("HostIp") or "", binding.get("HostPort") or ""
            published = "" if published == "0" else published
            address = f"[{ip}]" if ":" in ip else ip
            before = f"{address}:{published}:" if address else f"{published}:" if published else ""
            written.append(f"{before}{target}{suffix}")
    return written, set(bindings)


def hosts(host: Facts) -> dict[str, Any]:
    """Name servers and names of other hosts."""
    keys: dict[str, Any] = {}
    for key, word in (("Dns", "dns"), ("DnsOptions", "dns_opt"), ("DnsSearch", "dns_search")):
        if values := host.take(key, []):
            keys[word] = list(values)
    if values := host.take("ExtraHosts", []):
        keys["extra_hosts"] = ["=".join(text.split(":", 1)) for text in values]
    return keys
