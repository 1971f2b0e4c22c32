"""Installing, upgrading, removing and purging the package where no systemd runs, as when an image is made."""

from __future__ import annotations

from pathlib import Path

from tests.integration.boot import packages
from tests.integration.package.conftest import Built
from tests.lab.borrowed import BorrowedRoot

ENABLED = "/etc/systemd/system/multi-user.target.wants/zpmd.service"
PLACES = ("/etc", "/lib", "/opt", "/run", "/usr", "/var")


def install(host: BorrowedRoot, deb: Path) -> None:
    host.put(deb, "/root/zpmd.deb")
    # What is in memory need not be synced.
    host.told("dpkg", "--force-unsafe-io", "--force-confold", "--install", "/root/zpmd.deb")


def owner(host: BorrowedRoot, path: str) -> str:
    return host.told("stat", "--format", "%U:%G %a", path).strip()


def named_zpmd(host: BorrowedRoot) -> list[str]:
    """Every path with zpmd in its name, where packages put things."""
    found = host.told("find", *PLACES, "-xdev", "-path", "*zpmd*", "-prune", "-print")
    return sorted(found.split())


def test_after_installing_the_user_the_folders_and_the_service_are_there(host: BorrowedRoot, built: Built) -> None:
    install(host, built.deb)
    assert {"zpmd", "docker"} <= set(host.told("id", "--name", "--groups", "zpmd").split())
    assert owner(host, "/etc/zpmd") == "root:zpmd 750"
    assert owner(host, "/etc/zpmd/services.d") == "root:zpmd 750"
    assert owner(host, "/etc/zpmd/zpmd.yaml") == "root:zpmd 640"
    assert owner(host, "/var/spool/zpmd") == "zpmd:zpmd 755"
    assert "zpmd" in host.told("journalctl", "--list-catalog")
    assert host.told("readlink", ENABLED).strip() == "/lib/systemd/system/zpmd.service"
    assert host.told("zpmctl", "--help").startswith("Usage: zpmctl")


def test_an_upgrade_keeps_what_the_operator_changed(host: BorrowedRoot, built: Built, newer: Path) -> None:
    install(host, built.deb)
    host.told("sh", "-c", "echo 'log_level: debug' >/etc/zpmd/zpmd.yaml; chgrp daemon /etc/zpmd/services.d")
    host.told("sh", "-c", "mkdir -p /var/lib/zpmd; echo state >/var/lib/zpmd/file")
    host.told("systemctl", "disable", "zpmd.service")
    install(host, newer)
    assert host.told("zpmd", "--version") == f"zpmd {packages.NEWER}\n"
    assert host.told("cat", "/etc/zpmd/zpmd.yaml") == "log_level: debug\n"
    assert owner(host, "/etc/zpmd/zpmd.yaml") == "root:zpmd 640"
    assert owner(host, "/etc/zpmd/services.d") == "root:daemon 750"
    assert host.told("cat", "/var/lib/zpmd/file") == "state\n"
    assert host.run("test", "-e", ENABLED).returncode == 1


def test_removing_keeps_settings_and_state_and_purging_leaves_nothing(host: BorrowedRoot, built: Built) -> None:
    before = named_zpmd(host)
    install(host, built.deb)
    host.told("sh", "-c", "echo 'services: {}' >/etc/zpmd/services.d/10-mine.yaml")
    host.told("sh", "-c", "mkdir -p /var/lib/zpmd/secrets /var/log/zpmd; echo state >/var/lib/zpmd/file")

    host.told("dpkg", "--remove", "zpmd")
    assert host.run("test", "-e", "/opt/zpmd").returncode == 1
    assert host.told("cat", "/etc/zpmd/services.d/10-mine.yaml", "/var/lib/zpmd/file") == "services: {}\nstate\n"

    said = host.told("dpkg", "--purge", "zpmd")
    assert "Containers, networks and volumes" in said
    assert named_zpmd(host) == before
    assert host.run("getent", "passwd", "zpmd").returncode == 2
    assert host.run("getent", "group", "zpmd").returncode == 2


def test_installed_again_after_a_removal_it_is_enabled_as_before(host: BorrowedRoot, built: Built) -> None:
    install(host, built.deb)
    host.told("dpkg", "--remove", "zpmd")
    install(host, built.deb)
    assert host.run("test", "-e", ENABLED).returncode == 0
    assert host.run("test", "-L", "/etc/systemd/system/zpmd.service").returncode == 1, "it is still masked"
