"""MongoDB's own documents about a replica set, read into the model and changed by a step.

Rule: what is not named here is kept as it is, whatever a later MongoDB puts there.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from zpmd.model.replicaset import (
    AddMember,
    Change,
    ConfigMember,
    GrantVote,
    Initiate,
    MemberState,
    RemoveMember,
    SetConfig,
    SetPriority,
    spelled,
)
from zpmd.planning.replicaset import NEW_PRIORITY

Document = Mapping[str, Any]

HIGHEST_NUMBER = 255
_STATES = MappingProxyType(
    {1: MemberState.PRIMARY, 2: MemberState.SECONDARY, 7: MemberState.ARBITER}
    | dict.fromkeys((0, 3, 5, 9), MemberState.SYNCING)
)


def config_of(document: Document) -> SetConfig:
    """The `config` that `replSetGetConfig` answers."""
    settings = document.get("settings") or {}
    return SetConfig(
        name=str(document["_id"]),
        id=str(settings.get("replicaSetId", "")),
        version=int(document["version"]),
        term=int(document.get("term", 0)),
        members=tuple(_member(m) for m in document["members"]),
    )


def _member(document: Document) -> ConfigMember:
    return ConfigMember(
        number=int(document["_id"]),
        host=spelled(str(document["host"])),
        priority=float(document.get("priority", 1)),
        votes=int(document.get("votes", 1)),
        bound=_bound(document),
    )


def _bound(document: Document) -> str:
    if document.get("arbiterOnly"):
        return "an arbiter"
    if document.get("hidden"):
        return "hidden"
    if document.get("secondaryDelaySecs") or document.get("slaveDelay"):
        return "delayed"
    return "" if document.get("buildIndexes", True) else "without indexes"


def states_of(status: Document) -> tuple[str, Mapping[str, MemberState]]:
    """Of what `replSetGetStatus` answers: the name of the one that was asked, and how it sees all members."""
    me, states = "", {}
    for member in status.get("members", ()):
        host = spelled(str(member["name"]))
        up = bool(member.get("health")) and member.get("health") != -1
        states[host] = _STATES.get(int(member["state"]), MemberState.DOWN) if up else MemberState.DOWN
        if member.get("self"):
            me = host
    return me, MappingProxyType(states)


def initial(name: str, step: Initiate) -> dict[str, Any]:
    """The document for `replSetInitiate`."""
    members = [
        {"_id": number, "host": m.host, "priority": NEW_PRIORITY if m.priority is None else m.priority}
        for number, m in enumerate(step.members)
    ]
    return {"_id": name, "members": members}


def changed(document: Document, change: Change) -> dict[str, Any]:
    """The document for `replSetReconfig`: one version on, so that it is refused where another was quicker."""
    new = copy.deepcopy(dict(document))
    new["version"] = int(new["version"]) + 1
    members: list[dict[str, Any]] = new["members"]
    match change:
        case AddMember():
            members.append({"_id": _free_number(members), "host": change.host, "priority": 0, "votes": 0})
        case RemoveMember():
            new["members"] = [m for m in members if spelled(str(m["host"])) != change.host]
        case GrantVote():
            _named(members, change.host).update(votes=1, priority=change.priority)
        case SetPriority():
            _named(members, change.host).update(priority=change.priority)
    return new


def _named(members: Sequence[dict[str, Any]], host: str) -> dict[str, Any]:
    return next(m for m in members if spelled(str(m["host"])) == host)


def _free_number(members: Sequence[Document]) -> int:
    """Above all others, because MongoDB tells members apart by it; a gap only where it ends."""
    taken = {int(m["_id"]) for m in members}
    above = max(taken, default=-1) + 1
    return above if above <= HIGHEST_NUMBER else min(set(range(HIGHEST_NUMBER + 1)) - taken)
