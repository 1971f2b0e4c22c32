"""A newcomer: the package is installed on a host where a Compose project runs. `zpmctl doctor` says what to do first,
and what it and `zpmd init` print is done word for word, until nothing is left.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.boot.appliance import Appliance
from tests.lab.host import LabHost

pytestmark = pytest.mark.timeout(420)

LABELS = "com.docker.compose.project=shop com.docker.compose.service=web com.docker.compose.version=2.24.0"
RUN = (
    "docker run --detach --name shop-web-1 --restart always --publish 18080:8000 --volume shop_data:/data"
    " --env API_TOKEN=geheim-0815 "
    + " ".join(f"--label {label}" for label in LABELS.split())
    + " appliance/service:1.0"
)


def doctor(host: LabHost, code: int) -> dict[str, dict[str, Any]]:
    """Its checks by name; of several with one name the worst."""
    found: dict[str, dict[str, Any]] = {}
    said = host.sh("zpmctl doctor --json")
    assert said.code == code, said.out + said.err
    for check in said.json:
        known = found.setdefault(check["name"], check)
        found[check["name"]] = check if check["level"] == "fail" else known
    return found


def test_a_newcomer_follows_what_is_printed_until_nothing_is_left(own_host: LabHost) -> None:
    host = own_host
    assert host.boot() in ("running", "degraded")
    host.must(RUN)
    host.must("docker exec shop-web-1 sh -c 'echo kept > /data/kept'")

    # what comes first: there are no service files
    told = doctor(host, 6)
    assert {name: told[name]["level"] for name in ("engine", "settings", "service files", "group", "user")} == {
        "engine": "ok",
        "settings": "ok",
        "service files": "fail",
        "group": "ok",
        "user": "ok",
    }
    assert told["service files"]["advice"].startswith("`zpmd init`")
    assert told["container logs"]["level"] == "warn"

    # which are written; then it is in the way of itself
    said = json.loads(host.must("zpmd init --json"))
    assert said["kept"] == ["/etc/zpmd/zpmd.yaml"]
    names = host.must("stat --format '%n %U:%G %a' /etc/zpmd/services.d/*").split("\n")
    assert names[:2] == [
        "/etc/zpmd/services.d/10-shop.web.env root:zpmd 640",
        "/etc/zpmd/services.d/10-shop.yaml root:zpmd 644",
    ]
    assert host.must("zpmd check").startswith("1 service in 1 group: ok")
    told = doctor(host, 6)
    assert (told["service files"]["level"], told["rights"]["level"]) == ("ok", "ok")
    assert "restart: always" in told["ports"]["text"]

    # so it is stopped, and zpmd started
    (project,) = said["projects"]
    for command in project["stop"]:
        host.must(command)
    assert "ports" not in doctor(host, 6)
    host.must("systemctl enable zpmd && systemctl restart zpmd")
    appliance = Appliance(host)
    appliance.converged(60)
    told = doctor(host, 0)
    assert [check for check in told.values() if check["level"] == "fail"] == []
    assert (told["unit"]["level"], told["state"]["level"]) == ("ok", "ok")
    (container,) = appliance.containers().values()
    assert host.must(f"docker exec {container.id} cat /data/kept") == "kept\n"

    # and back
    host.must("zpmctl down --yes --wait && systemctl disable --now zpmd")
    for command in project["back"]:
        host.must(command)
    assert host.must("docker exec shop-web-1 cat /data/kept") == "kept\n"
