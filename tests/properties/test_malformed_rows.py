"""A thousand malformed rows: none stops another, none raises, and no password is repeated."""

from __future__ import annotations

import math
import random
import time
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zpmd.model.tenant import IntegrationKey
from zpmd.sources import rows

PASSWORD = "hunter2-planted"

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**4000, -1, 2**63, 65536]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["active", "deleted", "12", "\0", "\ud800", "a/b", "x" * 5000, "ACME"]),
    st.binary(max_size=4),
    st.builds(object),
)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
TEXTS = ("_id", "name", "tenantcode", "status", "title", "action", "serviceName", "executionDir", "executable", "uuid")
DATABASE = ("db_host", "db_username", "db_name", "connection_status")
OTHERS = ("id", "integration_id", "port", "paramType", "buildName", "secret", "role", "vms")
FIELDS = (*TEXTS, *DATABASE, *OTHERS)
planted = st.sampled_from(
    [PASSWORD, [PASSWORD], {PASSWORD: PASSWORD}, {"a": PASSWORD}, PASSWORD + "\0", PASSWORD * 400]
)
malformed = st.builds(
    lambda found, secrets: {**found, **secrets},
    st.dictionaries(st.sampled_from(FIELDS), anything, max_size=8),
    st.dictionaries(st.sampled_from(["db_password", "value", "params"]), planted),
)


def healthy() -> dict[str, list[Any]]:
    return {
        "tenants": [{"id": 900, "name": "Good", "tenantcode": "good", "status": "active", "db_password": PASSWORD}],
        "integrations": [
            {"integration_id": n, "tenantcode": "good", "serviceName": "splunk", "status": "active"} for n in range(5)
        ],
        "app_params": [
            {"buildName": "splunk", "tenantcode": "good", "name": "GOOD", "value": PASSWORD, "secret": True}
        ],
        "servers": [{"name": "good", "role": "active"}],
    }


@given(st.dictionaries(st.sampled_from(list(rows.COLLECTIONS)), st.lists(malformed | anything, max_size=20)))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_malformed_rows_stop_no_other_and_tell_no_secret(bad: dict[str, list[Any]]) -> None:
    alone, _ = rows.read(healthy())
    assert (len(alone.tenants), len(alone.integrations), len(alone.params), len(alone.servers)) == (1, 5, 1, 1)
    mixed = {name: [*healthy().get(name, []), *bad.get(name, [])] for name in rows.COLLECTIONS}
    found, troubles = rows.read(mixed)
    assert set(alone.tenants) <= set(found.tenants)
    assert set(alone.integrations) <= set(found.integrations)
    assert set(alone.params) <= set(found.params)
    assert PASSWORD not in "".join(map(str, troubles)) + repr(troubles)
    assert PASSWORD not in repr([found.tenants, found.databases, found.backups])
    whole = sum(
        map(len, (found.tenants, found.databases, found.backups, found.integrations, found.params, found.ports))
    ) + len(found.servers)
    given_rows = sum(map(len, mixed.values()))
    assert whole + len({(t.collection, t.row) for t in troubles}) <= given_rows
    assert whole == given_rows or troubles


@given(st.dictionaries(st.sampled_from(list(rows.COLLECTIONS)), st.lists(malformed, max_size=10)), st.integers())
def test_the_order_of_documents_means_nothing(bad: dict[str, list[Any]], seed: int) -> None:
    for number, document in enumerate(one for found in bad.values() for one in found):
        document["_id"] = f"row{number}"
    shuffled = {name: random.Random(seed).sample(found, len(found)) for name, found in bad.items()}
    assert rows.read(shuffled) == rows.read(bad)


@given(st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=3), st.sets(st.integers(1, 3), min_size=1))
def test_parts_say_together_what_one_database_would(codes: list[str], numbers: set[int]) -> None:
    def integration(code: str, number: int) -> dict[str, Any]:
        return {
            "_id": f"{code}{number}",
            "integration_id": number,
            "tenantcode": code,
            "serviceName": "jira",
            "status": "active",
        }

    shared = {"integrations": [integration(code, number) for code in codes for number in numbers]}
    parts = [rows.understand({"integrations": [integration(c, n) for n in numbers]}, c) for c in codes]
    found, troubles = rows.together(parts)
    expected, expected_troubles = rows.read(shared)
    assert found == expected
    assert [(t.row, t.field) for t in troubles] == [(t.row, t.field) for t in expected_troubles]
    assert {i.key for i in found.integrations} == {
        IntegrationKey(code, number) for code in codes if codes.count(code) == 1 for number in numbers
    }


def test_reading_is_linear() -> None:
    def seconds(count: int) -> float:
        documents = {
            "integrations": [
                {"_id": n, "integration_id": n, "tenantcode": f"t{n % 50}", "serviceName": "jira", "status": "no" * n}
                for n in range(count)
            ]
        }
        best = math.inf
        for _ in range(3):
            before = time.thread_time()  # the machine may be busy with others
            rows.read(documents)
            best = min(best, time.thread_time() - before)
        return best

    assert seconds(4000) < 20 * seconds(500)
