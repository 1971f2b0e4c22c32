"""Small appliances for the scenarios: one file a service or group, quick health checks, busybox images."""

from __future__ import annotations

import textwrap

HEALTHCHECK = """\
healthcheck:
  test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/health"]
  interval: 500ms
  timeout: 2s
  retries: 2
"""


def service(name: str, group: str, body: str = "", image: str = "appliance/service:1.0", healthy: bool = True) -> str:
    """The text of a service file with one service; `body` are more keys of the service."""
    keys = f"image: {image}\nx-zpmd: {{group: {group}}}\nstop_grace_period: 2s\n"
    keys += (HEALTHCHECK if healthy else "") + textwrap.dedent(body)
    return f"services:\n  {name}:\n{textwrap.indent(keys, '    ')}"


def worker(name: str, group: str, body: str = "") -> str:
    """One without a health check, so that it is ready as soon as it runs."""
    return service(name, group, body, image="appliance/worker:1.0", healthy=False)


def three_tiers() -> dict[str, str]:
    """db (system) <- web x2 (core) <- jobs (batch)."""
    return {
        "10-db.yaml": service("db", "system"),
        "20-web.yaml": service(
            "web",
            "core",
            """\
            depends_on: {db: {condition: service_healthy}}
            deploy: {replicas: 2, update_config: {order: start-first, monitor: 1s}}
            """,
        ),
        "30-jobs.yaml": worker("jobs", "batch", "depends_on: [web]\n"),
    }
