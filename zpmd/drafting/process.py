"""What runs in a container, as far as its image does not say it already: command, environment, labels, health."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zpmd.drafting.words import Facts, duration

Keys = dict[str, Any]
NOT_OURS = ("com.docker.compose.", "com.docker.stack.", "com.docker.swarm.", "io.zpmd.")
"""Labels that say who made a container: they do not belong to what it is."""
TIMES = {
    "Interval": "interval", "Timeout": "timeout", "StartPeriod": "start_period", "StartInterval": "start_interval",
}  # fmt: skip
TEN_SECONDS = 10
COMPOSES_OWN = ("com.docker.compose", *NOT_OURS)


def command(config: Facts, image: Mapping[str, Any]) -> Keys:
    """`entrypoint` and `command` where they are not the image's. With an entrypoint of its own a container takes no
    command of its image (moby, daemon/commit.go, merge), so it is written then whatever it is."""
    entrypoint, words = _texts(config.take("Entrypoint")), _texts(config.take("Cmd"))
    if entrypoint != _texts(image.get("Entrypoint")):
        return {"entrypoint": entrypoint, **({"command": words} if words else {})}
    return {} if words == _texts(image.get("Cmd")) else {"command": words}


def environment(config: Facts, image: Mapping[str, Any]) -> dict[str, str | None]:
    """The variables that are not the image's; None for one of the image that the container does not have."""
    own, base = _variables(config.take("Env", [])), _variables(image.get("Env") or [])
    changed: dict[str, str | None] = {name: value for name, value in own.items() if base.get(name) != value}
    return changed | dict.fromkeys(name for name in base if name not in own)


def labels(config: Facts, image: Mapping[str, Any]) -> Keys:
    base = image.get("Labels") or {}
    found = {
        name: value
        for name, value in sorted(config.take("Labels", {}).items())
        if base.get(name) != value and not name.startswith(COMPOSES_OWN)
    }
    return {"labels": found} if found else {}


def healthcheck(config: Facts, image: Mapping[str, Any]) -> Keys:
    check = config.take("Healthcheck", {})
    if not check or check == (image.get("Healthcheck") or {}):
        return {}
    if check.get("Test") == ["NONE"]:
        return {"healthcheck": {"disable": True}}
    written: Keys = {"test": list(check["Test"])} if check.get("Test") else {}
    written |= {word: duration(check[key]) for key, word in TIMES.items() if check.get(key)}
    if check.get("Retries"):
        written["retries"] = check["Retries"]
    return {"healthcheck": written} if written else {}


def surroundings(config: Facts, image: Mapping[str, Any], container_id: str, network_mode: str) -> Keys:
    """Names, user, folder, terminal, and how it is stopped."""
    keys: Keys = {}
    hostname = config.take("Hostname", "")
    # with the host's network, or another container's, the name is that one's
    if hostname and not container_id.startswith(hostname) and not network_mode.startswith(("host", "container:")):
        keys["hostname"] = hostname
    for key, word in (("Domainname", "domainname"), ("MacAddress", "mac_address")):
        if value := config.take(key, ""):
            keys[word] = value
    for key, word in (("User", "user"), ("WorkingDir", "working_dir"), ("StopSignal", "stop_signal")):
        value = config.take(key, "")
        if value and value != (image.get(key) or ""):
            keys[word] = value
    for key, word in (("Tty", "tty"), ("OpenStdin", "stdin_open")):
        if config.take(key, default=False):
            keys[word] = True
    grace = config.take("StopTimeout", TEN_SECONDS)
    if grace != TEN_SECONDS:
        keys["stop_grace_period"] = f"{grace}s"
    return keys


def exposed(config: Facts, image: Mapping[str, Any], published: Iterable[str]) -> Keys:
    """Ports that are neither published nor the image's own."""
    known = {*published, *(image.get("ExposedPorts") or {})}
    ports = [port for port in sorted(config.take("ExposedPorts", {})) if port not in known]
    return {"expose": ports} if ports else {}


def _texts(value: Sequence[str] | None) -> list[str]:
    return list(value or ())


def _variables(lines: Iterable[str]) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in lines)}
