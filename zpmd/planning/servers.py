"""What follows from the `servers` rows: which of them is this host, its role, and the members of the replica set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from zpmd.model.replicaset import Wanted, WantedMember, spelled
from zpmd.model.tenant import Server

DATABASE_VM = "database"


def own_server(servers: Iterable[Server], server_name: str) -> Server | None:
    """The row of this host; names are compared without regard to case. None where there is none, or more than one."""
    found = [s for s in servers if s.name.lower() == server_name.lower()]
    return found[0] if len(found) == 1 else None


def role_and_vms(role: str, vms: tuple[str, ...], own: Server | None) -> tuple[str, tuple[str, ...]]:
    """What this host is: its row of `servers` goes before the settings, for each of the two that the row says."""
    if own is None:
        return role, vms
    return own.role or role, own.vms or vms


def wanted_members(
    name: str,
    members: Iterable[tuple[str, float | None]],
    priorities: Mapping[str, float],
    servers: Iterable[Server],
) -> Wanted:
    """The replica set that is to be: of the members in the settings, or else of the database VMs among the servers.

    A member's own priority goes before that of its server's role. Where neither is said it is None, and not a guess by
    the role of this host: the zpmds of all hosts must want the same, or they would undo each other's work.
    """
    rows = list(servers)
    roles = {host: s.role for s in rows if (host := spelled(s.db_host))}
    pairs = [(spelled(host), priority) for host, priority in members]
    if not pairs:
        pairs = [(spelled(s.db_host), None) for s in rows if spelled(s.db_host) and DATABASE_VM in s.vms]
        pairs.sort(key=lambda pair: (-priorities.get(roles[pair[0]], 1.0), pair[0]))
    found: dict[str, WantedMember] = {}
    for host, priority in pairs:
        by_role = priorities.get(roles.get(host, ""))
        member = WantedMember(host=host, priority=by_role if priority is None else priority)
        if host:
            found.setdefault(host, member)
    unknown = "its members are not known: name them in the settings, or give the database servers their db_host"
    return Wanted(name=name, members=tuple(found.values()), unknown="" if found else unknown)
