"""No answer of the API gives a planted secret away, whatever definitions, rows, engines and containers hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.lab.secrets import PLANTED, scan
from tests.unit.interfaces.conftest import Ctl
from tests.unit.interfaces.given import NOON, Surface, replica, service, standing
from zpmd.daemon import masking
from zpmd.daemon.chronicle import Chronicle
from zpmd.daemon.desire import Desire
from zpmd.model.action import RunReplica, StopReplica
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Outcome, Result
from zpmd.model.observed import Dossier, World
from zpmd.model.plan import Plan, State, Waiting
from zpmd.model.secret import Secret
from zpmd.model.service import Desired, ServiceData
from zpmd.model.tenant import Away, Integration, Param, Rows, Status, Tenancy, Tenant, TenantDB
from zpmd.redaction import KNOWN

PASSWORD, BACKUP, TOKEN = PLANTED["db_password"], PLANTED["backup_password"], PLANTED["api_token"]
ROWS = Rows(
    tenants=(Tenant(id=1, name="Acme", tenantcode="acme", status=Status.ACTIVE, db_password=Secret(PASSWORD)),),
    databases=(TenantDB(id=1, name="Acme", tenantcode="acme", status=Status.ACTIVE, db_password=Secret(BACKUP)),),
    integrations=(
        Integration(integration_id=7, tenantcode="acme", service_name="zona_user", status=Status.ACTIVE, row="65f1"),
    ),
    params=(Param(build_name="zona_user", secrets=(("API_TOKEN", Secret(TOKEN)),)),),
)
NAMES = ("redis", "zona_user")
GETS = (
    *("/v1/status", "/v1/plan", "/v1/events", "/v1/doctor", "/v1/tenants", "/v1/integrations", "/v1/ports"),
    *("/status", "/tenant/list", "/integration/list", "/metrics"),
    *(f"/v1/services/{name}{what}" for name in NAMES for what in ("", "/why", "/logs")),
    "/v1/services/pl4nted-nobody",
)


class OneAnswer:
    """A source of definitions with passwords in their environment."""

    name = "files"

    def load(self) -> Desired:
        return Desired(services=(_secretive("redis"), _secretive("zona_user")))

    def away(self) -> Away:
        return Away(since=NOON, why=f"connection refused for zpmd:{TOKEN}")


def _secretive(name: str) -> ServiceData:
    made = service(name)
    variables = (("API_TOKEN", TOKEN), ("DB_PASSWORD", PASSWORD))
    return replace(made, container=replace(made.container, environment=variables))


@pytest.fixture
def told(surface: Surface) -> Surface:
    """A pass in which all that can quote a secret quotes one."""
    KNOWN.learn(ROWS.secrets())
    desire = Desire([OneAnswer()], surface.store)  # type: ignore[list-item]
    desire.refresh(NOON)
    redis = desire.desired.services[0]
    cause = Cause(Code.DRIFT, "its definition changed")
    actions = (
        RunReplica(service=redis, slot=1, cause=cause),
        StopReplica(replica=replica("zona_user"), cause=cause),
    )
    evidence = Dossier(service="redis", slot=1, container_id="c", at=NOON, log_tail=(f"login with {TOKEN}",))
    chronicle = Chronicle(surface.store)
    for action in actions:
        chronicle.decided(action, NOON)
        failed = Outcome(
            action=action, result=Result.PERMANENT, at=NOON, detail=f"bad env {PASSWORD}", dossier=evidence
        )
        chronicle.ended(masking.outcome(failed))
    world = masking.world(World(replicas=(replica("redis", error=f"exec {TOKEN}"), replica("zona_user"))))
    surface.engine.lines = {r.id: [f"connects as admin:{PASSWORD}".encode()] for r in world.replicas}
    standings = (standing("redis", state=State.WAITING, reason=cause.text), standing("zona_user"))
    waiting = (Waiting(subject="redis/1", cause=cause, service="redis"),)
    surface.publish(
        desired=desire.desired,
        world=world,
        plan=Plan(actions=actions, waiting=waiting, standings=standings),
        sources=desire.states,
        tenancy=Tenancy(where="data files", rows=ROWS),
    )
    return surface


def test_no_answer_has_one(told: Surface, api: httpx.Client) -> None:
    answers = {path: api.get(path) for path in GETS}
    assert [path for path, answer in answers.items() if not answer.is_success] == ["/v1/services/pl4nted-nobody"]
    assert "***" in answers["/v1/services/redis/logs"].text
    assert "***" in answers["/v1/services/redis/why"].text
    assert scan(*(answer.text for answer in answers.values()), told.board.latest()) > 0


@pytest.mark.parametrize(
    "command",
    [("status",), ("plan",), ("why", "redis"), ("why", "zona_user"), ("events",), ("logs", "redis"), ("tenants",)],
    ids=" ".join,
)
def test_zpmctl_prints_none(told: Surface, ctl: Ctl, command: tuple[str, ...]) -> None:
    said = ctl(*command)
    assert said.out
    scan(said.out, said.err, ctl(*command, "--json").out)


def test_what_an_operator_writes_is_masked_in_the_journal(told: Surface, api: httpx.Client) -> None:
    assert api.post("/v1/services/redis/hold", json={"reason": f"trying {TOKEN}"}).status_code == 202
    events = api.get("/v1/events").text + repr(told.store.memory())
    assert "trying ***" in events
    scan(events)


def test_no_file_of_the_store_has_one(told: Surface, tmp_path: Path) -> None:
    told.store.keep_rows(ROWS)
    assert scan(tmp_path, but=(tmp_path / "zpmd.sock",)) > 0
