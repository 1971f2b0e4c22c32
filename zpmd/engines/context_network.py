"""A container's networks, ports and names of other hosts, as the engine's JSON (pure; the rules are in context.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zpmd.engines.uncreatable import Uncreatable, Version, joined, need
from zpmd.model.container import Container, NetworkAttachment

ENDPOINT_MAC: Version = (1, 44)
"""Before, an address could only be asked for by the container, for its first network."""

SHORT_ID = 12
"""Digits of an id under which a network's name server knows a container; by the whole of it it does not."""

Endpoint = tuple[str, dict[str, Any]]


def endpoints(service: str, container: Container, api: Version, neighbours: Mapping[str, str]) -> list[Endpoint]:
    """(network, EndpointSettings) for each attachment, the one with the highest priority first: it is created with."""
    if container.network_mode:
        return []
    ranked = sorted(container.networks, key=lambda n: (-n.priority, n.network))
    result = []
    for index, attachment in enumerate(ranked):
        if attachment.mac_address and index:
            need(api, ENDPOINT_MAC, f"mac_address of network {attachment.network}")
        if attachment.gw_priority:
            need(api, (1, 48), "gw_priority")
        if attachment.interface_name:
            need(api, (1, 49), "interface_name")
        mac = attachment.mac_address or (container.mac_address if not index else "")
        result.append((attachment.network, _endpoint(service, container, attachment, mac, api, neighbours)))
    return result


def mac_of_container(container: Container, api: Version) -> str:
    """Config.MacAddress: where there is no endpoint to carry it."""
    first = min(container.networks, key=lambda n: (-n.priority, n.network), default=None)
    if first is not None and not container.network_mode:
        return "" if api >= ENDPOINT_MAC else first.mac_address or container.mac_address
    return container.mac_address


def host_config(container: Container, neighbours: Mapping[str, str]) -> dict[str, Any]:
    """The part of HostConfig that is about the network."""
    ranked = sorted(container.networks, key=lambda n: (-n.priority, n.network))
    mode = joined(container.network_mode, neighbours) if container.network_mode else ""
    body: dict[str, Any] = {
        "NetworkMode": mode or (ranked[0].network if ranked else ""),
        "PortBindings": _port_bindings(container),
        "Dns": list(container.dns),
        "DnsOptions": list(container.dns_opt),
        "DnsSearch": list(container.dns_search),
        "ExtraHosts": [f"{host}:{address}" for host, address in container.extra_hosts],
        # on networks of their own, links belong to the endpoints
        "Links": _links(container, neighbours) if mode or not ranked else [],
    }
    return {key: value for key, value in body.items() if value}


def _endpoint(
    service: str,
    container: Container,
    attachment: NetworkAttachment,
    mac: str,
    api: Version,
    neighbours: Mapping[str, str],
) -> dict[str, Any]:
    address: dict[str, Any] = {
        "IPv4Address": attachment.ipv4_address,
        "IPv6Address": attachment.ipv6_address,
        "LinkLocalIPs": list(attachment.link_local_ips),
    }
    options = dict(attachment.driver_opts)
    if attachment.interface_name:
        options["com.docker.network.endpoint.ifname"] = attachment.interface_name
    body: dict[str, Any] = {
        "Aliases": list(dict.fromkeys((service, *attachment.aliases))),
        "IPAMConfig": {key: value for key, value in address.items() if value},
        "MacAddress": mac if api >= ENDPOINT_MAC else "",
        "DriverOpts": options,
        "GwPriority": attachment.gw_priority,
        "Links": _links(container, {name: each[:SHORT_ID] for name, each in neighbours.items()}),
    }
    return {key: value for key, value in body.items() if value}


def _port_bindings(container: Container) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in container.ports:
        published = {"HostIp": port.host_ip, "HostPort": port.published}
        bindings.setdefault(f"{port.target}/{port.protocol}", []).append(published)
    return bindings


def _links(container: Container, neighbours: Mapping[str, str]) -> list[str]:
    links = []
    for link in container.links:
        name, _, alias = link.partition(":")
        if name not in neighbours:
            raise Uncreatable(f"link to {name}: it has no container")
        links.append(f"{neighbours[name]}:{alias or name}")
    for link in container.external_links:
        name, _, alias = link.partition(":")
        links.append(f"{name}:{alias or name}")
    return links
