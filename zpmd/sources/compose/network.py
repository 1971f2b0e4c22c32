"""How a container is reached: networks, ports, names and hosts."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace

from zpmd.model.container import NetworkAttachment, Pairs, PortBinding
from zpmd.sources.compose import vocabulary
from zpmd.sources.compose.objects import Objects
from zpmd.sources.nodes import Map, Scalar, Sequence, shortened
from zpmd.sources.reading import Cursor, Fields

MAX_PORTS = 4096
"""Of one service; each costs the engine a process."""

RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
PROTOCOLS = ("tcp", "udp", "sctp")
NOT_A_PORT = 'is not a port: write for example "8080:80", "127.0.0.1:8080:80/udp" or "8000-8010:80"'

Ports = list[tuple[PortBinding, Cursor]]
"""Each with the place that asked for it."""


def attachments(cursor: Cursor, objects: Objects, project: str) -> tuple[NetworkAttachment, ...]:
    """The networks of a service, `default` where it names none; the one with the highest priority comes first."""
    found: list[NetworkAttachment] = []
    if isinstance(cursor.node, Sequence):
        found = [attachment(item, item.text(), objects, project, short=True) for item in cursor.items()]
    else:
        found = [attachment(value, key, objects, project) for key, value in cursor.entries()]
    if not found:
        found = [NetworkAttachment(network=objects.network(cursor, "default", project).name)]
    return tuple(sorted(found, key=lambda a: (-a.priority, a.network)))


def attachment(cursor: Cursor, key: str, objects: Objects, project: str, short: bool = False) -> NetworkAttachment:
    name = objects.network(cursor, key, project).name
    if short or not cursor.written:
        return NetworkAttachment(network=name)
    f = cursor.fields(vocabulary.ATTACHMENT)
    return NetworkAttachment(
        network=name,
        aliases=tuple(sorted(set(f["aliases"].texts()))),
        ipv4_address=f["ipv4_address"].converted(address, ""),
        ipv6_address=f["ipv6_address"].converted(address, ""),
        link_local_ips=tuple(sorted(f["link_local_ips"].texts())),
        mac_address=f["mac_address"].text(),
        driver_opts=f["driver_opts"].pairs(),
        priority=f["priority"].integer(),
        gw_priority=f["gw_priority"].integer(),
        interface_name=f["interface_name"].text(),
    )


def address(text: str) -> str:
    """An IP address without brackets, "" for none."""
    bare = text.removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(bare)) if bare else ""
    except ValueError as error:
        raise ValueError("is not an IP address") from error


def network_mode(fields: Fields) -> str:
    """ "" where the service is on networks of its own."""
    cursor = fields["network_mode"]
    mode = cursor.text()
    if not mode or mode == "default":
        return "bridge" if mode else ""
    kind, colon, name = mode.partition(":")
    if not (mode in ("none", "host", "bridge") or (colon and kind in ("service", "container") and name)):
        cursor.problem(
            f"{shortened(mode)!r} is not a network mode: write none, host, bridge, service:NAME or container:NAME, "
            "or list networks under `networks`"
        )
        return ""
    if "networks" in fields:
        cursor.problem_at_key("network_mode and networks exclude each other: remove one of them")
    if "ports" in fields and mode != "bridge":
        cursor.problem_at_key(f"ports cannot be published with network_mode {mode}: remove ports, or network_mode")
    return mode


# ports


def ports(cursor: Cursor) -> Ports:
    """`ports`, every range of targets spelt out; what is written twice is there once."""
    found: dict[PortBinding, Cursor] = {}
    for item in cursor.items():
        nothing: list[PortBinding] = []
        bindings = long_port(item) if isinstance(item.node, Map) else item.converted(short_port, nothing)
        for binding in bindings:
            found.setdefault(binding, item)
        if len(found) > MAX_PORTS:
            item.problem(f"more than {MAX_PORTS} ports are published: use network_mode host")
            return []
    return list(found.items())


def ordered(found: Ports) -> tuple[PortBinding, ...]:
    return tuple(sorted((b for b, _ in found), key=lambda b: (b.target, b.protocol, b.host_ip, b.published, b.name)))


def port_range(text: str) -> tuple[int, int]:
    """First and last port of `80` or `80-90`. Raises ValueError."""
    match = RANGE.fullmatch(text)
    if not match:
        raise ValueError(NOT_A_PORT)
    first = int(match.group(1))
    last = int(match.group(2) or first)
    if not 1 <= first <= last <= 65535:
        raise ValueError("is not a port: ports go from 1 to 65535, the lower one first")
    if last - first >= MAX_PORTS:
        raise ValueError(f"is too wide a range: {MAX_PORTS} ports is the limit, or use network_mode host")
    return first, last


def short_port(text: str) -> list[PortBinding]:
    """`[[IP:]HOST:]CONTAINER[/PROTOCOL]`. Raises ValueError."""
    body, slash, protocol = text.partition("/")
    if slash and protocol.lower() not in PROTOCOLS:
        raise ValueError("has an unknown protocol: write /tcp, /udp or /sctp")
    rest, _, container = body.rpartition(":")
    ip, _, host = rest.rpartition(":")
    target = port_range(container)
    base = PortBinding(target=target[0], host_ip=address(ip), protocol=protocol.lower() or "tcp")
    if not host:
        return [replace(base, target=port) for port in range(target[0], target[1] + 1)]
    published = port_range(host)
    if target[0] == target[1]:
        return [replace(base, published=host if published[0] != published[1] else str(published[0]))]
    if published[1] - published[0] != target[1] - target[0]:
        raise ValueError("has ranges of different length: make them equal, or publish to a single container port")
    offset = published[0] - target[0]
    return [replace(base, target=p, published=str(p + offset)) for p in range(target[0], target[1] + 1)]


def long_port(cursor: Cursor) -> list[PortBinding]:
    f = cursor.fields(vocabulary.PORT)
    target = f.required("target", "write the container's port").integer(low=1, high=65535)
    binding = PortBinding(
        target=target,
        published=f["published"].converted(published_port, ""),
        host_ip=f["host_ip"].converted(address, ""),
        protocol=f["protocol"].word({p: p for p in PROTOCOLS}, default="tcp"),
        mode=f["mode"].word({"ingress": "ingress", "host": "host"}, default="ingress"),
        app_protocol=f["app_protocol"].text(),
        name=f["name"].text(),
    )
    return [binding] if target else []


def published_port(text: str) -> str:
    if not text:
        return ""
    first, last = port_range(text)
    return str(first) if first == last else f"{first}-{last}"


def exposed(cursor: Cursor) -> tuple[str, ...]:
    """`expose` as `port/protocol`, ranges spelt out, sorted."""
    found: set[tuple[int, str]] = set()
    for item in cursor.items():
        nothing: list[tuple[int, str]] = []
        found.update(item.converted(exposed_range, nothing))
    return tuple(f"{port}/{protocol}" for port, protocol in sorted(found)[:65535])


def exposed_range(text: str) -> list[tuple[int, str]]:
    body, _, protocol = text.partition("/")
    if protocol and protocol not in PROTOCOLS:
        raise ValueError("has an unknown protocol: write /tcp, /udp or /sctp")
    first, last = port_range(body)
    return [(port, protocol or "tcp") for port in range(first, last + 1)]


def extra_hosts(cursor: Cursor) -> Pairs:
    """(host, address) pairs; a host may have several addresses."""
    if isinstance(cursor.node, Map):
        found = [(host, item.text()) for host, value in cursor.all_entries() for item in value.one_or_many()]
    else:
        found = [pair for item in cursor.items() if (pair := item.converted(extra_host, ("", "")))[0]]
    return tuple(sorted((host, ip.removeprefix("[").removesuffix("]")) for host, ip in found))


def extra_host(text: str) -> tuple[str, str]:
    host, separator, ip = text.partition("=" if "=" in text else ":")
    if not host or not separator or not ip:
        raise ValueError("is not a host: write HOST=ADDRESS")
    return host, ip


def texts_of(cursor: Cursor) -> tuple[str, ...]:
    """`dns` and its like: one text or a list, the order kept."""
    if isinstance(cursor.node, Scalar) and cursor.written:
        return (cursor.text(),)
    return cursor.texts()
