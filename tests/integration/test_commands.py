"""Every command of the README's tour and every example of the manual pages, word for word, one after the other, on a
small appliance.

What is changed in them stands in SUBSTITUTED; what has to be so before one is run, in BEFORE; exit codes other than 0
in EXITS. A command that goes on is interrupted as soon as it has said something, and ends with 130 then.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from tests.integration.daemon import CHECKOUT, Daemon
from tests.lab.engine import LabEngine
from tests.lab.preloaded import programs
from zpmd.__main__ import app as daemon_app
from zpmd.interfaces.ctl import manual
from zpmd.interfaces.ctl.program import app as ctl_app

SERVICES = """\
x-zpmd: {{group: {group}}}
x-service: &service
  image: appliance/service:1.0
  stop_grace_period: 2s
  deploy: {{update_config: {{monitor: 0s}}}}
services:
"""
FILES = {
    "10-system.yaml": ("system", ("redis", "kafka", "mongo_metadb")),
    "20-core.yaml": ("core", ("zona_user", "zona_apis_manager")),
}
TEMPLATE = """\
services:
  integration:
    image: appliance/worker:1.0
    stop_grace_period: 2s
    x-zpmd: {group: app, for_each: active-integration, ports: {range: 9100-9119}}
"""
JOB = """\
services:
  report:
    image: appliance/oneshot:1.0
    x-zpmd: {group: batch, schedule: {cron: "0 2 * * *", time_zone: Europe/Berlin}}
"""
TENANT = {"id": 1, "name": "Acme", "tenantcode": "acme", "status": "active"}
INTEGRATION = {"integration_id": 1, "tenantcode": "acme", "serviceName": "splunk", "status": "active"}
EDITOR = "#!/bin/sh\nsed -i 's/stop_grace_period: 2s/stop_grace_period: 1s/' \"$1\"\n"

SUBSTITUTED = {
    "/var/spool/zpmd": "spool",
    "/run/secrets/vendor": "vendor.password",
    "zona/user:v2.3.1": "appliance/service:1.1",
}
"""Paths and images of a customer's site, by those of this one. `zpmd` without --settings gets this appliance's."""

BEFORE = {
    "zpmctl job run report": "zpmctl up --wait",
    "zpmctl job run report --wait && echo well": "sleep 3",  # the one that was asked for before it comes to its end
    "zpmctl restart zona_user --wait": "zpmctl start redis --wait",
    "$EDITOR services.d/20-core.yaml": "zpmctl release kafka",
    "zpmctl patch plan hotfix.patch.yaml": "cp hotfix-1042.patch.yaml hotfix.patch.yaml",
    "zpmctl why zona_user/2": "zpmctl scale zona_user=2 --wait",
    "zpmctl down --yes --wait": "zpmctl release '*' && zpmctl release kafka",
    "zpmctl patch list": "zpmctl up --wait",
    "zpmctl patch revert hotfix-1040 --with-later": "mv hotfix-1040.patch.yaml spool/incoming/"
    " && zpmctl patch show hotfix-1040 --watch",
    "zpmctl patch build hotfix.patch.yaml --image zona/user:v2.3.1 -o hotfix.zpatch": "cp bundle.patch.yaml"
    " hotfix.patch.yaml && zpmctl patch keygen --out vendor --no-password",
    "zpmctl patch build hotfix.patch.yaml --archive images.tar --key vendor.key -o hotfix.zpatch": "rm hotfix.zpatch"
    " && docker save -o images.tar appliance/service:1.1",
    "zpmctl patch verify hotfix.patch.yaml --keys ./public-keys": "mkdir public-keys && cp vendor.pub public-keys",
}
EXITS = {
    "zpmctl plan": {0, 3},
    'zpmctl plan >/dev/null && echo "all as it should be"': {0, 3},
    "zpmctl doctor": {0, 1},  # 1: this host lacks something, as it says
    "zpmctl patch plan hotfix.patch.yaml": {3},
    "zpmctl patch plan hotfix-1042.patch.yaml": {5},  # applied already
    "zpmctl token revoke 06221eb9": {4},  # nobody has made it here
    "zpmctl patch keygen --out vendor-2027": {5},  # nobody is there to type a password
    "zpmctl why report/2026-03-29T01:00:00Z": {4},  # here it was not due yet
    "zpmctl logs report/02:00": {4},
    "zpmctl job show report 02:00": {4},
    "zpmctl job show report 2026-03-29T01:00:00Z": {4},
}
GOES_ON = re.compile(r"zpmctl status --watch|zpmctl events -f|zpmd run")


def tour() -> list[str]:
    """The commands of the README's tour, in order."""
    section = (CHECKOUT / "README.md").read_text().split("\n## A tour\n")[1].split("\n## ")[0]
    return [manual.example(line.strip()) for line in section.splitlines() if line.startswith("    ")]


