"""Moves in the product's database: what other programs write there, and how it fails."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from zpmd.simulation import tenants
from zpmd.simulation.product import Document, Product
from zpmd.simulation.registry import Choose, move

if TYPE_CHECKING:
    from zpmd.simulation.site import Site

DEATHS = {
    "dies": "connection refused",
    "hangs": "no answer within 5 s",
    "refuses": "authentication failed",
    "steps-down": "not primary",
}
STATUSES = ("active", "inactive", "suspended", "deleted")
MALFORMED: tuple[Document, ...] = (
    {"status": 7},
    {"status": None},
    {"integration_id": "one"},
    {"tenantcode": ["acme"]},
    {"serviceName": "no/name"},
)
SAYS = (
    *(f"mongo {how}" for how in (*DEATHS, "returns", "is-emptied", "is-filled")),
    *(f"tenant becomes {status}" for status in STATUSES),
    *(f"tenant is {what}" for what in ("inserted", "malformed", "deleted")),
    *(f"row becomes {status}" for status in STATUSES),
    *(f"row is {what}" for what in ("inserted", "edited", "malformed", "doubled", "mended", "deleted")),
)
"""All that can be said of a database, a tenant and a row."""
AGAIN = "-again"
"""Behind the name of a row: another row that claims to be the same integration."""


def _chosen(choose: Choose) -> Choose:
    """Nothing to choose where a site has no database."""
    return lambda site, chance: choose(site, chance) if site.product is not None else None


# --- the database as a whole ------------------------------------------------------------------------------------------


@move(
    "mongo",
    "MongoDB HOW: dies, hangs, refuses, steps-down, returns, is-emptied or is-filled again",
    "fault",
    _chosen(lambda _, chance: chance.choice((*DEATHS, "returns", "returns", "is-emptied", "is-filled"))),
)
def mongo(site: Site, how: str) -> bool:
    product = site.product
    if product is None or how not in (*DEATHS, "returns", "is-emptied", "is-filled"):
        return False
    before = (product.gone, product.emptied)
    if how in DEATHS or how == "returns":
        product.gone = DEATHS.get(how, "")
    else:
        product.emptied = how == "is-emptied"
    product.touch()
    site.counts[f"rows mongo {how}"] += 1
    return before != (product.gone, product.emptied)


def _a_code(site: Site, chance: random.Random) -> str | None:
    product = site.product
    codes = sorted(product.rows("tenants")) if product is not None else []
    return chance.choice(codes) if codes else None


def _a_row(site: Site, chance: random.Random) -> str | None:
    product = site.product
    found = sorted(product.rows("integrations")) if product is not None else []
    return chance.choice(found) if found else None


# --- tenants ----------------------------------------------------------------------------------------------------------


@move(
    "tenant",
    "the row of tenant CODE becomes STATUS (`becomes suspended`), or `is malformed`, `is deleted`, `is inserted`",
    "wish",
    lambda site, chance: (
        f"{code} {chance.choice((*(f'becomes {s}' for s in STATUSES), 'becomes active', 'is malformed', 'is deleted'))}"
        if (code := _a_code(site, chance)) and chance.random() < 0.8
        else f"{chance.choice(tenants.CODES)} is inserted"
        if site.product is not None
        else None
    ),
)
def tenant(site: Site, code: str, verb: str, what: str) -> bool:
    product = site.product
    if product is None:
        return False
    found = product.rows("tenants").get(code)
    site.counts[f"rows tenant {verb} {what}"] += 1
    match verb, what:
        case "is", "inserted":
            if found is not None or code not in tenants.CODES:
                return False
            product.put("tenants", code, tenants.tenant_document(tenants.CODES.index(code) + 1, code))
        case "is", "deleted":
            return product.drop("tenants", code)
        case "is", "malformed":
            return _rewritten(product, "tenants", code, {"status": 7})
        case "becomes", _:
            return _rewritten(product, "tenants", code, {"status": what})
        case _:
            return False
    return True


# --- integrations -----------------------------------------------------------------------------------------------------


def _about_a_row(site: Site, chance: random.Random) -> str | None:
    if site.product is None:
        return None
    row = _a_row(site, chance)
    if row is None or chance.random() < 0.2:
        code, service = chance.choice(tenants.CODES), chance.choice(tenants.SERVICES)
        return f"{service}-{code}-{chance.randint(1, 12)} is inserted"
    says = [f"becomes {status}" for status in (*STATUSES, "active", "inactive")]
    says += [f"is {what}" for what in ("edited", "malformed", "doubled", "mended", "deleted", "deleted")]
    return f"{row} {chance.choice(says)}"


@move(
    "row",
    "the row of integration NAME becomes STATUS (`becomes inactive`), or `is` inserted, edited, malformed, doubled, "
    "mended or deleted (NAME as its service: jira-acme-1)",
    "wish",
    _about_a_row,
)
def row(site: Site, name: str, verb: str, what: str) -> bool:
    product = site.product
    if product is None:
        return False
    site.counts[f"rows row {verb} {what}"] += 1
    if verb == "becomes":
        return _rewritten(product, "integrations", name, {"status": what})
    match what:
        case "inserted":
            return _inserted(product, name)
        case "edited":
            document = product.rows("integrations").get(name, {})
            tag = {"1": "2", "2": "crash3"}.get(str(document.get("executable")), "1")
            return _rewritten(product, "integrations", name, {"executable": tag})
        case "malformed":
            number = len(product.rows("integrations")) + product.version
            return _rewritten(product, "integrations", name, MALFORMED[number % len(MALFORMED)])
        case "doubled":
            document = product.rows("integrations").get(name, {})
            if not document or name.endswith(AGAIN) or name + AGAIN in product.rows("integrations"):
                return False
            product.put("integrations", name + AGAIN, document)
            return True
        case "mended":
            return mended(product, name)
        case "deleted":
            return product.drop("integrations", name)
        case _:
            return False


def _inserted(product: Product, name: str) -> bool:
    service, _, rest = name.partition("-")
    code, _, number = rest.partition("-")
    rows = product.rows("integrations")
    taken = {f"{d.get('tenantcode')}/{d.get('integration_id')}" for d in rows.values()}
    if name in rows or not number.isdecimal() or f"{code}/{int(number)}" in taken or len(rows) >= tenants.MOST_ROWS:
        return False
    product.put("integrations", name, tenants.integration_document(service, code, int(number)))
    return True


def _rewritten(product: Product, collection: str, name: str, change: Document) -> bool:
    found = product.rows(collection).get(name)
    if found is None:
        return False
    product.put(collection, name, {**found, **change})
    return True


def mended(product: Product, name: str) -> bool:
    """Somebody puts a row right; a second one that claims to be the same is removed. Whether there was anything."""
    found = product.rows("integrations").get(name)
    if found is None:
        return False
    if name.endswith(AGAIN):
        return product.drop("integrations", name)
    service, code, number = name.split("-")
    right = {**found, **{"serviceName": service, "tenantcode": code, "integration_id": int(number)}}
    if right.get("status") not in STATUSES:
        right["status"] = "active"
    if right != found:
        product.put("integrations", name, right)
    return right != found


@move("rows-lost", "most rows of integrations are gone", "fault", _chosen(lambda *_: ""))
def rows_lost(site: Site) -> bool:
    product = site.product
    if product is None or len(product.rows("integrations")) < 2:
        return False
    for name in list(product.rows("integrations"))[1:]:
        product.drop("integrations", name)
    return True


# --- the host as rows see it ------------------------------------------------------------------------------------------


@move(
    "server",
    "this server becomes active, passive or secondary-active, by its row",
    "wish",
    _chosen(lambda _, chance: f"becomes {chance.choice(('active', 'active', 'passive', 'secondary-active'))}"),
)
def server(site: Site, becomes: str, role: str) -> bool:
    product = site.product
    return (
        becomes == "becomes" and product is not None and _rewritten(product, "servers", tenants.SERVER, {"role": role})
    )


@move(
    "listener",
    "somebody else listens on PORT of the host (`all`: on all of the template's), or `PORT leaves`",
    "fault",
    _chosen(
        lambda _, chance: f"{chance.choice((*tenants.PORTS[:6], 'all'))} {chance.choice(('comes', 'comes', 'leaves'))}"
    ),
)
def listener(site: Site, port: str, how: str) -> bool:
    if site.product is None:
        return False
    ports = set(tenants.PORTS) if port == "all" else {int(port)}
    before = set(site.listeners)
    site.listeners = before | ports if how == "comes" else before - ports
    return site.listeners != before


def mend(site: Site) -> None:
    """All is well with the database, and its people have put right what was wrong in it."""
    product = site.product
    if product is None:
        return
    product.gone, product.emptied, site.listeners = "", False, set()
    for code in list(product.rows("tenants")):
        if product.rows("tenants")[code].get("status") not in STATUSES:
            _rewritten(product, "tenants", code, {"status": "active"})
    for name in list(product.rows("integrations")):
        mended(product, name)
        if str(product.rows("integrations").get(name, {}).get("executable", "")).startswith("crash"):
            _rewritten(product, "integrations", name, {"executable": "1"})
    product.touch()
