"""Tenants and integrations of a simulated site: a product's database, a template, and the real way from rows to
services.

The registry and the disk are simulated; rows are understood, settled, leased a port and stamped out by the real
sources. The template mounts no secrets, so that nothing is ever written to a disk.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from zpmd.model.observed import Health, Phase
from zpmd.model.service import Desired
from zpmd.model.tenant import Away
from zpmd.planning.servers import own_server, role_and_vms
from zpmd.ports import Store, Wake
from zpmd.settings import VMS
from zpmd.simulation.product import Product, ProductRegistry
from zpmd.sources.compose.desired import understand
from zpmd.sources.compose.service import Host
from zpmd.sources.compose.templates import Template
from zpmd.sources.intake import Intake
from zpmd.sources.integrations import Integrations
from zpmd.sources.integrations import Site as Surroundings

if TYPE_CHECKING:
    from zpmd.simulation.site import Site

SERVER = "here"
"""The name of this host in `servers`."""
DATABASE = "mongo"
"""The service in which MongoDB runs, where the files have one of that name."""
PORTS = range(9100, 9112)
MOST_ROWS = 10
COOLDOWN_SECONDS = 60.0
TEMPLATE = f"""
services:
  integration:
    image: app/${{integration.serviceName}}:${{integration.executable}}
    environment:
      DATABASE: ${{tenant.db.host:-none}}
    ports: ["${{integration.port}}:80"]
    x-zpmd:
      group: app
      roles: [active]
      for_each: active-integration
      ports: {{range: {PORTS[0]}-{PORTS[-1]}}}
      credentials: none
"""
CODES = ("acme", "beta", "city")
SERVICES = ("jira", "misp", "splunk")


class OneFile:
    """`Files` of a host whose only service file is the template."""

    def read(self, path: str) -> bytes:
        if path != "template.yaml":
            raise FileNotFoundError(path)
        return TEMPLATE.encode()


@cache
def templates(role: str) -> tuple[Template, ...]:
    """The template as a host of this role understands it."""
    understood = understand([("template.yaml", "template.yaml")], OneFile(), {}, "zpmd", Host(role=role))
    if understood.problems:
        raise ValueError("\n".join(map(str, understood.problems)))
    return understood.templates


def product(chance: random.Random | None = None) -> Product:
    """A database with two tenants and five integrations, or with a few by chance."""
    made = Product(elsewhere=chance is not None and chance.random() < 0.5)
    made.put("servers", SERVER, {"name": SERVER, "role": "active"})
    codes = CODES[:2] if chance is None else CODES[: chance.randint(1, 3)]
    for number, code in enumerate(codes, 1):
        made.put("tenants", code, tenant_document(number, code))
    for number in range(1, 6 if chance is None else chance.randint(2, 8)):
        code, service = codes[(number - 1) % len(codes)], SERVICES[(number - 1) % len(SERVICES)]
        made.put("integrations", f"{service}-{code}-{number}", integration_document(service, code, number))
    return made


def tenant_document(number: int, code: str) -> dict[str, object]:
    return {"id": number, "name": code, "tenantcode": code, "status": "active", "db_host": "mongo:27017"}


def integration_document(service: str, code: str, number: int) -> dict[str, object]:
    return {
        "integration_id": number,
        "tenantcode": code,
        "serviceName": service,
        "status": "active",
        "executable": "1",
    }


@dataclass(slots=True)
class Tenants:
    """`listeners` are ports on which somebody else listens. `source` is the last daemon's."""

    site: Site
    product: Product
    listeners: set[int] = field(default_factory=set)
    source: IntegrationSource | None = None

    def begin(self, store: Store) -> IntegrationSource:
        """A daemon starts: nothing has been read yet."""
        registry = ProductRegistry(self.product, self.why_silent, self.site.clock)
        intake = Intake(registry, store, self.site.clock, self.site.limits)
        surroundings = Surroundings(
            templates=lambda: templates(role_of(intake)),
            declared=lambda: self.site.source.answered or Desired(),
            listening=self.listening,
            connections=dict,
            materials_dir=Path("/nonexistent"),
            salt=store.salt(),
            cooldown_seconds=COOLDOWN_SECONDS,
            project="zpmd",
        )
        inner = Integrations(intake, surroundings, store, self.site.clock)
        self.source = IntegrationSource(self.site, inner, intake, registry)
        return self.source

    def why_silent(self) -> str:
        """Why the database does not answer; "" where it does."""
        if self.product.gone:
            return self.product.gone
        where = self.site.original.service(DATABASE)
        if self.product.elsewhere or where is None or where.one_shot:
            return ""
        now = self.site.true.now()
        boxes = [b for slot, boxes in self.site.slots().items() if slot.startswith(f"{DATABASE}/") for b in boxes]
        well = (Health.HEALTHY, Health.NONE)
        up = any(b.phase(now) is Phase.RUNNING and b.health(now) in well for b in boxes)
        return "" if up else "connection refused"

    def listening(self) -> frozenset[int]:
        """On which ports of the host somebody listens: also those of containers, as the kernel sees it."""
        now = self.site.true.now()
        published = (p for b in self.site.world.present(now) if b.running(now) for p in b.ports)
        return frozenset(self.listeners).union(int(p.rpartition(":")[2].partition("/")[0]) for p in published)

    @property
    def role(self) -> str:
        """The role of this host by the rows that count."""
        return role_of(self.source.intake) if self.source is not None else "active"


def role_of(intake: Intake) -> str:
    settled = intake.settled()
    own = own_server(settled.rows.servers, SERVER) if settled is not None else None
    return role_and_vms("active", VMS, own)[0]


@dataclass(slots=True)
class IntegrationSource:
    """`ports.Source`: the real one, whose every answer the invariants hear of."""

    site: Site
    inner: Integrations
    intake: Intake
    registry: ProductRegistry
    name: str = Integrations.name

    def load(self) -> Desired:
        answer = self.inner.load()
        images = {s.container.image for s in answer.services}
        self.site.world.registry |= images
        self.site.counts.update(self._happened(answer))
        self.site.rows_answered = answer
        if self.site.row_laws is not None:
            self.site.row_laws.answered(answer, self)
        return answer

    def away(self) -> Away | None:
        return self.inner.away()

    def watch(self, wake: Wake, stop: threading.Event) -> None:
        self.inner.watch(wake, stop)

    def watching(self) -> bool:
        return self.inner.watching()

    def _happened(self, answer: Desired) -> set[str]:
        """What of all that is to happen sometimes has happened."""
        told = self.inner.tenancy()
        found = {
            "rows held": bool(answer.held),
            "rows retired": bool(answer.retired),
            "rows unheard of": not answer.complete,
        }
        if told is not None:
            found |= {
                "rows in trouble": bool(told.troubles),
                "rows away": told.away is not None,
                "rows ports skipped": bool(told.skipped),
                "rows ports short": any(t.field == "port" for t in told.troubles),
                "rows ports released": any(lease.released_at is not None for lease in told.leases),
            }
        return {name for name, so in found.items() if so}


SOMETIMES = ("rows held", "rows retired", "rows unheard of", "rows in trouble", "rows away", "rows ports skipped",
             "rows ports short", "rows ports released")  # fmt: skip
