"""What to do next about the replica set of the product's database: one step at most, never on a guess.

Rules:
1. A set is initiated only when every wanted member answers and says that it never was in one; by the server alone that
   has the first member that may become primary, so that two zpmds do not both do it.
2. A set is changed only through a primary, while a majority of its voters is healthy, and one member at a time.
3. A member is added without a vote and gets it once it has the data. Meanwhile nothing else is changed.
4. Members leave when those who are to stay are all in, and never where the rest would have no majority.
5. A primary is moved by priorities alone: MongoDB elects.
6. A member of a set of another name or id, or under another name, is a conflict: it is reported, and nothing is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from zpmd.model.replicaset import (
    MOST_VOTERS,
    AddMember,
    Change,
    ConfigMember,
    Decision,
    GrantVote,
    Initiate,
    Look,
    MemberState,
    RemoveMember,
    SetConfig,
    SetPriority,
    Standing,
    Wanted,
    WantedMember,
)

NEW_PRIORITY = 1.0
"""Of a member about whose priority nobody has an opinion: MongoDB's own default."""


def decide(wanted: Wanted, looks: Mapping[str, Look], own: Collection[str] = ()) -> Decision:
    """The next step. `looks` are by host, and hold at least the wanted members; `own` are the hosts of this server."""
    unfit = _unfit(wanted)
    if unfit:
        return Decision(name=wanted.name, waiting=(unfit,))
    conflicts = tuple(_conflicts(wanted, looks))
    leader = _leader(wanted, looks)
    if conflicts:
        return Decision(name=wanted.name, waiting=conflicts, standing=_standing(leader))
    if leader is not None:
        return _Changing(wanted, looks, leader).decision()
    if any(looks[m.host].standing is Standing.IN_SET for m in wanted.members):
        return Decision(name=wanted.name, standing=_without_leader(wanted, looks))
    strangers = [look for look in looks.values() if look.standing is Standing.IN_SET]
    if strangers:
        text = f"is not initiated: {strangers[0].host}, where the database is, belongs to a replica set already"
        return Decision(name=wanted.name, waiting=(text,))
    return _initiation(wanted, looks, own)


def first_electable(wanted: Wanted) -> WantedMember | None:
    """The member on which the set is initiated, by its own server."""
    return next((m for m in wanted.members if m.priority is None or m.priority > 0), None)


def _unfit(wanted: Wanted) -> str:
    if not wanted.members:
        return wanted.unknown or "no members are wanted"
    if len(wanted.members) > MOST_VOTERS:
        return f"{len(wanted.members)} members are wanted, and MongoDB lets no more than {MOST_VOTERS} vote"
    if first_electable(wanted) is None:
        return "every wanted member has priority 0: none could become primary"
    return ""


def _initiation(wanted: Wanted, looks: Mapping[str, Look], own: Collection[str]) -> Decision:
    waiting = []
    for member in wanted.members:
        look = looks[member.host]
        match look.standing:
            case Standing.SILENT:
                waiting.append(f"waits for {look.host} to answer before it is initiated{_because(look)}")
            case Standing.REFUSES:
                waiting.append(f"cannot tell whether it is initiated: {look.host} refuses{_because(look)}")
            case Standing.ALONE:
                waiting.append(f"{look.host} runs without --replSet {wanted.name}: start it with that option")
            case Standing.REMOVED:
                waiting.append(f"is not initiated: {look.host} was in a replica set before")
            case Standing.NEVER | Standing.IN_SET:
                pass
    first = first_electable(wanted)
    if waiting or first is None:
        return Decision(name=wanted.name, waiting=tuple(waiting))
    if first.host not in own:
        return Decision(name=wanted.name, waiting=(f"waits to be initiated by the server that has {first.host}",))
    return Decision(name=wanted.name, step=Initiate(at=first.host, members=wanted.members))


