"""Small worlds of tenants and integrations for the laws of settling and leasing: few names, so that much coincides."""

from __future__ import annotations

from hypothesis import strategies as st

from zpmd.model.tenant import (
    Integration,
    IntegrationKey,
    Param,
    Reading,
    Rows,
    RowTrouble,
    Server,
    Status,
    Tenant,
)

CODES = ("acme", "bank", "coop", "dyne")
STATUSES = st.sampled_from([Status.ACTIVE, Status.ACTIVE, Status.ACTIVE, Status.INACTIVE, Status.DELETED])

keys = st.builds(IntegrationKey, st.sampled_from(CODES), st.integers(1, 4))


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    """Rows as a registry reads them: no identity twice; row ids of a database, or places in a file."""
    placed = draw(st.booleans())

    def row(prefix: str, number: int) -> str:
        return f"{prefix}.yaml:{number}" if placed else f"{prefix}{number}"

    codes = draw(st.lists(st.sampled_from(CODES), unique=True))
    tenants = [
        Tenant(id=n, name=code, tenantcode=code, status=draw(STATUSES), row=row("t", n))
        for n, code in enumerate(codes, 1)
    ]
    integrations = [
        Integration(
            tenantcode=key.tenantcode,
            integration_id=key.integration_id,
            service_name=draw(st.sampled_from(["splunk", "jira"])),
            status=draw(STATUSES),
            title=draw(st.sampled_from(["", "new"])),
            row=row("i", n),
        )
        for n, key in enumerate(draw(st.lists(keys, unique=True, max_size=12)), 1)
    ]
    params = [
        Param(build_name=name, tenantcode=code, values=(("A", "1"),), row=row("p", n))
        for n, (name, code) in enumerate(
            draw(st.lists(st.tuples(st.sampled_from(["", "jira"]), st.sampled_from(["", *CODES])), unique=True)), 1
        )
    ]
    servers = [Server(name=n, role="active", row=n) for n in draw(st.lists(st.sampled_from("ab"), unique=True))]
    unknown = tuple((code, "no answer") for code in draw(st.lists(st.sampled_from(CODES), unique=True, max_size=1)))
    return Rows(
        tenants=tuple(tenants),
        integrations=tuple(i for i in integrations if i.tenantcode not in dict(unknown)),
        params=tuple(params),
        servers=tuple(servers),
        unknown=unknown,
    ).arranged()


@st.composite
def troubles(draw: st.DrawFn) -> RowTrouble:
    collection = draw(st.sampled_from(["tenants", "integrations", "app_params", "servers"]))
    key = draw(st.none() | keys) if collection == "integrations" else None
    code = key.tenantcode if key else draw(st.sampled_from(["", *CODES]))
    number = draw(st.integers(1, 6))
    row = draw(st.sampled_from([f"{collection[0]}{number}", f"{collection[0]}.yaml:{number}", f"#{number}"]))
    return RowTrouble(collection=collection, row=row, field="status", reason="is bad", tenantcode=code, key=key)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    found = draw(rows())
    bad = draw(st.lists(troubles(), max_size=3, unique_by=lambda t: (t.collection, t.row)))
    named = {t.key for t in bad if t.key}
    codes = {t.tenantcode for t in bad if t.collection == "tenants"}
    # a row is good or bad, and a registry puts every double into trouble: nothing that is bad is there as good, too
    places = {(t.collection, t.row) for t in bad}
    return Reading(
        rows=Rows(
            tenants=tuple(t for t in found.tenants if t.tenantcode not in codes and ("tenants", t.row) not in places),
            integrations=tuple(
                i for i in found.integrations if i.key not in named and ("integrations", i.row) not in places
            ),
            params=tuple(p for p in found.params if ("app_params", p.row) not in places),
            servers=tuple(s for s in found.servers if ("servers", s.row) not in places),
            unknown=found.unknown,
        ),
        troubles=tuple(bad),
    )
