"""Tenants and integrations of a simulated site: a product's database, a template, and the real way from rows to
services.

The registry and the disk are simulated; rows are understood, settled, leased a port and stamped out by the real
sources. The template mounts no secrets, so that nothing is ever written to a disk.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from zpmd.model.service import Desired
from zpmd.model.tenant import Away
from zpmd.planning.servers import own_server, role_and_vms
from zpmd.ports import Store, Wake
from zpmd.settings import VMS
from zpmd.simulation.host import SimulatedHost
from zpmd.simulation.product import Product, ProductRegistry
from zpmd.sources.compose.desired import understand
from zpmd.sources.compose.service import Host
from zpmd.sources.compose.templates import Template
from zpmd.sources.intake import Intake
from zpmd.sources.integrations import Integrations
from zpmd.sources.integrations import Site as Surroundings

SERVER = "here"
"""The name of this host in `servers`."""
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


def source_of(host: SimulatedHost, product: Product, store: Store, answered: Answered) -> IntegrationSource:
    """A daemon starts: nothing has been read yet."""
    registry = ProductRegistry(product, host.why_silent, host.clock)
    intake = Intake(registry, store, host.clock, host.limits)
    surroundings = Surroundings(
        templates=lambda: templates(role_of(intake)),
        declared=lambda: host.source.answered or Desired(),
        listening=host.listening,
        connections=dict,
        materials_dir=Path("/nonexistent"),
        salt=store.salt(),
        cooldown_seconds=COOLDOWN_SECONDS,
        project="zpmd",
    )
    return IntegrationSource(host, Integrations(intake, surroundings, store, host.clock), intake, registry, answered)


def role_of(intake: Intake) -> str:
    settled = intake.settled()
    own = own_server(settled.rows.servers, SERVER) if settled is not None else None
    return role_and_vms("active", VMS, own)[0]


@dataclass(slots=True)
class IntegrationSource:
    """`ports.Source`: the real one, whose every answer somebody else hears of."""

    host: SimulatedHost
    inner: Integrations
    intake: Intake
    registry: ProductRegistry
    answered: Answered
    name: str = Integrations.name

    def load(self) -> Desired:
        answer = self.inner.load()
        images = {s.container.image for s in answer.services}
        self.host.world.registry |= images
        self.host.counts.update(self._happened(answer))
        self.host.rows_answered = answer
        self.answered(answer, self)
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


Answered = Callable[[Desired, IntegrationSource], None]

SOMETIMES = ("rows held", "rows retired", "rows unheard of", "rows in trouble", "rows away", "rows ports skipped",
             "rows ports short", "rows ports released")  # fmt: skip
