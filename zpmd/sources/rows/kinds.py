"""What a row of each collection must be: a function for each, from the fields of a document to a value of the model.

The functions give a value in any case; it counts only if nothing was noted against the document. The claims are what
tells rows apart, and are made by bad rows too: two rows that say they are integration 5 are one too many, whether or
not one of them has other faults.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from zpmd.model.secret import Secret
from zpmd.model.tenant import (
    Connection,
    Integration,
    IntegrationKey,
    Param,
    PortRow,
    Server,
    Status,
    Tenant,
    TenantBackup,
    TenantDB,
)
from zpmd.sources.rows.fields import Fields, described, flawed, kind

Row = Tenant | Integration | Param | Server | PortRow

ROLES = ("active", "passive", "secondary-active")
VMS = ("service", "database")
MAX_LABEL = 63
"""Of a DNS label, which the service's name becomes."""
MAX_VALUE = 64 * 1024
"""Of a parameter: it has to fit into an environment."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
"""Of a parameter: what a variable of an environment, `${params.NAME}` and a file can be called."""


def tenant(fields: Fields) -> Tenant:
    found = Tenant(**of_tenant(fields))
    fields.claim("tenantcode", found.tenantcode)
    fields.claim("id", found.id)
    return found


def database(fields: Fields) -> TenantDB:
    return TenantDB(**of_tenant(fields), uuid=fields.text("uuid"))


def backup(fields: Fields) -> TenantBackup:
    return TenantBackup(**of_tenant(fields), uuid=fields.text("uuid"))


def of_tenant(fields: Fields) -> dict[str, Any]:
    """The fields that the three tenant collections share."""
    return {
        "tenantcode": fields.owner(),
        "id": fields.integer("id"),
        "name": fields.text("name"),
        "status": status(fields),
        "db_host": host(fields),
        "db_username": fields.text("db_username"),
        "db_password": fields.secret("db_password"),
        "db_name": fields.text("db_name"),
        "connection_status": connection(fields),
        "row": fields.row,
    }


def host(fields: Fields) -> str:
    """A URI is refused without being repeated: there may be a password in it, and the host reaches containers."""
    text = fields.text("db_host")
    if "@" in text or "//" in text:
        fields.note("db_host", "is no list of host[:port]: a URI may have a password in it")
        return ""
    return text


def status(fields: Fields) -> Status:
    chosen = fields.choice("status", tuple(Status))
    return Status(chosen) if chosen else Status.INACTIVE


def connection(fields: Fields) -> Connection:
    """zpmd's own field: whatever else stands there has never been probed, and is no reason to refuse a tenant."""
    said = fields.document.get("connection_status")
    return Connection(said) if isinstance(said, str) and said in tuple(Connection) else Connection.UNKNOWN


def integration(fields: Fields) -> Integration:
    key = of_key(fields)
    found = Integration(
        tenantcode=key.tenantcode,
        integration_id=key.integration_id,
        service_name=fields.code("serviceName"),
        status=status(fields),
        title=fields.text("title"),
        action=fields.text("action"),
        execution_dir=fields.text("executionDir"),
        executable=fields.text("executable"),
        row=fields.row,
    )
    if fields.good("serviceName", "tenantcode", "integration_id"):
        if len(found.service) > MAX_LABEL:
            fields.note("serviceName", f"the service would be called {found.service}: {MAX_LABEL} characters at most")
        fields.claim("serviceName", found.service.lower())
    return found


def of_key(fields: Fields) -> IntegrationKey:
    key = IntegrationKey(fields.owner(), fields.integer("integration_id"))
    if fields.good("tenantcode", "integration_id"):
        fields.key = key
        fields.claim("integration_id", key)
    return key


def port(fields: Fields) -> PortRow:
    found = PortRow(key=of_key(fields), port=fields.integer("port", 1, 65535), row=fields.row)
    fields.claim("port", found.port)
    return found


