"""What `scripts/host` does with the root file system that it made: the sample images once, and a shell for people."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from tests.lab import hostdisk
from tests.lab.host import ENVIRONMENT, LabHost
from tests.lab.hostdisk import CHECKOUT


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/host")
    verbs = parser.add_subparsers(dest="verb", required=True)
    images = verbs.add_parser("images")
    images.add_argument("root", type=Path)
    images.add_argument("kept", type=Path)
    shell = verbs.add_parser("shell")
    shell.add_argument("--zpmd", action="store_true")
    shell.add_argument("command", nargs="*")
    options = parser.parse_args()
    if options.verb == "images":
        make_images(options.root, options.kept)
        return 0
    return shell_on_a_host(options.command, with_zpmd=options.zpmd)


def make_images(root: Path, kept: Path) -> None:
    """Boot the root file system once, make the sample images on its own engine, and keep what the engine wrote."""
    folder = kept.with_name("making")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    host = LabHost(hostdisk.bare(root, folder))
    try:
        host.boot()
        url = f"unix://{host.files}/run/docker.sock"
        subprocess.run([sys.executable, str(CHECKOUT / "scripts" / "images"), "--host", url], check=True)
        host.poweroff()
        (folder / "docker").rename(kept)
    finally:
        host.close()


def shell_on_a_host(command: list[str], with_zpmd: bool) -> int:
    """Boot a host, run `command` (else a login shell) on it; its exit code."""
    host = LabHost(hostdisk.fresh())
    try:
        sys.stderr.write(f"==> the host is {host.boot()}\n")
        if with_zpmd:
            install_zpmd(host)
        done = subprocess.run([*host.enter, *(command or ("bash", "-l"))], check=False, env=ENVIRONMENT)
        return done.returncode
    finally:
        host.close()


def install_zpmd(host: LabHost) -> None:
    """The package of this checkout, with the sample appliance, which comes up by itself."""
    made = subprocess.run([str(CHECKOUT / "scripts" / "package")], check=True, stdout=subprocess.PIPE, text=True)
    said = host.install(Path(made.stdout.strip()))
    if said.code:
        raise SystemExit(f"cannot install the package:\n{said.out}{said.err}")
    for folder in ("services.d", "files", "data.d"):
        host.push(CHECKOUT / "etc" / "zpmd" / folder, f"/etc/zpmd/{folder}")
    host.must("systemctl start zpmd")
    sys.stderr.write("==> zpmd runs, and its appliance comes up: watch -n 1 zpmctl status\n")


if __name__ == "__main__":
    sys.exit(main())
