"""zpmd as systemd starts it: as a user without any capability, whose groups are all that it has.

What it cannot do itself the engine does for it; what it may not read it names, with what to type.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import FAILED
from tests.integration.appliance import service, worker
from tests.integration.conftest import keep
from tests.integration.daemon import Daemon
from tests.integration.patches.drops import dropped, ended, images, put, row
from tests.lab import unprivileged
from tests.lab.engine import LabEngine
from tests.lab.eventually import eventually

ASKER = """
import socket, sys
with socket.socket(socket.AF_UNIX) as asker:
    try:
        asker.connect(sys.argv[1])
    except PermissionError:
        sys.exit(3)
"""
TELLS = "cat $$f && stat -c ' %n %u %g %a' $$f"
READS = f"""\
command: ["sh", "-c", "for f in /run/own /run/grouped /run/roots; do {TELLS}; done; exec sleep 600"]
network_mode: none
user: "1000:70"
group_add: ["71"]
cap_drop: [ALL]
configs:
- {{source: c, target: /run/own, uid: "1000", mode: 0400}}
- {{source: c, target: /run/grouped, gid: "71", mode: 0440}}
- {{source: c, target: /run/roots}}
"""
QUIET = "network_mode: none\n"


@pytest.fixture
def user(engine_host: LabEngine, artifacts: Path, request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """Not started yet. It may use the engine's socket as a member of the socket's group, as in the group docker."""
    socket = engine_host.folder / "docker.sock"
    engine_host.folder.chmod(0o755)
    os.chown(socket, 0, unprivileged.SOCKET_GROUP)
    with unprivileged.own_folder() as folder:
        one = Daemon(engine_host, folder, under=unprivileged.words(unprivileged.SOCKET_GROUP))
        yield one
        if request.node.stash.get(FAILED, False):
            keep(one, artifacts)
        one.close()
    engine_host.folder.chmod(0o700)


def logs(user: Daemon, name: str) -> str:
    (container,) = user.running(name)
    return str(user.engine.client().logs(container).decode())


def runs(user: Daemon, name: str) -> list[str]:
    """Wait for it; its containers."""
    return eventually(lambda: user.running(name), 30, f"{name} that runs")


def refusals(user: Daemon) -> list[str]:
    return [text for text in (str(one) for one in user.status()["degraded"]) if "may not" in text]


def test_configs_and_secrets_have_the_owners_that_their_services_ask_for(user: Daemon) -> None:
    user.file("a.yaml", worker("a", "core", READS) + "configs:\n  c: {content: it is read}\n")
    user.start()
    runs(user, "a")
    mine = f"{unprivileged.UID} {unprivileged.GID}"
    expected = ["/run/own 1000 0 400", "/run/grouped 0 71 440", f"/run/roots {mine} 444"]
    eventually(lambda: logs(user, "a").splitlines() == [f"it is read {one}" for one in expected], 20, "its log")
    assert [c["Labels"]["io.zpmd.service"] for c in user.engine.client().containers(all=True)] == ["a"]


def test_root_of_a_container_without_capabilities_reads_what_is_for_nobody_else(user: Daemon) -> None:
    body = QUIET + 'command: ["sh", "-c", "cat /run/secrets/s; exec sleep 600"]\ncap_drop: [ALL]\n'
    body += "secrets: [{source: s, mode: 0400}]\n"
    (user.folder / "secret").write_text("it is read\n")
    user.file("a.yaml", worker("a", "core", body) + f"secrets:\n  s: {{file: {user.folder}/secret}}\n")
    user.start()
    runs(user, "a")
    eventually(lambda: logs(user, "a") == "it is read\n", 20, "a service that reads its secret")


def test_a_file_that_its_user_may_not_read_is_named_with_what_to_type(user: Daemon) -> None:
    environment = user.folder / "env"
    environment.write_text("A=1\n")
    user.file("a.yaml", worker("a", "core", QUIET))
    user.start()
    environment.chmod(0o640)
    user.file("b.yaml", worker("b", "core", QUIET + f"env_file: {environment}\n"))
    eventually(lambda: refusals(user), 20, "a refusal that is told")
    (told,) = refusals(user)
    uid, gid = unprivileged.UID, unprivileged.GID
    assert f"cannot read {environment}: the user {uid} may not read it: `chgrp {gid} {environment}; chmod g+r" in told
    os.chown(environment, 0, gid)
    runs(user, "b")


def test_a_watched_folder_that_its_user_may_not_pass_is_named_with_what_to_type(user: Daemon) -> None:
    watched = user.folder / "watched"
    (watched / "sub").mkdir(parents=True)
    (watched / "sub" / "a.conf").write_text("a")
    body = QUIET + f"develop: {{watch: [{{path: {watched}, action: restart}}]}}\n"
    user.file("a.yaml", worker("a", "core", body))
    user.start()
    before = runs(user, "a")
    (watched / "sub").chmod(0o744)
    eventually(lambda: "may not pass" in json.dumps(user.status()), 20, "a watch that says why it sees nothing")
    assert f"chmod g+x {watched}/sub" in json.dumps(user.status())
    assert user.running("a") == before


def test_check_says_the_same_as_the_daemon_would(user: Daemon) -> None:
    environment = user.folder / "env"
    environment.write_text("A=1\n")
    environment.chmod(0o600)
    path = user.file("a.yaml", worker("a", "core", f"env_file: {environment}\n"))
    said = subprocess.run(
        [*user.under, sys.executable, "-m", "zpmd", "check", path],
        capture_output=True,
        text=True,
        check=False,
        cwd=unprivileged.CHECKOUT,
    )
    assert said.returncode == 78
    assert f"the user {unprivileged.UID} may not read it: `chgrp {unprivileged.GID} {environment}" in said.stderr


def test_its_socket_is_for_its_group_and_nobody_else(user: Daemon) -> None:
    """The group is one that the machine knows: the setting is a name."""
    group = "users"
    gid = 100
    user.under = unprivileged.words(unprivileged.SOCKET_GROUP, gid)
    user.settings = {"socket_group": group}
    user.file("a.yaml", worker("a", "core", QUIET))
    user.start()
    state = user.socket.stat()
    assert (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) == (unprivileged.UID, gid, 0o660)
    ask = ["/usr/bin/python3", "-c", ASKER, user.socket]
    assert subprocess.run(ask, user=65534, group=gid, extra_groups=[], check=False).returncode == 0
    assert subprocess.run(ask, user=65534, group=65534, extra_groups=[], check=False).returncode == 3
    assert subprocess.run(ask, user=unprivileged.UID, group=65534, extra_groups=[], check=False).returncode == 0


def test_without_a_group_its_socket_is_for_itself_and_root(user: Daemon) -> None:
    user.settings = {"socket_group": "root"}
    user.file("a.yaml", worker("a", "core", QUIET))
    user.start()
    assert stat.S_IMODE(user.socket.stat().st_mode) == 0o600
    assert user.ctl("status").code == 0


def test_patches_of_others_are_taken_and_one_that_it_may_not_read_is_refused(user: Daemon) -> None:
    user.file("web.yaml", service("web", "core", "deploy: {update_config: {monitor: 300ms}}\n"))
    user.start()
    user.converged()
    assert not user.status()["degraded"]
    dropped(user, "good", tag="1.1", services=["web"])
    assert ended(user, "good") == "applied"
    assert images(user)["web"] == ["appliance/service:1.1"]
    assert (user.spool / "applied" / "good.patch.yaml").stat().st_uid == 0
    part = user.spool / "closed.part"
    part.write_text(json.dumps({"id": "closed", "tag": "1.0", "services": ["web"]}))
    part.chmod(0o600)
    part.rename(user.spool / "incoming" / "closed.patch.yaml")
    eventually(lambda: list(user.spool.glob("quarantine/*/reason.json")), 30, "the refusal of what cannot be read")
    (reason,) = user.spool.glob("quarantine/*/reason.json")
    told = json.loads(reason.read_text())
    assert told["reason"] == (
        f"closed.patch.yaml may not be read by the user {unprivileged.UID}: drop it anew, with mode 0640 and the group "
        f"{unprivileged.GID}"
    )
    assert (reason.parent / "closed.patch.yaml").exists()
    assert images(user)["web"] == ["appliance/service:1.1"]


def test_a_folder_in_the_place_of_a_patch_that_it_may_not_move_stays_and_is_told(user: Daemon) -> None:
    user.file("web.yaml", worker("web", "core", QUIET))
    user.start()
    incoming = user.spool / "incoming"
    eventually(incoming.is_dir, 20, "the drop directory")
    (incoming / "folder.patch.yaml").mkdir()
    eventually(lambda: "cannot be moved out of" in json.dumps(user.status()["degraded"]), 30, "that it cannot be moved")
    put(user, "good.patch.yaml", json.dumps({"id": "good", "tag": "1.0", "services": ["web"]}).encode())
    eventually(lambda: row(user, "good"), 30, "a patch that is taken all the same")


def test_a_state_that_was_roots_is_its_own_once_it_is_given_to_it(user: Daemon) -> None:
    """systemd does so, all of it, at the first start with another user (StateDirectory=)."""
    own, user.under = user.under, ()
    body = QUIET + 'secrets: [{source: s, uid: "1000", mode: 0400}]\n'
    (user.folder / "secret").write_text("content")
    user.file("a.yaml", worker("a", "core", body) + f"secrets:\n  s: {{file: {user.folder}/secret}}\n")
    user.start()
    before = runs(user, "a")
    assert user.stop() == 0
    for path in [user.folder / "state", *(user.folder / "state").rglob("*"), *user.spool.rglob("*")]:
        os.chown(path, unprivileged.UID, unprivileged.GID)
    user.under = own
    user.start()
    pid = user.engine.pid_of(before[0])
    user.engine.kill_container_process(before[0])
    eventually(lambda: user.engine.inspect(before[0])["State"]["Pid"] not in (0, pid), 30, "the same container again")
    (copy,) = (user.folder / "state" / "materials").glob("*.400.*")
    assert copy.stat().st_uid == 1000
    assert "cannot" not in user.log