def server(fields: Fields) -> Server:
    name = fields.text("name", limit=253)
    if not name and fields.good("name"):
        fields.note("name", "is missing")
    fields.claim("name", name)
    return Server(
        name=name,
        role=fields.choice("role", ROLES),
        vms=server_vms(fields),
        db_host=fields.text("db_host"),
        row=fields.row,
    )


def server_vms(fields: Fields) -> tuple[str, ...]:
    """`vms` is a list, or the one word of it."""
    said = fields.document.get("vms")
    words = said if isinstance(said, list | tuple) else [] if said is None else [said]
    bad = [word for word in words[:100] if not (isinstance(word, str) and word.lower() in VMS)]
    if bad:
        fields.note("vms", f"must be of {', '.join(VMS)}, not {described(bad[0])}")
    named = {word.lower() for word in words if isinstance(word, str)}
    return tuple(vm for vm in VMS if vm in named)


def param(fields: Fields) -> Param:
    """Either `name` and `value`, or many of them as `params`. All values of a row are secret, or none is."""
    code = fields.owner() if fields.whose or fields.present("tenantcode") else ""
    kind_of, build = fields.text("paramType"), fields.text("buildName")
    hidden = fields.document.get("secret")
    if hidden not in (None, True, False):
        fields.note("secret", f"must be true or false, not {kind(hidden)}")
    values = given_values(fields)
    texts = {name: text for name, value in values.items() if (text := value_text(fields, name, value)) is not None}
    if fields.good("tenantcode", "paramType", "buildName"):
        for name in texts:
            fields.claims.append(("name", (kind_of, build, code, name)))
    pairs = tuple(sorted(texts.items()))
    return Param(
        param_type=kind_of,
        build_name=build,
        tenantcode=code,
        values=() if hidden else pairs,
        secrets=tuple((name, Secret(text)) for name, text in pairs) if hidden else (),
        row=fields.row,
    )


def given_values(fields: Fields) -> Mapping[str, object]:
    many, name = fields.document.get("params"), fields.document.get("name")
    if many is not None and name is not None:
        fields.note("params", "stands beside `name`: write one of the two")
        return {}
    if many is None:
        return {str(name): fields.document.get("value")} if named(fields, "name", name) else {}
    if not isinstance(many, Mapping):
        fields.note("params", f"must be names with values, not {kind(many)}")
        return {}
    return {str(key): value for key, value in many.items() if named(fields, "params", key)}


def named(fields: Fields, field: str, name: object) -> bool:
    """Whether a parameter can be called so. What cannot is not repeated: it may be a value in the wrong place."""
    if isinstance(name, str) and NAME.fullmatch(name):
        return True
    said = "is missing" if name is None else "a name must be letters, digits and `_`, no digit first, 128 at most"
    fields.note(field, said)
    return False


def value_text(fields: Fields, name: str, value: object) -> str | None:
    """The value as a container gets it; None where it is noted as wrong. Nothing of it is ever repeated."""
    field = "value" if "name" in fields.document else f"params.{name}"
    match value:
        case bool():
            return str(value).lower()
        case int() if abs(value) < 2**64:
            return str(int(value))
        case float() if math.isfinite(value):
            return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(float(value))
        case str():
            if not (flaw := flawed(value, MAX_VALUE)):
                return str(value)
            fields.note(field, flaw)
        case None:
            fields.note(field, "is missing")
        case _:
            fields.note(field, f"must be a text, a number or a boolean, not {kind(value)}")
    return None


COLLECTIONS: Mapping[str, Callable[[Fields], Row]] = MappingProxyType(
    {
        "tenants": tenant,
        "tenant_dbs": database,
        "tenant_backups": backup,
        "integrations": integration,
        "integration_ports": port,
        "app_params": param,
        "servers": server,
    }
)

OWN_COLLECTIONS = ("integrations", "integration_ports", "app_params")
"""What a tenant's own database has, where tenants have their own."""
