"""Two hundred tenants with five integrations each: their rows on a mongod, and the templates for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import stage
from tests.lab.mongod import DATABASE, LabReplicaSet
from zpmd.settings import Mongo, Settings

TENANTS = 200
NAMES = ("jira", "splunk", "qradar", "slack", "servicenow")
"""The integrations that every tenant has: two have a template of their own, three share one."""
PORTS = (20_000, 29_999)
FILE_SERVICES = 20


@contextmanager
def mongod() -> Iterator[LabReplicaSet]:
    """A replica set of one member."""
    server = LabReplicaSet(1)
    try:
        server.start()
        yield server
    finally:
        server.close()


def fill(server: LabReplicaSet, active: Sequence[str] = NAMES) -> None:
    """All rows anew, and no port leased. Integrations with other names than `active` are inactive."""
    server.fill("tenants", (tenant(number) for number in range(TENANTS)))
    server.fill("tenant_dbs", (database(number) for number in range(TENANTS)))
    server.fill("integrations", (integration(n, name, active) for n in range(TENANTS) for name in NAMES))
    server.fill("app_params", params())
    server.fill("integration_ports", ())


def settings(folder: Path, server: LabReplicaSet) -> Settings:
    """Of a zpmd in this folder that reads these rows and probes nobody's database."""
    return Settings(
        project="t",
        services_dir=folder / "services.d",
        state_dir=folder,
        mongodb=Mongo(hosts=server.hosts, database=DATABASE, probe_seconds=0),
    )


def service_files(folder: Path, services: int = FILE_SERVICES) -> None:
    """Some services of the files' own, and the templates."""
    stage.service_files(folder, services, 1)
    shared = {
        "image": stage.IMAGE,
        "environment": {
            "PORT": "${integration.port}",
            "TENANT": "${tenant.tenantcode}",
            "DATABASE": "mongodb://${tenant.db.host}/${tenant.db.name}",
            "EXECUTABLE": "${integration.executable}",
            "LOG_LEVEL": "${params.LOG_LEVEL:-info}",
        },
        "networks": ["bench"],
        "ports": ["127.0.0.1:${integration.port}:${integration.port}"],
        "stop_grace_period": "1s",
        "deploy": {"update_config": {"monitor": "0s"}},
    }
    wanted: Mapping[str, Any] = {"for_each": "active-integration", "ports": {"range": f"{PORTS[0]}-{PORTS[1]}"}}
    definitions = {
        "integration": shared | {"x-zpmd": wanted},
        **{name: shared | {"x-zpmd": {**wanted, "only": [name]}} for name in ("splunk", "qradar")},
    }
    content = {"x-zpmd": {"group": "app"}, "services": definitions, "networks": {"bench": {}}}
    (folder / "9-integrations.yaml").write_text(json.dumps(content, indent=1))


def code(number: int) -> str:
    return f"tenant{number:03}"


def tenant(number: int) -> dict[str, Any]:
    return {"id": number, "name": f"Tenant {number}", "tenantcode": code(number), "status": "active"}


def database(number: int) -> dict[str, Any]:
    return {
        **tenant(number),
        "uuid": f"uuid-{number}",
        "db_host": f"db{number % 10}.example:27017",
        "db_name": f"zona_{code(number)}",
        "db_username": code(number),
        "db_password": f"password of {code(number)}",
        "connection_status": "connected",
    }


def integration(number: int, name: str, active: Sequence[str] = NAMES) -> dict[str, Any]:
    return {
        "integration_id": number * len(NAMES) + NAMES.index(name) + 1,
        "title": f"{name} of {code(number)}",
        "action": "collect",
        "serviceName": name,
        "executionDir": f"/opt/integrations/{name}",
        "status": "active" if name in active else "inactive",
        "executable": f"{name}.py",
        "tenantcode": code(number),
    }


def params() -> Iterator[dict[str, Any]]:
    for name in NAMES:
        yield {"paramType": "integration", "buildName": name, "name": "LOG_LEVEL", "value": "info"}
    for number in range(TENANTS):
        given = {"REGION": f"region-{number % 7}", "QUOTA": str(number)}
        yield {"paramType": "integration", "buildName": "", "tenantcode": code(number), "params": given}
        secret = {"name": "API_TOKEN", "value": f"token of {code(number)}", "secret": True}
        yield {"paramType": "integration", "buildName": "splunk", "tenantcode": code(number), **secret}
