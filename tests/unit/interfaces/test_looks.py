"""What zpmctl shows of one bad night, at 80 and at 200 columns, in a pipe, and where a screen is short: looked at once,
and kept in tests/data/looks. `python -m tests.unit.interfaces.test_looks` writes them anew, to be looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from tests.unit.interfaces.given import NOON, snapshot, standing
from tests.unit.interfaces.given_rows import tenancy as registry
from tests.unit.interfaces.test_firstrun import ENGINE, NEW, STRANGER
from zpmd.interfaces import status, tenancy
from zpmd.interfaces.asked import IntegrationsQuery, PortsQuery, TenantsQuery
from zpmd.interfaces.ctl import overview, render, rows
from zpmd.interfaces.ctl.lines import wrapped
from zpmd.interfaces.ctl.top import top_lines
from zpmd.interfaces.firstrun.checks import setup
from zpmd.interfaces.usage_views import ReplicaUsageView, ServiceUsageView, UsageView
from zpmd.interfaces.views import CheckView
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Snapshot
from zpmd.model.observed import InFlight
from zpmd.model.plan import Plan, State, Waiting
from zpmd.model.service import Group

KEPT = Path(__file__).parents[2] / "data" / "looks"
WIDTHS = {"80": 80, "200": 200, "pipe": None}
SHORT = 18

NIGHT = (
    standing("zookeeper", Group.SYSTEM, state=State.CRASH_LOOP, ready=0, since=None, restarts=7,
             reason="exited with code 137"),
    standing("kafka", Group.SYSTEM, state=State.WAITING, ready=0, since=None),
    standing("redis", Group.SYSTEM),
    standing("zona_apis_manager", state=State.UPDATING, ready=1, desired=2, since=NOON - 90),
    standing("zona_user", state=State.ROLLED_BACK, ready=2, desired=2, since=NOON - 600,
             reason="1.5.0 was not healthy within 60 s: probe: connection refused on port 8000, 3 times in a row"),
    standing("zona_siem", state=State.STOPPED, ready=0, desired=0, reason="stopped by an operator"),
    standing("backup", Group.BATCH, state=State.COMPLETED),
    standing("integration_splunk-acme-10017", Group.APP, state=State.STARTING, ready=0, since=NOON - 4, tenant="acme"),
)  # fmt: skip


def waits(subject: str, code: Code, text: str, until: float | None = None, on: tuple[str, ...] = ()) -> Waiting:
    return Waiting(subject=subject, service=subject.partition("/")[0], cause=Cause(code, text, on), until=until)


def night() -> Snapshot:
    waiting = (
        waits("zookeeper/1", Code.CRASH_LOOP, "crash loop: 7 restarts", NOON + 13),
        waits("kafka/1", Code.DEPENDENCY, "waits for zookeeper to be healthy", on=("zookeeper",)),
        waits("integration_splunk-acme-10017/1", Code.STARTING, "it has not answered its probe yet", NOON + 26),
    )
    return snapshot(
        *NIGHT,
        plan=Plan(standings=NIGHT, waiting=waiting),
        in_flight=(InFlight(subject="zona_apis_manager/2", verb="run", since=NOON - 3, progress="pulling 40 %"),),
        tenancy=registry(),
    )


def usage() -> UsageView:
    def used(name: str, group: str, cpu: float | None, memory: int, limit: int | None) -> ServiceUsageView:
        replica = ReplicaUsageView(
            subject=f"{name}/1", name=f"zpmd-{name}-1", id=name, cpu=cpu, memory=memory, memory_limit=limit
        )
        return ServiceUsageView(
            service=name, group=group, tenant="", cpu=cpu, memory=memory, memory_limit=limit, replicas=(replica,)
        )

    services = (
        used("zona_user", "core", 1.234, 2_100_000_000, None),
        used("redis", "system", 0.012, 61_000_000, 64_000_000),
        used("integration_splunk-acme-10017", "app", None, 12_300_000, 512_000_000),
    )
    return UsageView(now=NOON, seconds=2.0, services=services)


CHECKS = [
    CheckView(name="engine", level="ok", text="version 20.10.24, API 1.41, storage overlay2"),
    CheckView(name="disk of zpmd", level="warn", text="1.2 GB free of 40 GB", advice="make room: `docker image prune`"),
    CheckView(name="socket", level="fail", text="nobody answers at /run/zpmd/zpmd.sock",
              advice="start it: `systemctl start zpmd`; where it does not stay up, `journalctl -u zpmd -e` says why"),
]  # fmt: skip


FULL_LOGS: dict[str, Any] = {
    "log_driver": "json-file",
    "rotated": False,
    "live_restore": False,
    "competitors": (STRANGER,),
}


def drawn(what: str, width: int | None) -> str:
    found = night()
    made: dict[str, Sequence[Text]] = {
        "status": overview.status_lines(status.status(found, NOON), UTC, width),
        "short": overview.screenful(status.status(found, NOON), UTC, width or 80, SHORT),
        "plan": render.plan_lines(status.plan(found, NOON), UTC),
        "tenants": rows.tenant_lines(tenancy.tenants(found, NOON, TenantsQuery()), UTC),
        "integrations": rows.integration_lines(tenancy.integrations(found, NOON, IntegrationsQuery()), UTC),
        "ports": rows.port_lines(tenancy.ports(found, NOON, PortsQuery()), UTC),
        "top": top_lines(usage(), replicas=False),
        "doctor": render.check_lines(CHECKS),
        "firstrun": render.check_lines(setup(NEW, replace(ENGINE, **FULL_LOGS), answering=False)),
    }
    return "".join(f"{part.plain}\n" for line in made[what] for part in wrapped(line, width))


WHATS = ("status", "short", "plan", "tenants", "integrations", "ports", "top", "doctor", "firstrun")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("what", WHATS)
def test_it_looks_as_it_did_when_somebody_looked(what: str, width: str) -> None:
    assert drawn(what, WIDTHS[width]) == (KEPT / f"{what}-{width}.txt").read_text()


@pytest.mark.parametrize("what", WHATS)
def test_nothing_is_wider_than_the_terminal(what: str) -> None:
    for width in (40, 80, 132, 200):
        assert max(len(line) for line in drawn(what, width).splitlines()) <= width


def test_what_needs_attention_stays_on_a_short_screen_with_hundreds_of_services() -> None:
    many = tuple(standing(f"service_{n}", Group.APP) for n in range(300))
    found = snapshot(*many, *NIGHT, plan=Plan(standings=(*many, *NIGHT)))
    lines = [line.plain for line in overview.screenful(status.status(found, NOON), UTC, 80, 24)]
    assert len(lines) <= 24
    assert {"zookeeper", "zona_user", "kafka"} <= {line.split(" ")[0] for line in lines}
    assert lines[-1] == "303 more are fine: 301 running, 1 stopped, 1 completed  (--all lists them)"


def test_a_line_is_cut_between_words_and_goes_on_below_its_last_column() -> None:
    text = Text("name  state   one two three four")
    assert [part.plain for part in wrapped(text, 22)] == ["name  state   one two", "  three four"]
    assert [part.plain for part in wrapped(text, 26)] == ["name  state   one two", "              three four"]
    assert [part.plain for part in wrapped(Text("x" * 50), 20)] == ["x" * 20, "  " + "x" * 18, "  " + "x" * 12]


def main() -> None:
    KEPT.mkdir(exist_ok=True)
    for what in WHATS:
        for name, width in WIDTHS.items():
            (KEPT / f"{what}-{name}.txt").write_text(drawn(what, width))


if __name__ == "__main__":
    main()
