"""What must hold between rows and services, told without intake, leasing and templates: from the documents themselves.

1. While nothing new was read, no integration leaves; while a loss is held, none of the lost.
2. A service leaves for a reason in a document: its row or its tenant's says so, this server's role does, or its row is
   gone, and few others with it or an operator has approved.
3. A bad row touches nothing but itself: a definition changes only where its own row, or its tenant's, is another one
   and can be understood.
4. A port belongs to one integration, and a running integration never changes its port.
5. A lease was stored before a container with its port is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zpmd.model.action import RunReplica
from zpmd.model.service import Desired, ServiceData
from zpmd.model.tenant import IntegrationKey, Reading, Rows
from zpmd.simulation.breach import Violation
from zpmd.simulation.engine import Call
from zpmd.simulation.host import SimulatedHost
from zpmd.simulation.product import Collections, Document
from zpmd.simulation.tenants import IntegrationSource

BAD = "bad"
ACTIVE = "active"


@dataclass(slots=True)
class Seen:
    """The documents of one look, and which of them could not be understood. `origins`: which documents an integration
    was understood from last; of one that is not in it, the document that bears its name."""

    collections: Collections
    bad: frozenset[tuple[str, str]]
    origins: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def of(self, collection: str, wanted: dict[str, object]) -> list[tuple[str, Document]]:
        rows = self.collections.get(collection, {})
        return [(row, d) for row, d in rows.items() if all(d.get(k) == v for k, v in wanted.items())]

    def row(self, name: str) -> list[tuple[str, Document]]:
        """The documents of an integration: those that claim its key, and those that it was understood from last."""
        found = dict(self.claiming(name))
        rows = self.collections.get("integrations", {})
        origins = self.origins.get(name, frozenset({name}))
        return [*found.items(), *((row, rows[row]) for row in sorted(origins) if row in rows and row not in found)]

    def claiming(self, name: str) -> list[tuple[str, Document]]:
        key = key_of(name)
        return self.of("integrations", {"tenantcode": key.tenantcode, "integration_id": key.integration_id})

    def tenant(self, name: str) -> list[tuple[str, Document]]:
        return self.of("tenants", {"tenantcode": key_of(name).tenantcode})

    def understood(self, collection: str, found: list[tuple[str, Document]]) -> bool:
        return all((collection, row) not in self.bad for row, _ in found)

    def print_of(self, name: str) -> tuple[str, str]:
        """What its own row and its tenant's say, as far as that can be understood."""
        parts = []
        for collection, found in (("integrations", self.row(name)), ("tenants", self.tenant(name))):
            good = bool(found) and self.understood(collection, found)
            parts.append(repr([sorted(d.items(), key=str) for _, d in found]) if good else BAD)
        return parts[0], parts[1]

    def word(self, name: str) -> str:
        """Why a service is not to run: "says" where a row does, "gone" where a row is missing, "" for no reason."""
        own, tenant = self.row(name), self.tenant(name)
        if tenant and self.understood("tenants", tenant) and tenant[0][1].get("status") != ACTIVE:
            return "says"
        service = name.partition("-")[0]
        others = [d for _, d in own if d.get("status") != ACTIVE or d.get("serviceName") != service]
        if others and self.understood("integrations", own):
            return "says"
        return "gone" if not own or not tenant else ""