def examples() -> list[str]:
    """Those of the manual pages, in order."""
    programs = ((ctl_app, "zpmctl"), (daemon_app, "zpmd"))
    return [
        manual.example(line)
        for app, name in programs
        for _, command, _ in manual.commands(typer.main.get_command(app), name)
        for line in manual.parted(command).examples
    ]


@pytest.fixture(scope="module")
def site(lab_engine: LabEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    lab_engine.cleanup()
    one = Daemon(lab_engine, tmp_path_factory.mktemp("site"))
    for name, (group, services) in FILES.items():
        text = SERVICES.format(group=group)
        one.file(name, text + "".join(f"  {service}:\n    <<: *service\n" for service in services))
    one.file("30-batch.yaml", JOB)
    one.file("40-app.yaml", TEMPLATE)
    one.rows(tenants=[TENANT], integrations=[INTEGRATION])
    lay_out(one)
    one.start()
    with programs(one.folder / "bin", CHECKOUT):
        one.converged()
        yield one
    one.close()
    lab_engine.cleanup()


def lay_out(site: Daemon) -> None:
    """What lies in the folder of whoever tries the commands."""
    moves = "services: {zona_user: {image: 'appliance/service:1.1'}}\n"
    restarts = "services: [zona_apis_manager]\nrestart_only: true\n"
    for name, does in (("hotfix-1042", moves), ("bundle", moves), ("hotfix-1040", restarts)):
        (site.folder / f"{name}.patch.yaml").write_text(f"id: {name}\n{does}")
    (site.folder / "vendor.password").write_text("secret\n")
    (site.folder / "compose.yaml").write_text("services: {mongo_metadb: {image: 'appliance/service:1.0'}}\n")
    (site.folder / "outage.sim").write_text("run 60\nkill mongo_metadb/1\nrun 5\nexpect mongo_metadb/1 running\n")
    (site.folder / "edit").write_text(EDITOR)
    (site.folder / "edit").chmod(0o755)
    other = site.folder / "other"
    (other / "services.d").mkdir(parents=True)
    (other / "services.d" / "one.yaml").write_text("services: {one: {image: 'appliance/worker:1.0'}}\n")
    places = "services_dir: services.d\ndata_dir: data.d\nstate_dir: state\nsocket: zpmd.sock\n"
    (other / "zpmd.yaml").write_text(f"{places}patches: {{dir: spool}}\nengine: {{url: {site.engine.url}}}\n")


def shell(site: Daemon, command: str, folder: Path | None = None) -> subprocess.Popen[str]:
    for theirs, ours in SUBSTITUTED.items():
        command = command.replace(theirs, ours)
    if "--settings" not in command:
        command = re.sub(r"^(zpmd (?:check|rehearse|run|simulate))", r"\1 --settings zpmd.yaml", command)
        command = command.replace("doctor --upgrade", "doctor --upgrade --settings zpmd.yaml")
    environment = {
        **os.environ,
        "PATH": f"{site.folder}/bin:{os.environ['PATH']}",
        "ZPMD_SOCKET": str(site.socket),
        "DOCKER_HOST": site.engine.url,
        "EDITOR": str(site.folder / "edit"),
    }
    return subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder or site.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("command", [*tour(), *examples()])
def test_a_command_of_the_documents_does_what_they_say(site: Daemon, command: str) -> None:
    if command in BEFORE:
        out, err = (before := shell(site, BEFORE[command])).communicate(timeout=120)
        assert before.returncode == 0, out + err
    if GOES_ON.match(command):
        goes_on(shell(site, command, site.folder / "other" if command.startswith("zpmd") else None))
        return
    out, err = (done := shell(site, command)).communicate(timeout=120)
    assert done.returncode in EXITS.get(command, {0}), f"{command}: exit code {done.returncode}\n{out}{err}"
    assert "Traceback" not in out + err


def goes_on(process: subprocess.Popen[str]) -> None:
    """It says something, and ends as asked."""
    assert process.stdout is not None
    assert process.stderr is not None
    daemon = "zpmd" in str(process.args[-1]) and "zpmctl" not in str(process.args[-1])  # type: ignore[index]
    said = (process.stderr if daemon else process.stdout).readline()
    os.killpg(process.pid, signal.SIGTERM if daemon else signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert said, out + err
    assert process.returncode == (0 if daemon else 130), out + err


def test_nothing_is_prepared_that_no_command_needs() -> None:
    commands = {*tour(), *examples()}
    assert {*BEFORE, *EXITS} <= commands
    assert all(any(theirs in command for command in commands) for theirs in SUBSTITUTED)
