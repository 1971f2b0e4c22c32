"""The user that the unit runs zpmd as: what he has, what he is given, and how a zpmd that was root's becomes his."""

from __future__ import annotations

import json
import re

import pytest

from tests.integration.appliance import worker
from tests.integration.boot.appliance import Appliance
from tests.lab.eventually import eventually
from tests.lab.host import LabHost
from tests.lab.hostdisk import CHECKOUT

pytestmark = pytest.mark.timeout(240)
SECRET = 'network_mode: none\nsecrets: [{source: s, uid: "1000", mode: 0400}]\n'
FILES = {"a.yaml": worker("a", "core", SECRET) + "secrets: {s: {file: /etc/zpmd/secret}}\n"}
COPY = "/var/lib/zpmd/materials/*.400.1000.same"
AS_ROOT = "[Service]\nUser=root\nCapabilityBoundingSet=CAP_CHOWN CAP_DAC_READ_SEARCH\n"
DROP_IN = "/etc/systemd/system/zpmd.service.d/test.conf"
GIVEN = "/run/credentials/zpmd.service"


@pytest.fixture
def up(host: LabHost, appliance: Appliance) -> Appliance:
    if not host.on:
        appliance.declare(FILES)
        host.write("/etc/zpmd/secret", "hidden", 0o644)
        assert host.boot() == "running"
    host.must("systemctl start zpmd")
    appliance.converged()
    return appliance


def started_anew(appliance: Appliance) -> None:
    appliance.host.must("systemctl daemon-reload; systemctl reset-failed zpmd; systemctl restart zpmd")
    appliance.converged()


def documented(opening: str) -> str:
    """The commands of docs/operations.md, *Installing*, below the paragraph that begins so."""
    text = (CHECKOUT / "docs" / "operations.md").read_text().split(opening)[1]
    found = re.search(r"(?:^    .*\n)+", text, re.MULTILINE)
    assert found
    return found[0]


def test_it_has_no_capability_and_its_groups_are_its_own_and_dockers(up: Appliance) -> None:
    status = up.host.must("cat /proc/$(systemctl show -P MainPID zpmd)/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    capabilities = {name: int(facts[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    assert not any(capabilities.values()), capabilities
    groups = up.host.must("getent group docker zpmd | cut -d: -f3").split()
    assert sorted(facts["Groups"].split()) == sorted(groups)
    assert up.host.must("stat -c '%U:%G %a' /run/zpmd/zpmd.sock /var/lib/zpmd /var/log/zpmd").split("\n")[:3] == [
        "zpmd:zpmd 660",
        "zpmd:zpmd 700",
        "zpmd:zpmd 750",
    ]


def test_a_secret_of_another_user_is_his(up: Appliance) -> None:
    assert up.host.must(f"stat -c '%u:%g %a' {COPY}").strip() == "1000:0 400"
    assert up.host.must("docker exec -u 1000 $(docker ps -q) cat /run/secrets/s") == "hidden"


def test_roots_patch_is_taken(up: Appliance) -> None:
    manifest = json.dumps({"id": "again", "restart_only": True, "services": ["a"]})
    up.host.write("/var/spool/zpmd/incoming/again.part", manifest, 0o640)
    up.host.must("cd /var/spool/zpmd/incoming && chgrp zpmd again.part && mv again.part again.patch.yaml")
    eventually(lambda: up.host.sh("test -e /var/spool/zpmd/applied/again.patch.yaml").code == 0, 60, "its end", 0.2)
    up.converged()


def test_credentials_are_taken_where_they_are_and_missed_by_nobody(up: Appliance) -> None:
    host = up.host
    assert host.sh(f"ls {GIVEN}/zpmd.key").code != 0
    host.must("mkdir -p -m 0700 /etc/credstore.encrypted")
    host.must(
        "head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' | tee /root/plain.key |"
        " systemd-creds encrypt --name=zpmd.key - /etc/credstore.encrypted/zpmd.key"
    )
    started_anew(up)
    host.must(f"cmp /root/plain.key {GIVEN}/zpmd.key")
    host.must("head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' > /root/other.key")
    host.write(DROP_IN, "[Service]\nLoadCredential=zpmd.key:/root/other.key\n")
    started_anew(up)
    host.must(f"cmp /root/other.key {GIVEN}/zpmd.key")
    host.must(f"rm {DROP_IN} /etc/credstore.encrypted/zpmd.key")
    started_anew(up)


def test_a_zpmd_that_was_roots_is_its_users_after_what_the_manual_says(up: Appliance) -> None:
    host = up.host
    host.must("systemctl stop zpmd; docker rm -f $(docker ps -qa); rm -rf /var/lib/zpmd")
    host.must("chown -R root:root /var/spool/zpmd")
    host.write(DROP_IN, AS_ROOT)
    started_anew(up)
    assert host.must("stat -c %u /var/lib/zpmd/zpmd.db").strip() == "0"
    untouched, copy = up.untouched(), host.must(f"stat -c '%i %u' {COPY}")
    assert copy.endswith(" 1000\n")
    host.must(f"rm {DROP_IN}; systemctl daemon-reload")
    host.must(documented("**From a zpmd that ran as root.**"))
    up.converged()
    assert up.untouched() == untouched
    assert host.must(f"stat -c '%i %u' {COPY}") == copy, "the file that the container has open is the one that was"
    assert host.must("find /var/lib/zpmd ! -user zpmd ! -path '*/materials/*.*'") == ""
    assert not up.status()["degraded"]


def test_without_that_systemd_gives_it_all_and_the_next_start_of_a_container_mends_its_secret(up: Appliance) -> None:
    host = up.host
    host.must("systemctl stop zpmd; chown -R root:root /var/lib/zpmd; systemctl start zpmd")
    up.converged()
    assert host.must(f"stat -c %U {COPY}").strip() == "zpmd"
    host.must("kill -9 $(docker inspect -f '{{.State.Pid}}' $(docker ps -q))")
    eventually(lambda: host.must(f"stat -c %u {COPY}").strip() == "1000", 30, "a secret that is its owner's again", 0.2)
    up.converged()
    assert host.must("docker exec -u 1000 $(docker ps -q) cat /run/secrets/s") == "hidden"
