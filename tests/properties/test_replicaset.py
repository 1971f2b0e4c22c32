"""The keeping of a replica set, on a small model of one that refuses what MongoDB refuses.

The model knows votes, priorities, elections, initial sync and members that come and go. After any misfortune, once
everybody is up again, the steps end in what is wanted, and then there are none.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from zpmd.model.replicaset import (
    Change,
    Decision,
    Initiate,
    Look,
    MemberState,
    SetConfig,
    Standing,
    Step,
    Wanted,
    WantedMember,
)
from zpmd.planning.replicaset import decide
from zpmd.sources.mongo.replicaset_documents import changed, config_of, initial

HOSTS = tuple(f"h{n}:27017" for n in range(9))
Document = dict[str, object]


@dataclass
class Site:
    """Some mongods, and the replica set that some of them are in. `data` are those that have it."""

    up: set[str] = field(default_factory=lambda: set(HOSTS))
    data: set[str] = field(default_factory=set)
    document: Document | None = None
    primary: str = ""
    refused: int = 0

    @property
    def config(self) -> SetConfig:
        assert self.document is not None
        return config_of(self.document)

    def state(self, host: str) -> MemberState:
        if host not in self.up:
            return MemberState.DOWN
        if host not in self.data:
            return MemberState.SYNCING
        return MemberState.PRIMARY if host == self.primary else MemberState.SECONDARY

    def has_majority(self) -> bool:
        voters = self.config.voters
        return sum(self.state(m.host).healthy for m in voters) > len(voters) // 2

    def elect(self) -> None:
        """The healthy voter of the highest priority, one that holds the office before its equals."""
        if self.document is None:
            return
        able = [m for m in self.config.voters if m.priority > 0 and m.host in self.up & self.data]
        able.sort(key=lambda m: (-m.priority, m.host != self.primary, m.host))
        elected = able[0].host if able and self.has_majority() else ""
        if elected and elected != self.primary:
            self.document = {**self.document, "term": self.config.term + 1}
        self.primary = elected

    def look(self, host: str) -> Look:
        if host not in self.up:
            return Look(host=host, standing=Standing.SILENT)
        if self.document is None or (host not in self.data and self.config.member(host) is None):
            return Look(host=host, standing=Standing.NEVER)
        if self.config.member(host) is None:
            return Look(host=host, standing=Standing.REMOVED, config=self.config)
        states = {m.host: self.state(m.host) for m in self.config.members}
        return Look(host=host, standing=Standing.IN_SET, me=host, config=self.config, states=states)

    def initiate(self, step: Initiate) -> None:
        assert self.document is None, "it was initiated twice"
        assert {m.host for m in step.members} <= self.up, "MongoDB asks every member before it initiates"
        new = {**initial("rs0", step), "version": 1, "term": 1, "settings": {"replicaSetId": "x", "kept": True}}
        self.document, self.data = new, {m.host for m in step.members}
        self.elect()

    def reconfigure(self, change: Change, on: SetConfig) -> None:
        """As MongoDB checks it: by a primary, newer than what there is, at most one vote changed, electable."""
        assert self.document is not None
        document = changed(self.document, change)
        if (on.version, on.term) != (self.config.version, self.config.term):
            self.refused += 1
            return
        old, new = self.config, config_of(document)
        assert self.primary, "a set without a primary was changed"
        assert self.has_majority(), "a set was changed while no majority was healthy"
        votes = {m.host for m in old.voters} ^ {m.host for m in new.voters}
        assert len(votes) <= 1, "two votes were changed at once"
        edits = set(old.members) ^ set(new.members)
        assert len({m.host for m in edits}) == 1, "more than one member was changed, or none"
        assert len(new.voters) <= 7
        assert all(m.votes or not m.priority for m in new.members), "a member without a vote has a priority"
        office = new.member(self.primary)
        assert office, "the primary was removed"
        assert office.priority > 0, "the primary was made unelectable"
        assert document["settings"] == self.document["settings"], "an unknown key was lost"
        self.document = document
        assert self.has_majority(), "the change has taken the majority away"
        self.elect()

    def sync(self) -> None:
        """Everybody who is up and in the set gets the data."""
        if self.document is not None and self.primary:
            self.data |= {m.host for m in self.config.members} & self.up


class Keeping(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.site = Site()
        self.wanted = Wanted(name="rs0")
        self.stale: tuple[Step, SetConfig | None] | None = None

    @initialize(hosts=st.lists(st.sampled_from(HOSTS), min_size=1, max_size=7, unique=True), data=st.data())
    def is_wanted(self, hosts: list[str], data: st.DataObject) -> None:
        self.want(hosts, data)

    @rule(hosts=st.lists(st.sampled_from(HOSTS), min_size=1, max_size=7, unique=True), data=st.data())
    def want(self, hosts: list[str], data: st.DataObject) -> None:
        """Something else is wanted; of what there is at least one member stays, or nobody would know of the set."""
        if self.site.document is not None:
            kept = data.draw(st.sampled_from([m.host for m in self.site.config.members]))
            hosts = [kept, *(h for h in hosts if h != kept)][:7]
        priorities = [data.draw(st.sampled_from([None, 0.0, 1.0, 5.0, 10.0])) for _ in hosts]
        members = tuple(WantedMember(host=h, priority=p) for h, p in zip(hosts, priorities, strict=True))
        if not any(m.priority for m in members):  # one that keeps its priority may keep 0, and then none can be primary
            members = (replace(members[0], priority=1.0), *members[1:])
        self.wanted = Wanted(name="rs0", members=members)

    @rule(host=st.sampled_from(HOSTS))
    def goes_down(self, host: str) -> None:
        self.site.up.discard(host)
        self.site.elect()

    @rule(host=st.sampled_from(HOSTS))
    def comes_up(self, host: str) -> None:
        self.site.up.add(host)
        self.site.elect()

    @rule()
    def time_passes(self) -> None:
        self.site.sync()
        self.site.elect()

    @rule()
    def a_zpmd_looks(self) -> None:
        """And is slow: what it decides is done later, when others may have been quicker."""
        step = self.decide().step
        on = self.site.config if self.site.document is not None else None
        self.stale = (step, on) if step else None

    @rule()
    def the_slow_one_acts(self) -> None:
        if self.stale is not None:
            step, on = self.stale
            self.stale = None
            if isinstance(step, Initiate):
                if self.site.document is None and {m.host for m in step.members} <= self.site.up:
                    self.site.initiate(step)
            elif on is not None and self.site.primary and self.site.has_majority():
                self.site.reconfigure(step, on)

    @rule()
    def a_zpmd_acts(self) -> None:
        self.act()

    def act(self) -> bool:
        """Do what is to be done next; whether there was anything."""
        step = self.decide().step
        if isinstance(step, Initiate):
            self.site.initiate(step)
        elif step is not None:
            self.site.reconfigure(step, self.site.config)
        return step is not None

    def decide(self) -> Decision:
        known = {m.host for m in self.wanted.members}
        if self.site.document is not None:
            known |= {m.host for m in self.site.config.members}
        return decide(self.wanted, {h: self.site.look(h) for h in sorted(known)}, HOSTS)

    @invariant()
    def all_is_well_that_ends_well(self) -> None:
        """From here, on a copy: everybody comes up, and the steps end in what is wanted."""
        if not self.wanted.members:
            return
        here, self.site = self.site, replace(self.site, up=set(HOSTS), data=set(self.site.data))
        try:
            for _ in range(60):
                self.site.elect()
                if not self.act():
                    before = self.site.data | {self.site.primary}
                    self.site.sync()
                    self.site.elect()
                    if self.site.data | {self.site.primary} == before and not self.act():
                        break
            self.is_as_wanted()
        finally:
            self.site = here

    def is_as_wanted(self) -> None:
        members = {m.host: m for m in self.site.config.members}
        assert members.keys() == {m.host for m in self.wanted.members}, str(self.decide())
        for wanted in self.wanted.members:
            assert members[wanted.host].votes == 1
            assert wanted.priority in (None, members[wanted.host].priority), str(self.decide())
        assert self.site.primary
        assert self.decide().waiting == ()


TestKeeping = Keeping.TestCase
TestKeeping.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