def _leader(wanted: Wanted, looks: Mapping[str, Look]) -> Look | None:
    """The primary of the newest term whose config can be read."""
    leaders = [k for k in looks.values() if k.primary and k.config is not None and k.config.name == wanted.name]
    return max(leaders, key=lambda k: (k.config.term if k.config else 0, k.host), default=None)


def _conflicts(wanted: Wanted, looks: Mapping[str, Look]) -> Iterator[str]:
    ids: dict[str, str] = {}
    hosts = {m.host for m in wanted.members}
    for look in sorted(looks.values(), key=lambda k: k.host):
        if look.config is None:
            continue
        if look.config.name == wanted.name:
            if look.config.id:
                ids.setdefault(look.config.id, look.host)
        elif look.host in hosts:
            yield f"{look.host} belongs to the replica set {look.config.name}: nothing is done"
    if len(ids) > 1:
        yield f"{' and '.join(ids.values())} belong to different replica sets of the same name: nothing is done"


def _without_leader(wanted: Wanted, looks: Mapping[str, Look]) -> str:
    """What is said of a set that no primary can be asked about."""
    for look in looks.values():
        primary = next((host for host, state in look.states.items() if state is MemberState.PRIMARY), "")
        if look.primary:
            return f"primary {look.me}, which does not show its config{_because(look)}"
        if primary:
            unseen = looks.get(primary)
            return f"the primary {primary} does not answer{_because(unseen) if unseen else ''}"
    answering = sum(look.standing is Standing.IN_SET for look in looks.values())
    return f"no primary; {answering} of {len(wanted.members)} members answer"


def _standing(leader: Look | None) -> str:
    if leader is None or leader.config is None:
        return ""
    members = leader.config.members
    healthy = sum(leader.states.get(m.host, MemberState.DOWN).healthy for m in members)
    return f"primary {leader.me}, {healthy} of {len(members)} healthy"


def _because(look: Look) -> str:
    return f" ({look.why})" if look.why else ""


def _majority(voters: int) -> int:
    return voters // 2 + 1


