"""The appliance that is tormented: eight services, fourteen replicas, four groups, in one file a service.

Health checks are quick to notice what was done to a replica and slow to blame a busy machine: a probe may take ten
seconds, and three in a row have to fail.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

HEALTHCHECK = """\
healthcheck:
  test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/health"]
  interval: 1s
  timeout: 10s
  retries: 3
"""
CHANGED = "CHAOS_EDITION"
"""The environment variable that the changes of a service file set."""
FIRST, SECOND, LAST = "one", "two", "last"


@dataclass(frozen=True, slots=True)
class Declared:
    """One service. `restart` is short, so that a row of failures is over after ten good seconds."""

    name: str
    group: str
    replicas: int = 1
    needs: tuple[str, ...] = ()
    healthy: bool = True
    start_first: bool = False

    def text(self, edition: str) -> str:
        """Its service file, with this edition in its environment."""
        order = "start-first" if self.start_first else "stop-first"
        image = "service" if self.healthy else "worker"
        body = f"""\
            image: appliance/{image}:1.0
            x-zpmd: {{group: {self.group}}}
            stop_grace_period: 3s
            environment: {{{CHANGED}: {edition}}}
            deploy:
              replicas: {self.replicas}
              restart_policy: {{delay: 500ms, window: 10s}}
              update_config: {{order: {order}, monitor: 1s}}
        """
        body = textwrap.dedent(body) + (HEALTHCHECK if self.healthy else "")
        if self.needs:
            body += f"depends_on: [{', '.join(self.needs)}]\n"
        return f"services:\n  {self.name}:\n{textwrap.indent(body, '    ')}"


SERVICES = (
    Declared("db", "system"),
    Declared("cache", "system"),
    Declared("web", "core", replicas=3, needs=("db",), start_first=True),
    Declared("users", "core", replicas=2, needs=("db", "cache")),
    Declared("jobs", "batch", replicas=2, needs=("web",), healthy=False),
    Declared("sweeper", "batch", healthy=False),
    Declared("jira", "app", replicas=2, needs=("users",)),
    Declared("splunk", "app", replicas=2, healthy=False),
)
BY_NAME = {service.name: service for service in SERVICES}
TO_AND_FRO = ("web", "jobs")
"""The services whose files are changed while everything else goes on: one start-first, one stop-first."""
