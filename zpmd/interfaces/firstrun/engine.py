"""Facts of the engine, asked by whoever runs zpmctl: a few reads over its unix socket. Nothing here raises."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from zpmd.interfaces.firstrun.facts import Competitor, EngineSetup

DAEMON_CONFIG = Path("/etc/docker/daemon.json")
SECONDS = 5.0
OWNER = "io.zpmd.owner"
MOST_COMPETITORS = 20
ROTATING = frozenset({"local", "journald", "syslog", "none"})
"""Ways of logging that end by themselves, or end with somebody else."""


def look(url: str, published: Mapping[str, str], config: Path = DAEMON_CONFIG) -> EngineSetup:
    """`published` are host ports with the services that want them."""
    if not url.startswith("unix://"):
        return EngineSetup(url=url, error="only an engine behind a unix socket can be looked at from here")
    transport = httpx.HTTPTransport(uds=url.removeprefix("unix://"))
    try:
        with httpx.Client(transport=transport, base_url="http://engine", timeout=SECONDS) as client:
            return _asked(client, url, published, config)
    except httpx.TransportError as error:
        forbidden = "Permission denied" in str(error)
        return EngineSetup(url=url, error=_why(error), forbidden=forbidden)
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
        return EngineSetup(url=url, error=f"it gave no answer that is one of an engine's ({type(error).__name__})")


def _asked(client: httpx.Client, url: str, published: Mapping[str, str], config: Path) -> EngineSetup:
    def get(path: str, **query: str) -> Any:
        answer = client.get(path, params=query)
        answer.raise_for_status()
        return answer.json()

    version, info = get("/version"), get("/info")
    driver = str(info.get("LoggingDriver") or "")
    return EngineSetup(
        url=url,
        version=str(version["Version"]),
        api=str(version["ApiVersion"]),
        log_driver=driver,
        rotated=driver in ROTATING or _has_a_limit(config),
        live_restore=bool(info.get("LiveRestoreEnabled")),
        competitors=tuple(_competitors(get, published)),
    )


def _competitors(get: Any, published: Mapping[str, str]) -> Iterator[Competitor]:
    found = 0
    for item in get("/containers/json") if published else ():
        if OWNER in (item.get("Labels") or {}):
            continue
        taken = {f"{port['PublicPort']}/{port['Type']}" for port in item.get("Ports") or () if port.get("PublicPort")}
        for port in sorted(taken & set(published)):
            found += 1
            if found > MOST_COMPETITORS:
                return
            inspected = get(f"/containers/{item['Id']}/json")
            policy = ((inspected.get("HostConfig") or {}).get("RestartPolicy") or {}).get("Name") or "no"
            yield Competitor(
                name=str(inspected["Name"]).lstrip("/"), port=port, service=published[port], policy=str(policy)
            )


def _has_a_limit(config: Path) -> bool | None:
    """Whether the engine's configuration bounds the logs of containers; None where it cannot be read."""
    try:
        options = json.loads(config.read_bytes()).get("log-opts") or {}
    except FileNotFoundError:
        return False
    except (OSError, ValueError, AttributeError):
        return None
    return "max-size" in options


def _why(error: httpx.TransportError) -> str:
    text = str(error)
    if "No such file" in text:
        return "its socket does not exist"
    if "refused" in text:
        return "nobody answers"
    return "it does not answer" if isinstance(error, httpx.TimeoutException) else text