@dataclass(frozen=True, slots=True)
class _Changing:
    """A set that has a primary."""

    wanted: Wanted
    looks: Mapping[str, Look]
    leader: Look

    def decision(self) -> Decision:
        waiting: list[str] = []
        change = next(self._changes(waiting), None)
        return Decision(
            name=self.wanted.name,
            step=change,
            waiting=tuple(waiting),
            standing=_standing(self.leader),
            primary=self.leader.host,
            seen=(self.config.version, self.config.term),
        )

    def _changes(self, waiting: list[str]) -> Iterator[Change]:
        """What is to be changed, first things first; only the first is done, the rest is decided anew after it."""
        voters = self.config.voters
        if self._healthy(voters) < _majority(len(voters)):
            waiting.append(f"nothing is changed while {self._healthy(voters)} of {len(voters)} voters are healthy")
            return
        full = len(voters) >= MOST_VOTERS
        pending = [m for m in self._kept() if not m.votes]
        syncing = [m.host for m in pending if self._state(m) is MemberState.SYNCING]
        if syncing:
            waiting.append(f"nothing is changed while {' and '.join(syncing)} fetches the data")
            return
        if not full:
            yield from self._grants(pending, waiting)
            if not pending:
                yield from self._additions(waiting)
        yield from self._priorities(waiting)
        if full or self._all_in():
            yield from self._removals(waiting)
        else:
            staying = [m.host for m in self._unwanted()]
            waiting += [f"{host} stays until the other members are in" for host in staying]

    def _grants(self, pending: list[ConfigMember], waiting: list[str]) -> Iterator[Change]:
        for member in pending:
            if self._state(member).healthy:
                wish = self._wish(member)
                yield GrantVote(host=member.host, priority=NEW_PRIORITY if wish is None else wish)
            else:
                waiting.append(f"{member.host} was added and does not answer: it has no vote")

    def _additions(self, waiting: list[str]) -> Iterator[Change]:
        for member in self.wanted.members:
            if self.config.member(member.host) is not None:
                continue
            look = self.looks[member.host]
            match look.standing:
                case Standing.NEVER | Standing.REMOVED:
                    yield AddMember(host=member.host)
                case Standing.IN_SET if look.config and look.config.member(member.host):
                    waiting.append(f"{member.host} has not heard yet that it was removed")
                case Standing.IN_SET:
                    waiting.append(f"{member.host} is a member by the name of {look.me}: name it so, or rename it")
                case Standing.ALONE:
                    waiting.append(f"{member.host} cannot be added: it runs without --replSet {self.wanted.name}")
                case _:
                    waiting.append(f"waits for {member.host} to answer before it is added{_because(look)}")

    def _priorities(self, waiting: list[str]) -> Iterator[Change]:
        """Raised before others are lowered, so that the primary moves once."""
        due: list[SetPriority] = []
        for member in (*self._kept(), *self._unwanted()):
            wish = self._wish(member)
            if wish is None or not member.votes or wish == member.priority:
                continue
            if member.host != self.leader.me or wish > 0:
                due.append(SetPriority(host=member.host, priority=wish))
            else:
                # MongoDB refuses a primary that could not be elected: below all others it is replaced by election
                floor = self._floor(member.host)
                if floor is None:
                    waiting.append(f"{member.host} stays primary: no other member is healthy and may become primary")
                elif member.priority > floor:
                    due.append(SetPriority(host=member.host, priority=floor, why="so that another becomes primary"))
                else:
                    waiting.append(f"waits for another primary than {member.host} to be elected")
        raised = [s for s in due if s.priority > self._priority(s.host)]
        yield from sorted(raised, key=lambda s: -s.priority)
        yield from (s for s in due if s not in raised)

    def _removals(self, waiting: list[str]) -> Iterator[Change]:
        leaving = [m for m in self._unwanted() if m.host != self.leader.me]
        for member in sorted(leaving, key=lambda m: (self._state(m).healthy, m.host)):
            rest = [m for m in self.config.voters if m is not member]
            if member.votes and self._healthy(rest) < _majority(len(rest)):
                waiting.append(f"{member.host} stays: without it the healthy members would be no majority")
            else:
                yield RemoveMember(host=member.host)

    @property
    def config(self) -> SetConfig:
        assert self.leader.config is not None
        return self.leader.config

    def _kept(self) -> list[ConfigMember]:
        hosts = {m.host for m in self.wanted.members}
        return [m for m in self.config.members if m.host in hosts]

    def _unwanted(self) -> list[ConfigMember]:
        hosts = {m.host for m in self.wanted.members}
        return [m for m in self.config.members if m.host not in hosts]

    def _all_in(self) -> bool:
        return sum(bool(m.votes) for m in self._kept()) == len(self.wanted.members)

    def _state(self, member: ConfigMember) -> MemberState:
        return self.leader.states.get(member.host, MemberState.DOWN)

    def _healthy(self, members: Collection[ConfigMember]) -> int:
        return sum(self._state(m).healthy for m in members)

    def _priority(self, host: str) -> float:
        member = self.config.member(host)
        return member.priority if member else 0.0

    def _wish(self, member: ConfigMember) -> float | None:
        """The priority that it is to have; None: the one it has. Of those that leave, the primary alone matters."""
        if member.bound:
            return 0.0
        for wanted in self.wanted.members:
            if wanted.host == member.host:
                return wanted.priority
        return 0.0 if member.host == self.leader.me else None

    def _floor(self, host: str) -> float | None:
        """A priority below that of every other healthy member that stays and may become primary; None without one."""
        others = [
            m.priority
            for m in self._kept()
            if m.host != host and m.votes and m.priority > 0 and self._wish(m) != 0 and self._state(m).healthy
        ]
        return min(others) / 2 if others else None
