"""What scripts/manpages does once there is a .venv: pages and completions into a folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import typer

import zpmd
from zpmd.__main__ import app as daemon_app
from zpmd.interfaces.ctl import manual
from zpmd.interfaces.ctl.program import app as ctl_app

CHECKOUT = Path(__file__).resolve().parents[1]
SHELLS = {"bash": "zpmctl.bash", "zsh": "_zpmctl", "fish": "zpmctl.fish"}

FILES = {
    "/etc/zpmd/zpmd.yaml": "the settings",
    "/etc/zpmd/services.d": "the service files",
    "/etc/zpmd/data.d": "tenants, integrations and parameters, where there is no database",
    "/run/zpmd/zpmd.sock": "the socket of the daemon",
    "/var/lib/zpmd": "what zpmd remembers",
    "/var/spool/zpmd/incoming": "where patches are dropped",
}


def pages() -> dict[str, str]:
    """Text by file name."""
    made = float(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    common = {"version": zpmd.__version__, "date": time.strftime("%Y-%m-%d", time.gmtime(made))}
    ctl = manual.Page(
        name="zpmctl",
        section=1,
        summary="look at what zpmd supervises, ask why, and tell it what to do",
        sections={},
        items={
            "EXIT STATUS": {str(code): text for code, text in manual.EXITS.items()},
            "ENVIRONMENT": {
                "ZPMD_SOCKET": "the socket of the daemon, where `--socket` does not name it",
                "NO_COLOR": "where it is set, no colour, unless `--color always` asks for it",
            },
            "FILES": FILES,
        },
        see_also=("zpmd(8)", "zpmd.yaml(5)", "docker(1)"),
        **common,
    )
    daemon = manual.Page(
        name="zpmd",
        section=8,
        summary="keep the containers of a Docker appliance as its files say",
        sections={},
        items={
            "EXIT STATUS": {"0": "stopped, or all is well", "1": "failed", "2": "usage", "78": "the files are wrong"},
            "FILES": FILES,
        },
        see_also=("zpmctl(1)", "zpmd.yaml(5)", "systemctl(1)"),
        **common,
    )
    settings = manual.Page(
        name="zpmd.yaml",
        section=5,
        summary="settings of zpmd",
        sections={},
        items={},
        see_also=("zpmd(8)", "zpmctl(1)"),
        **common,
    )
    return {
        "zpmctl.1": manual.page(typer.main.get_command(ctl_app), ctl),
        "zpmd.8": manual.page(typer.main.get_command(daemon_app), daemon),
        "zpmd.yaml.5": manual.settings_page((CHECKOUT / "etc/zpmd/zpmd.yaml").read_text(), settings),
    }


def completion(shell: str) -> str:
    """What zpmctl says itself when the shell's start-up file asks it."""
    program = Path(sys.executable).with_name("zpmctl")
    asked = {**os.environ, "_ZPMCTL_COMPLETE": f"source_{shell}"}
    return (
        subprocess.run([sys.executable, program], env=asked, capture_output=True, text=True, check=True).stdout.strip()
        + "\n"
    )


def main() -> None:
    folder = Path(sys.argv[1])
    for name, text in pages().items():
        (folder / name).write_text(text)
    for shell, name in SHELLS.items():
        (folder / name).write_text(completion(shell))
    sys.stdout.write("".join(f"{folder / name}\n" for name in (*pages(), *SHELLS.values())))


if __name__ == "__main__":
    main()
