"""Stories and evidence over the API and in zpmctl: every kind of subject, and who may see which."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.unit.interfaces.conftest import Ctl
from tests.unit.interfaces.given import NOON, Surface, standing
from tests.unit.interfaces.given_access import give, stranger, surface_for_strangers
from tests.unit.interfaces.given_patches import APPLIED, ROLLED_BACK, ROLLING, STUCK, put
from tests.unit.interfaces.given_rows import (
    ACME,
    CRASHED,
    FACTS,
    LEASES,
    NO_SUCH_TENANT,
    ROWS,
    RUNNING,
    STATUS_OF_JIRA,
    tenancy,
)
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Entry, Result
from zpmd.model.observed import Change, ContainerLimits, Dossier, Neighbour
from zpmd.model.plan import Plan, State, Waiting
from zpmd.model.service import Group
from zpmd.model.tenant import Connection
from zpmd.model.token import Scope

KEPT = Dossier(
    service="redis",
    slot=1,
    container_id="0123456789abcdef",
    at=NOON - 5,
    exit_code=137,
    oom_killed=True,
    log_tail=("ready", "\x1b[31mout of luck"),
    health_output=("exit 1: refused",),
    image="redis:1",
    started_at=NOON - 20,
    finished_at=NOON - 5,
    limits=ContainerLimits(memory_bytes=64_000_000, cpus=0.5),
    attempt=4,
    spec="1:abc",
    revision="hotfix-1042",
    changes=(
        Change(at=NOON - 900, text="reload sources: redis changes"),
        Change(at=NOON - 600, text="restart redis: every replica is to be replaced", actor="root"),
    ),
    dependencies=(Neighbour(service="db", state="crash-loop", ready=0, desired=1),),
)


def restarted(surface: Surface) -> None:
    entry = Entry(
        id=0, at=NOON - 5, kind="action", verb="start", subject="zona_user/2", service="zona_user", code=Code.DIED,
        text="exited with 1",
    )  # fmt: skip
    number = surface.store.begin(entry)
    surface.store.finish(number, Result.OK, "", 0.3, "c", exit_code=1, lived_seconds=3600.0)
    surface.store.ready(number, 0.42)


def test_a_slot_has_its_own_story(surface: Surface, ctl: Ctl) -> None:
    restarted(surface)
    surface.publish()
    said = ctl("why", "zona_user/2")
    assert said.out.splitlines()[0] == (
        "zona_user/2: running for 2 h, healthy; replica 2 was started again at 11:59:55 because it exited with 1;"
        " it had run 60 min; it was ready after 0.4 s"
    )
    view = json.loads(ctl("why", "zona_user/2", "--json").out)
    assert (view["kind"], view["name"], view["service"]) == ("slot", "zona_user/2", "zona_user")
    assert [r["subject"] for r in view["replicas"]] == ["zona_user/2"]
    assert view["replicas"][0]["chains"][0]["code"] == "died"
    assert ctl("why", "zona_user/1").out.splitlines()[0] == "zona_user/1: running for 2 h, healthy"


def test_the_story_of_a_service_is_the_same_at_its_old_place(surface: Surface, api: Any) -> None:
    restarted(surface)
    surface.publish()
    old, new = api.get("/v1/services/zona_user/why").json(), api.get("/v1/why/zona_user").json()
    assert old == new
    assert new["kind"] == "service"


def test_a_tenant_is_told_by_what_its_troubles_come_from(surface: Surface, ctl: Ctl) -> None:
    surface.publish(tenancy=tenancy(troubles=(STATUS_OF_JIRA,)), **FACTS)
    said = ctl("why", "acme")
    assert said.out == (
        "tenant acme is active: 1 of 3 integrations ready; database zona_acme_b is disconnected;"
        " 1 integration: in a crash loop: exited with code 1; 1 more for 1 other reason\n"
        "  needs you: correct its row integrations 65b2; what was good last goes on until then\n"
        "\n"
        "databases\n"
        "  u-1                     active  not probed\n"
        "  zona_acme_b  db2:27017  active  disconnected\n"
        "\n"
        "not ready\n"
        "  in a crash loop: exited with code 1\n"
        "    jira-acme-2\n"
        "  no service is made of it\n"
        "    qradar-acme-3\n"
        "\n"
        "rows\n"
        "  integrations 65b2: executable: a text is wanted, and it is a number; frozen at its last good version\n"
    )


def test_a_tenant_that_is_suspended_or_unknown_says_so(surface: Surface, ctl: Ctl) -> None:
    surface.publish(tenancy=tenancy(troubles=(NO_SUCH_TENANT,)), **FACTS)
    assert (
        ctl("why", "tenant:beta").out == "tenant beta is suspended: its 1 integration is not to run\n  nothing to do\n"
    )
    assert ctl("why", "gone").out.splitlines()[:2] == [
        "tenant gone is not used: id: a number is wanted, and it is a text; left out, and its integrations do not run",
        "  needs you: correct its row tenants 65a7; what was good last goes on until then",
    ]


def test_a_tenant_whose_database_is_away_needs_a_look(surface: Surface, ctl: Ctl) -> None:
    away = replace(ROWS, tenants=(replace(ACME, connection_status=Connection.ERROR),), backups=())
    surface.publish(tenancy=tenancy(rows=away, leases=LEASES), **FACTS)
    first, second = ctl("why", "acme").out.splitlines()[:2]
    assert "its database is error" in first
    assert second == "  needs a look: its database at db1:27017 (`zpmctl tenants`)"


def test_patches_are_led_by_one_line(surface: Surface, ctl: Ctl) -> None:
    put(surface.store, APPLIED, STUCK, ROLLED_BACK, ROLLING)
    surface.publish()

    def led(name: str) -> list[str]:
        return ctl("why", name).out.splitlines()[:2]

    assert led("hotfix-1039") == [
        "patch hotfix-1039 was applied at 2023-11-14 12:00:00: 1 service moved",
        "  nothing to do",
    ]
    assert led("patch:hotfix-1041") == [
        "patch hotfix-1041 was rolled back at 11:59:00: zona_user: it is unhealthy; 2 services went back",
        "  nothing to do here: what ran before runs on; drop a mended one under a new id",
    ]
    assert led("hotfix-1042") == [
        "patch hotfix-1042 is on its way, rolling since 12:00:00: 1 of 2 services moved",
        "  being handled: its next step comes by itself",
    ]
    view = json.loads(ctl("why", "hotfix-1040", "--json").out)
    assert (view["kind"], view["name"], view["story"]["patch"]["state"]) == ("patch", "hotfix-1040", "rollback-failed")


def test_a_patch_that_waits_for_a_held_service_says_who_can_end_that(surface: Surface, ctl: Ctl) -> None:
    put(surface.store, ROLLING)
    cause = Cause(Code.PATCH_WAITS, "1 of 2 moved; waits for redis, held by an operator", ("redis",))
    held = standing("redis", Group.SYSTEM, state=State.HELD, ready=0)
    surface.publish(plan=Plan(standings=(held,), waiting=(Waiting(subject="patch:hotfix-1042", cause=cause),)))
    assert ctl("why", "hotfix-1042").out.splitlines()[:2] == [
        "patch hotfix-1042 is on its way, rolling since 12:00:00: 1 of 2 services moved;"
        " 1 of 2 moved; waits for redis, held by an operator",
        "  needs you: `zpmctl release redis` lets it go on",
    ]


def test_a_name_of_several_is_refused_with_the_words_to_use(surface: Surface, ctl: Ctl) -> None:
    put(surface.store, replace(APPLIED, id="redis"))
    surface.publish()
    said = ctl("why", "redis")
    assert (said.code, said.err) == (
        5, "zpmctl: redis is a service and a patch: say `service:redis` or `patch:redis`\n"
    )  # fmt: skip
    assert ctl("why", "service:redis").code == 0


def test_a_dossier_has_all_that_is_known_of_a_failure(surface: Surface, ctl: Ctl) -> None:
    surface.store.keep_dossier(KEPT)
    surface.publish()
    assert ctl("dossier", "redis/1").out == (
        "redis/1  2023-11-15 11:59:55  exit code 137: killed by the kernel: out of memory, after 15 s\n"
        "  container   0123456789ab, image redis:1, spec 1:abc, patch hotfix-1042\n"
        "  restart     number 4 in a row\n"
        "  limits      memory 64 MB, 0.5 CPUs, any number of processes\n"
        "  depends on  db: crash-loop, 0 of 1 ready\n"
        "  in the hour before\n"
        "    11:45:00  reload sources: redis changes\n"
        "    11:50:00  root: restart redis: every replica is to be replaced\n"
        "  health\n"
        "    | exit 1: refused\n"
        "  last words\n"
        "    | ready\n"
        "    | \\x1b[31mout of luck\n"
    )
    assert ctl("dossier", "zona_user").out == "no failure of zona_user is on record\n"


def test_dossiers_are_picked_by_service_slot_and_number(surface: Surface, ctl: Ctl, api: Any) -> None:
    for number, (service, slot) in enumerate((("redis", 1), ("zona_user", 1), ("zona_user", 2), ("zona_user", 1))):
        surface.store.keep_dossier(replace(KEPT, service=service, slot=slot, container_id=f"c{number}"))
    surface.publish()

    def asked(**query: Any) -> list[str]:
        return [d["container_id"] for d in api.get("/v1/dossiers", params=query).json()]

    assert asked() == ["c3", "c2", "c1", "c0"]
    assert asked(service="zona_user", limit=2) == ["c3", "c2"]
    assert asked(service="zona_user", slot=1) == ["c3", "c1"]
    assert asked(slot=2) == ["c2"]
    assert api.get("/v1/dossiers", params={"service": "nobody"}).status_code == 404
    assert api.get("/v1/dossiers", params={"limit": 0}).status_code == 422
    assert json.loads(ctl("dossier", "zona_user", "--last", "1", "--json").out)[0]["limits"]["cpus"] == 0.5


def test_a_dossier_of_an_older_zpmd_is_read_and_shown(surface: Surface, ctl: Ctl) -> None:
    surface.store.keep_dossier(
        Dossier(service="redis", slot=1, container_id="c0", at=NOON, exit_code=1, image="redis:1")
    )
    surface.publish()
    assert ctl("dossier", "redis").out == "redis/1  2023-11-15 12:00:00  exit code 1\n  container  c0, image redis:1\n"


def test_a_tenant_sees_its_own_alone(tmp_path: Path) -> None:
    surface = surface_for_strangers(tmp_path)
    surface.store.keep_dossier(
        replace(KEPT, service="jira-acme-2", changes=(*KEPT.changes, Change(at=NOON, text="x", service="jira-acme-2")))
    )
    surface.store.keep_dossier(KEPT)
    put(surface.store, APPLIED)
    waits = Waiting(
        subject="jira-acme-2/1", service="jira-acme-2", cause=Cause(Code.DEPENDENCY, "waits for redis", ("redis",))
    )
    plan = replace(FACTS["plan"], waiting=(waits,), standings=(RUNNING, replace(CRASHED, state=State.WAITING)))
    surface.publish(tenancy=tenancy(), **(FACTS | {"plan": plan}))
    with (
        stranger(surface, give(surface, Scope.READ)) as site,
        stranger(surface, give(surface, Scope.READ, tenant="acme")) as own,
    ):
        for path in ("jira-acme-2", "acme"):
            assert (site.get(f"/v1/why/{path}").status_code, own.get(f"/v1/why/{path}").status_code) == (200, 200), path
        for path in ("service:redis", "beta", "hotfix-1039", "splunk-beta-1"):
            assert own.get(f"/v1/why/{path}").status_code == 404, path
        assert site.get("/v1/why/jira-acme-2").json()["root"]["service"] == "redis"
        assert own.get("/v1/why/jira-acme-2").json()["root"] is None
        (kept,) = own.get("/v1/dossiers").json()
        assert (kept["service"], len(kept["changes"]), kept["dependencies"]) == ("jira-acme-2", 1, [])
        assert len(site.get("/v1/dossiers").json()) == 2
        assert own.get("/v1/dossiers", params={"service": "redis"}).status_code == 404
    surface.close()
