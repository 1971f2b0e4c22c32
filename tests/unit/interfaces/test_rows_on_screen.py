"""Tenants, integrations, ports and their registry on a terminal, word for word."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.interfaces.conftest import Ctl
from tests.unit.interfaces.given import NOON, Surface
from tests.unit.interfaces.given_rows import (
    CRASHED,
    FACTS,
    NEVER_GOOD,
    NO_SUCH_TENANT,
    NO_TEMPLATE,
    PASSWORD,
    ROWS,
    RUNNING,
    STATUS_OF_JIRA,
    TOKEN,
    away,
    loss,
    tenancy,
)
from zpmd.model.events import SourceState
from zpmd.model.plan import Plan
from zpmd.model.tenant import IntegrationKey, Rows, RowTrouble, Tenancy

AWAY = "mongodb away since 11:58:00 (2 min): no answer from 127.0.0.1:27017 within 5 s"


def shown(surface: Surface, ctl: Ctl, tenancy: Tenancy | None, *command: str, **more: Any) -> str:
    """What a command prints at noon."""
    surface.clock.at = NOON - 1
    surface.publish(tenancy=tenancy, **{**FACTS, **more})
    said = ctl(*command)
    assert (said.code, said.err) == (0, "")
    return said.out


def test_tenants_with_what_needs_attention(surface: Surface, ctl: Ctl) -> None:
    assert shown(surface, ctl, tenancy(troubles=(STATUS_OF_JIRA, NO_SUCH_TENANT)), "tenants") == (
        "TENANT  NAME       STATUS     CONNECTION  READY  REASON\n"
        "acme    Acme Inc.  active     connected   1/3    backup zona_acme_b disconnected;"
        " 1 row not used as it stands; 1 integration not to run\n"
        "beta    Beta Ltd   suspended  -           0/0    1 integration not to run\n"
        "\n"
        "1 row not used as it stands\n"
        "  tenants 65a7 (gone): id: a number is wanted, and it is a text; left out, and its integrations do not run\n"
    )


def test_integrations_sorted_by_what_needs_attention(surface: Surface, ctl: Ctl) -> None:
    assert shown(surface, ctl, tenancy(troubles=(STATUS_OF_JIRA, NO_TEMPLATE, NEVER_GOOD)), "integrations") == (
        "TENANT  ID  SERVICE        PORT  STATE       READY  REASON\n"
        "acme    2   jira-acme-2    9101  crash-loop  0/1    exited with code 1; its row: executable:"
        " a text is wanted, and it is a number; frozen at its last good version\n"
        "acme    3   qradar-acme-3  -     none        0/0    no service is made of it; its row: serviceName:"
        " no service file has a template for it; not running\n"
        "acme    1   splunk-acme-1  9100  running     1/1\n"
        "acme    4   misp-acme-4    -     off         -      its row says inactive\n"
        "beta    1   splunk-beta-1  -     off         -      tenant beta is suspended\n"
        "\n"
        "1 row not used as it stands\n"
        "  integrations 65b8: tenantcode: is missing; not running\n"
    )


def test_ports_with_their_owners_and_what_was_passed_over(surface: Surface, ctl: Ctl) -> None:
    skipped = ((9102, "a listener that is not ours has it"),)
    assert shown(surface, ctl, tenancy(skipped=skipped), "ports") == (
        "PORT  STATE     TENANT  ID  SERVICE        SINCE\n"
        "9100  leased    acme    1   splunk-acme-1  10:00:00 (2 h)\n"
        "9101  leased    acme    2   jira-acme-2    10:00:00 (2 h)\n"
        "9105  released  acme    9   -              11:50:00 (10 min)\n"
        "\n"
        "passed over\n"
        "  9102  a listener that is not ours has it\n"
    )


@pytest.mark.parametrize(
    ("arguments", "subjects"),
    [
        (["integrations", "--tenant", "beta"], ["splunk-beta-1"]),
        (["integrations", "--service", "splunk"], ["splunk-acme-1", "splunk-beta-1"]),
        (["integrations", "--service", "splunk-acme-1"], ["splunk-acme-1"]),
        (["integrations", "--status", "inactive"], ["misp-acme-4"]),
        (["integrations", "--state", "off"], ["misp-acme-4", "splunk-beta-1"]),
        (["ports", "--service", "jira"], ["jira-acme-2"]),
    ],
)
def test_a_filter_leaves_the_others_out(surface: Surface, ctl: Ctl, arguments: list[str], subjects: list[str]) -> None:
    text = shown(surface, ctl, tenancy(troubles=(NEVER_GOOD,), skipped=((9102, "taken"),)), *arguments)
    services = [i.service for i in ROWS.integrations]
    assert [word for line in text.splitlines()[1:] for word in line.split() if word in services] == subjects
    assert len(text.splitlines()) == 1 + len(subjects)


NOTHING = Tenancy(where="mongodb", away=away())
EMPTY = Tenancy(where="data files", at=NOON)


@pytest.mark.parametrize(
    ("tenancy", "command", "text"),
    [
        (None, ["tenants"], "there is no registry: neither `mongodb` in zpmd.yaml nor a file in `data_dir`"),
        (None, ["integrations"], "there is no registry: neither `mongodb` in zpmd.yaml nor a file in `data_dir`"),
        (None, ["ports"], "there is no registry: neither `mongodb` in zpmd.yaml nor a file in `data_dir`"),
        (NOTHING, ["tenants"], "nothing is known of mongodb yet: no answer from 127.0.0.1:27017 within 5 s"),
        (EMPTY, ["tenants"], "data files: no tenant"),
        (EMPTY, ["integrations"], "data files: no integration"),
        (EMPTY, ["ports"], "data files: no leased port"),
        (EMPTY, ["integrations", "--tenant", "acme", "--state", "failed"],
         "no integration with tenant acme and state failed"),
        (EMPTY, ["tenants", "--status", "suspended"], "no tenant with status suspended"),
    ],
)  # fmt: skip
def test_nothing_is_said_in_words(
    surface: Surface, ctl: Ctl, tenancy: Tenancy | None, command: list[str], text: str
) -> None:
    assert shown(surface, ctl, tenancy, *command) == f"{text}\n"


def test_status_says_where_the_rows_come_from_and_which_are_not_used(surface: Surface, ctl: Ctl) -> None:
    many = (
        STATUS_OF_JIRA,
        NEVER_GOOD,
        NO_SUCH_TENANT,
        replace(NEVER_GOOD, row="65b9"),
        replace(NEVER_GOOD, row="65bf"),
        replace(NEVER_GOOD, row="65bf", field="status"),
    )
    rs = "rs0: primary db1:27017, 2 of 3 members healthy"
    assert shown(surface, ctl, tenancy(troubles=many, replica_set=rs), "status") == (
        "zpmd 0.1.0  troubled  2 services, 1 of 2 replicas ready\n"
        "  registry: mongodb (change stream); 2 tenants, 3 integrations to run\n"
        "  replica set: rs0: primary db1:27017, 2 of 3 members healthy\n"
        "  5 rows not used as they stand\n"
        "    integrations 65b2 (acme/2): executable: a text is wanted, and it is a number;"
        " frozen at its last good version\n"
        "    integrations 65b8: tenantcode: is missing; not running\n"
        "    tenants 65a7 (gone): id: a number is wanted, and it is a text;"
        " left out, and its integrations do not run\n"
        "    ... 3 more: `zpmctl integrations`, `zpmctl tenants`\n"
        "\n"
        "SERVICE        GROUP  READY  STATE       AGE  RESTARTS  REASON\n"
        "jira-acme-2    app    0/1    crash-loop  -    4         exited with code 1;"
        " needs a look: `zpmctl why jira-acme-2`\n"
        "\n"
        "splunk-acme-1  app    1/1    running     2 h  0\n"
    )


def header(text: str) -> list[str]:
    """The lines of a status above its table."""
    return text.split("\n\n")[0].splitlines()[1:]


def test_status_tells_a_registry_that_is_away_once(surface: Surface, ctl: Ctl) -> None:
    source = SourceState(name="integrations", ok=False, at=NOON, since=NOON - 120, away=away().why)
    text = shown(surface, ctl, tenancy(away=away()), "status", sources=(source,), plan=Plan(standings=(RUNNING,)))
    assert text.startswith("zpmd 0.1.0  degraded since 11:58:00 (2 min)  ")
    assert header(text) == [f"  {AWAY}; 3 integrations go on as last known"]


def test_status_of_a_registry_that_was_never_reached(surface: Surface, ctl: Ctl) -> None:
    text = shown(surface, ctl, NOTHING, "status", plan=Plan(standings=(RUNNING,)))
    assert header(text) == [f"  {AWAY}; nothing is known of it yet"]


def test_status_tells_a_source_that_is_away_for_a_reason_of_its_own(surface: Surface, ctl: Ctl) -> None:
    source = SourceState(name="files", ok=False, at=NOON, since=NOON - 60, away="the folder is being mounted")
    text = shown(surface, ctl, tenancy(away=away()), "status", sources=(source,), plan=Plan(standings=(RUNNING,)))
    assert header(text)[1] == (
        "  files away since 11:59:00 (60 s): the folder is being mounted; what it said last goes on"
    )


def test_a_tenant_whose_database_is_away_is_told_and_the_others_are_as_ever(surface: Surface, ctl: Ctl) -> None:
    rows = replace(ROWS, unknown=(("acme", "wrong password for zona_acme at db1:27017"),))
    text = shown(surface, ctl, tenancy(rows=rows), "status", plan=Plan(standings=(RUNNING,)))
    assert header(text) == [
        "  registry: mongodb (change stream); 2 tenants, 3 integrations to run",
        "  tenant acme: wrong password for zona_acme at db1:27017; its integrations go on as last known",
    ]
    assert "acme    Acme Inc.  active     connected   1/3    its integrations are unknown: wrong" in ctl("tenants").out


def test_held_losses_are_told_with_what_to_do_apart_from_removals_of_files(surface: Surface, ctl: Ctl) -> None:
    why = "3 of 5 integrations vanished at once"
    held = tuple((IntegrationKey("acme", number), why) for number in (1, 2))
    plan = Plan(standings=(RUNNING, CRASHED), waiting=(loss("splunk-acme-1"), loss("jira-acme-2"), loss("kafka")))
    text = shown(surface, ctl, tenancy(held=held), "status", plan=plan)
    assert header(text)[1:] == [
        "  held: the removal of 2 integrations that have vanished from mongodb: splunk-acme-1, jira-acme-2",
        "    `zpmctl approve` if it is meant; if not, put the rows back",
        "  held: the removal of 1 service: kafka",
        "    `zpmctl approve` if it is meant; if not, put the service files back",
    ]
    rows = ctl("integrations").out.splitlines()
    assert rows[:2] == header(text)[1:3]
    assert rows[-3] == f"acme    1   splunk-acme-1  9100  running     1/1    held: {why}"


def test_what_is_shown_of_a_registry_that_is_away_says_so_first(surface: Surface, ctl: Ctl) -> None:
    first, blank, titles, *_ = shown(surface, ctl, tenancy(away=away()), "integrations").splitlines()
    assert (first, blank) == (f"{AWAY}; this is what was known last", "")
    assert titles.startswith("TENANT  ID  SERVICE")


def test_an_integration_that_is_a_duplicate_says_which_row_counts(surface: Surface, ctl: Ctl) -> None:
    both = tuple(
        RowTrouble(
            collection="integrations", row=row, field="integration_id", reason="another row is the same",
            tenantcode="acme", key=IntegrationKey("acme", 1),
        )
        for row in ("65b1", "65bb")
    )  # fmt: skip
    assert header(shown(surface, ctl, tenancy(troubles=both), "status"))[2:] == [
        "    integrations 65b1 (acme/1): integration_id: another row is the same; frozen at its last good version",
        "    integrations 65bb (acme/1): integration_id: another row is the same;"
        " frozen at its last good version, of row 65b1",
    ]


def test_nothing_secret_is_ever_shown(surface: Surface, ctl: Ctl) -> None:
    surface.publish(tenancy=tenancy(troubles=(STATUS_OF_JIRA,), away=away()), **FACTS)
    for command in ("status", "tenants", "integrations", "ports", "metrics", "doctor", "plan"):
        for form in ([], [] if command == "metrics" else ["--json"]):
            said = ctl(command, *form)
            assert said.out
            assert PASSWORD not in said.out + said.err
            assert TOKEN not in said.out + said.err


@pytest.mark.parametrize(
    ("command", "members", "first"),
    [
        ("tenants", "now registry tenants troubles",
         "tenantcode id name status connection_status db_host db_name databases integrations active ready troubles"
         " unknown row"),
        ("integrations", "now registry integrations troubles",
         "tenantcode integration_id title action service_name execution_dir executable status tenant_status service"
         " port state ready desired since reason trouble held row"),
        ("ports", "now registry ports skipped",
         "port state tenantcode integration_id service leased_at released_at"),
    ],
)  # fmt: skip
def test_json_has_the_stable_names(surface: Surface, ctl: Ctl, command: str, members: str, first: str) -> None:
    view = json.loads(shown(surface, ctl, tenancy(), command, "--json"))
    assert " ".join(view) == members
    assert " ".join(view[command][0]) == first
    assert " ".join(view["registry"]) == (
        "where watched known at away_since away_why tenants integrations active replica_set unknown troubles held"
    )
    assert json.loads(shown(surface, ctl, None, command, "--json"))["registry"] is None


def test_rows_text_never_reaches_the_terminal_raw(surface: Surface, ctl: Ctl) -> None:
    bad = replace(ROWS.tenants[0], name="\x1b[2Jpwned")
    assert "\\x1b[2Jpwned" in shown(surface, ctl, tenancy(rows=Rows(tenants=(bad,))), "tenants")