@dataclass(slots=True)
class RowLaws:
    host: SimulatedHost
    before: dict[str, ServiceData] = field(default_factory=dict)
    prints: dict[str, tuple[str, str]] = field(default_factory=dict)
    """What the documents said when a service got its definition."""
    origins: dict[str, frozenset[str]] = field(default_factory=dict)
    """The documents that a service was understood from last."""
    ports: dict[str, str] = field(default_factory=dict)
    """By service, for as long as its lease is kept."""

    rows: Rows | None = None
    """That counted at the last answer."""
    reading: Reading | None = None
    approved: set[str] = field(default_factory=set)
    leased: set[IntegrationKey] = field(default_factory=set)
    """Whose leases the store had at the last answer."""

    def answered(self, answer: Desired, source: IntegrationSource) -> None:
        """The source of integrations has said what should be."""
        now = {s.name: s for s in answer.services}
        seen = self._seen(source)
        if answer.complete:
            self._leaving(now, seen, source)
        self._definitions(now, seen)
        self._ports(now)
        self.origins = {name: rows for name, rows in self.origins.items() if name in now}
        for name, service in now.items():
            if seen is None:
                continue
            if self.before.get(name) != service:
                self.prints[name] = seen.print_of(name)
            understood = frozenset(row for row, _ in seen.claiming(name) if ("integrations", row) not in seen.bad)
            if understood:
                self.origins[name] = understood
        settled = source.intake.settled()
        self.reading, self.approved = source.registry.reading(), set(self.host.tablet.approved)
        self.before, self.rows = now, settled.rows if settled is not None else None

    def called(self, call: Call) -> None:
        """The engine was asked to make a container."""
        action = call.action
        if not isinstance(action, RunReplica) or not action.service.tenant:
            return
        name, port = action.service.name, port_of(action.service)
        lease = self.host.tablet.leases.get(key_of(name))
        if lease is None or str(lease.port) != port:
            raise Violation("ports", f"{name} is made with port {port}, and its lease was not stored")

    def daemon_starts(self) -> None:
        """What the one before it had read and could not keep this one has never heard of; or it has kept rows, and was
        killed before it had said what follows from them."""
        if self.host.tablet.rows != self.rows:
            self.before = {}

    def memory_lost(self) -> None:
        """The leases are lost as well: what the product has recorded of them is all that is known."""
        self.before, self.leased = {}, set()
        product = self.host.product
        recorded = product.rows("integration_ports").values() if product is not None else ()
        known = {f"{d['tenantcode']}/{d['integration_id']}": str(d["port"]) for d in recorded}
        self.ports = {name: port for name, port in self.ports.items() if known.get(str(key_of(name))) == port}

    # --- the laws -----------------------------------------------------------------------------------------------------

    def _seen(self, source: IntegrationSource) -> Seen | None:
        reading = source.registry.reading()
        if reading is None:
            return None
        bad = frozenset((t.collection, t.row) for t in reading.troubles)
        return Seen(source.registry.seen, bad, dict(self.origins))

    def _leaving(self, now: dict[str, ServiceData], seen: Seen | None, source: IntegrationSource) -> None:
        approved = self.host.tablet.approved
        gone = [name for name in self.before if name not in now and name not in approved]
        if not gone or role_says(seen):
            return
        if seen is None or (source.registry.reading() is self.reading and approved == self.approved):
            raise Violation("rows", f"{gone} leave, and nothing new was read")
        words = {name: seen.word(name) for name in self.before}
        unfounded = [name for name in gone if not words[name]]
        if unfounded:
            raise Violation("rows", f"{unfounded} leave, and no row says so")
        lost = [name for name, word in words.items() if word == "gone" and name not in approved]
        limits = self.host.limits
        large = len(lost) > limits.removal_count and len(lost) * 100 > limits.removal_percent * len(self.before)
        if large and any(words[name] == "gone" for name in gone):
            raise Violation("rows", f"the rows of {lost} of {len(self.before)} are gone, and {gone} leave unapproved")

    def _definitions(self, now: dict[str, ServiceData], seen: Seen | None) -> None:
        for name, service in now.items():
            old = self.before.get(name)
            if old is None or old == service:
                continue
            if seen is None:
                raise Violation("rows", f"{name} has another definition, and nothing was read")
            then, today = self.prints.get(name), seen.print_of(name)
            if then is not None and not any(a != b and a != BAD for a, b in zip(today, then, strict=True)):
                raise Violation("rows", f"{name} has another definition, and its row has not changed, or is bad")

    def _ports(self, now: dict[str, ServiceData]) -> None:
        leases = self.host.tablet.leases
        ports = [lease.port for lease in leases.values()]
        if len(ports) != len(set(ports)):
            raise Violation("ports", f"two leases have one port: {sorted(leases.values(), key=lambda le: le.port)}")
        given_back = self.leased - leases.keys()
        self.leased = set(leases)
        self.ports = {name: port for name, port in self.ports.items() if key_of(name) not in given_back}
        for name, service in now.items():
            port = port_of(service)
            known = self.ports.setdefault(name, port)
            if known != port:
                raise Violation("ports", f"{name} had port {known}, and is to have {port}")


def role_says(seen: Seen | None) -> bool:
    """Whether this server is not to run integrations."""
    servers = seen.collections.get("servers", {}) if seen is not None else {}
    return any(document.get("role") != ACTIVE for document in servers.values())


def key_of(name: str) -> IntegrationKey:
    """Of a service's name, `jira-acme-1`."""
    _, code, number = name.split("-")[:3]
    return IntegrationKey(code, int(number))


def port_of(service: ServiceData) -> str:
    return service.container.ports[0].published


def expected(host: SimulatedHost) -> set[str]:
    """The integrations that are to run when all rows are well and nothing is held, by the documents alone."""
    if host.product is None:
        return set()
    collections = host.product.collections
    if role_says(Seen(collections, frozenset())):
        return set()
    active = {d["tenantcode"] for d in collections.get("tenants", {}).values() if d.get("status") == ACTIVE}
    return {
        f"{d['serviceName']}-{d['tenantcode']}-{d['integration_id']}"
        for d in collections.get("integrations", {}).values()
        if d.get("status") == ACTIVE and d.get("tenantcode") in active
    }
