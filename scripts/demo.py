"""The demo behind scripts/demo, which is how it is started.

Rules: everything it makes is below one folder or listed in that folder's made.json, so that --down can remove exactly
that. It looks at zpmd through the same interface as everybody, and does to a container only what a failure would do.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import docker
import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table

CHECKOUT = Path(__file__).resolve().parent.parent
VICTIM = "zona_user"
PATCH = "demo-1"
UI, UI_PORT = "securaa_ui_nginx", 8443
COLOURS = {"running": "green", "completed": "green", "starting": "yellow", "waiting": "dim", "updating": "yellow"}

console = Console(highlight=False)
Status = dict[str, Any]


def say(text: str) -> None:
    console.print(f"[bold]==>[/bold] {text}", soft_wrap=True)


def fail(text: str) -> NoReturn:
    console.print(f"demo: {text}", style="red", soft_wrap=True, markup=False)
    raise SystemExit(1)


# --- what the demo makes, and where -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """The demo's folder. made.json in it is what makes it ours to delete."""

    root: Path

    @property
    def settings(self) -> Path:
        return self.root / "zpmd.yaml"

    @property
    def socket(self) -> Path:
        return self.root / "zpmd.sock"

    @property
    def log(self) -> Path:
        return self.root / "zpmd.log"

    @property
    def patches(self) -> Path:
        return self.root / "patches"

    @property
    def engine(self) -> Path:
        return self.root / "engine"

    def made(self) -> dict[str, Any]:
        """`engine_url`, `images` (name -> id of those that were not there before), `bridge` (docker0 is ours)."""
        try:
            return dict(json.loads((self.root / "made.json").read_text()))
        except FileNotFoundError:
            return {}

    def note_made(self, **things: object) -> None:
        (self.root / "made.json").write_text(json.dumps(self.made() | things, indent=1) + "\n")

    def pid(self) -> int | None:
        """The process of this demo's zpmd, if it lives."""
        try:
            pid = int((self.root / "zpmd.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(self.settings) in command else None


def the_place() -> Place:
    default = "/var/lib/zpmd-demo" if os.geteuid() == 0 else os.path.expanduser("~/.local/state/zpmd-demo")
    place = Place(Path(os.environ.get("ZPMD_DEMO_DIR") or default).absolute())
    if len(os.fsencode(place.engine / "docker.sock")) > 100:
        fail(f"the path {place.root} is too long for a socket; choose a shorter ZPMD_DEMO_DIR")
    if place.root.exists() and any(place.root.iterdir()) and not place.made():
        fail(f"{place.root} is not the demo's and not empty; choose another ZPMD_DEMO_DIR")
    return place


def script(name: str, *arguments: str) -> str:
    """One of the scripts beside this one; its standard output."""
    done = subprocess.run([CHECKOUT / "scripts" / name, *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        fail(f"scripts/{name} failed (exit {done.returncode})")
    return done.stdout.strip()


def bring_engine(place: Place) -> str:
    """An engine's URL: the one that answers, or one that is started below the demo's folder."""
    had_bridge = Path("/sys/class/net/docker0").exists()
    url = script("engine", "--state", str(place.engine))
    if place.engine.exists() and "bridge" not in place.made():
        place.note_made(bridge=not had_bridge)
    place.note_made(engine_url=url)
    return url


def bring_images(place: Place, url: str) -> None:
    engine = docker.APIClient(base_url=url, version="auto")
    with closing(engine):
        before = tags(engine)
        script("images", "--host", url)
        new = {name: image for name, image in tags(engine).items() if before.get(name) != image}
    place.note_made(images=place.made().get("images", {}) | new)


def tags(engine: docker.APIClient) -> dict[str, str]:
    return {name: image["Id"] for image in engine.images("appliance/*") for name in image["RepoTags"] or ()}


def lay_out(place: Place, url: str) -> None:
    """A copy of the sample files to play with, and settings that keep everything else below the folder too."""
    for name in ("services.d", "files", "data.d"):
        if not (place.root / name).exists():
            shutil.copytree(CHECKOUT / "etc" / "zpmd" / name, place.root / name)
    (place.root / f"{PATCH}.patch.yaml").write_text(
        f"id: {PATCH}\ndescription: Two services to version 1.1\ntag: '1.1'\nservices: [zona_user, zona_siem]\n"
    )
    if not (place.root / "appliance.env").exists():
        (place.root / "appliance.env").write_text(f"APPLIANCE_UI_PORT={UI_PORT}\n" if free(UI_PORT) else "")
    place.settings.write_text(
        f"project: appliance\nservices_dir: services.d\ndata_dir: data.d\nstate_dir: state\nsocket: zpmd.sock\n"
        f"env_file: appliance.env\nengine:\n  url: {url}\npatches:\n  dir: patches\n  keys_dir: patch-keys\n"
    )


def free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


# --- zpmd -------------------------------------------------------------------------------------------------------------


def start_zpmd(place: Place) -> None:
    if pid := place.pid():
        say(f"zpmd runs already (pid {pid})")
        return
    command = [sys.executable, "-m", "zpmd", "run", "--settings", str(place.settings)]
    with place.log.open("ab") as log:
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    (place.root / "zpmd.pid").write_text(f"{started.pid}\n")
    say(f"zpmd run, pid {started.pid}; its log is {place.log}")


def bring_up_again(place: Place, timeout_seconds: float) -> None:
    """A `--down` that was cut short has left word that everything is to be down."""
    if next(statuses(place, timeout_seconds))["down"] != "no":
        zpmctl(place, "up")


def stop_zpmd(place: Place) -> None:
    pid = place.pid()
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while place.pid() == pid and time.monotonic() < deadline:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.1)
    if place.pid() == pid:
        fail(f"zpmd (pid {pid}) does not stop; its log is {place.log}")


def zpmctl(place: Place, *arguments: str) -> int:
    program = Path(sys.executable).with_name("zpmctl")
    console.print(f"[dim]$ zpmctl {shlex.join(arguments)}[/dim]", soft_wrap=True)
    return subprocess.run(
        [program, *arguments], env=os.environ | {"ZPMD_SOCKET": str(place.socket)}, check=False
    ).returncode


def statuses(place: Place, timeout_seconds: float) -> Iterator[Status]:
    """How things stand, a few times a second; fails with what is known at the end of the time."""
    deadline = time.monotonic() + timeout_seconds
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(place.socket)), base_url="http://zpmd", timeout=10) as api:
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                answer = api.get("/v1/status")
                if answer.is_success:
                    yield answer.json()
            if place.pid() is None:
                give_up(place, "zpmd has ended")
            time.sleep(0.25)
    give_up(place, f"not there after {timeout_seconds:.0f} s")


def give_up(place: Place, why: str) -> NoReturn:
    if place.pid() is not None:
        zpmctl(place, "status")
    console.print(f"[dim]the end of {place.log}:[/dim]")
    for line in place.log.read_text(errors="replace").splitlines()[-20:]:
        console.print(f"    {line}", markup=False, soft_wrap=True)
    fail(f"{why}; scripts/demo --down removes everything")


# --- what is seen -----------------------------------------------------------------------------------------------------


def services(status: Status) -> list[dict[str, Any]]:
    return [service for group in status["groups"] for service in group["services"]]


def settled(service: dict[str, Any]) -> bool:
    return service["state"] in ("running", "completed") and service["ready"] >= min(service["desired"], 1)


def watch_it_come_up(place: Place, timeout_seconds: float) -> Status:
    """Until it has converged: a table that moves on a terminal, a line for each service elsewhere."""
    started, seen = time.monotonic(), set[str]()
    live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
    with live or nullcontext():
        for status in statuses(place, timeout_seconds):
            if live:
                live.update(table(status, time.monotonic() - started), refresh=True)
            else:
                for service in services(status):
                    if settled(service) and service["name"] not in seen:
                        seen.add(service["name"])
                        console.print(line(service, time.monotonic() - started), markup=False)
            if status["state"] == "converged":
                break
    if live:
        console.print(table(status, time.monotonic() - started))
    containers, seconds = status["containers"], time.monotonic() - started
    say(f"converged: {len(services(status))} services, {containers} containers, {seconds:.1f} s")
    return status


def line(service: dict[str, Any], seconds: float) -> str:
    return f"{seconds:6.1f} s  {service['group']:<7} {service['name']:<20} {count(service)}  {service['state']}"


def count(service: dict[str, Any]) -> str:
    return f"{service['ready']}/{service['desired']}"


def table(status: Status, seconds: float) -> Table:
    rows = Table("group", "service", "ready", "state", "", box=None, pad_edge=False, title_justify="left")
    rows.title = f"{status['state']}, {seconds:.1f} s"
    for service in services(status):
        colour = COLOURS.get(service["state"], "red")
        reason = service["reason"] if not settled(service) else ""
        state = f"[{colour}]{service['state']}[/{colour}]"
        rows.add_row(service["group"], service["name"], count(service), state, f"[dim]{reason[:70]}[/dim]")
    return rows


def replica_of(status: Status, name: str) -> dict[str, Any]:
    service = next(s for s in services(status) if s["name"] == name)
    return dict(min(service["replicas"], key=lambda r: r["slot"]))


def show_a_recovery(place: Place, url: str, status: Status, timeout_seconds: float) -> None:
    victim = replica_of(status, VICTIM)
    with closing(docker.APIClient(base_url=url, version="auto")) as engine:
        pid = engine.inspect_container(victim["id"])["State"]["Pid"]
    say(f"now its process dies: kill -9 {pid}, the first process of {victim['name']}")
    killed = time.time()
    try:
        os.kill(pid, signal.SIGKILL)
    except (PermissionError, ProcessLookupError) as error:
        say(f"cannot kill it from here ({error.strerror}): try `sudo kill -9 {pid}` where the engine runs")
        return
    for status in statuses(place, timeout_seconds):
        now = replica_of(status, VICTIM)
        if now["started_at"] != victim["started_at"] and now["phase"] == "running":
            say(f"running again, started {now['started_at'] - killed:.2f} s after the kill")
            break
    for status in statuses(place, timeout_seconds):
        if status["state"] == "converged":
            break
    zpmctl(place, "why", VICTIM)


def hint(place: Place, url: str, status: Status) -> None:
    with closing(docker.APIClient(base_url=url, version="auto")) as engine:
        ports = engine.port(replica_of(status, UI)["id"], 443) or []
    folder, bin_folder = shlex.quote(str(place.root)), shlex.quote(str(Path(sys.executable).parent))
    console.print(
        f"""
The appliance is running, and zpmd with it. What to try:

    export ZPMD_SOCKET={shlex.quote(str(place.socket))} PATH={bin_folder}:$PATH
    zpmctl status                        # --watch to keep looking
    zpmctl why metadb_schema             # the story of any service
    zpmctl stop redis; zpmctl status     # it stays stopped, over restarts of zpmd too, until `zpmctl start redis`
    zpmctl scale zona_user 3 --wait
    zpmctl tenants; zpmctl integrations  # each row of data.d is a service: this one, and its port
    sed -i 's/status: inactive/status: active/' {folder}/data.d/20-integrations.yaml; zpmctl ports
    sed -i 's/PORT: 8090/PORT: 8091/' {folder}/services.d/20-core.yaml; zpmctl status --watch
    zpmctl patch plan {folder}/{PATCH}.patch.yaml     # a patch: two services to version 1.1, and what that would take
    cp {folder}/{PATCH}.patch.yaml {shlex.quote(str(place.patches))}/incoming/; zpmctl patch show {PATCH} --watch
    zpmctl patch revert {PATCH} --wait    # and back; next time it needs another id
    zpmctl doctor""",
        markup=False,
        soft_wrap=True,
    )
    for port in ports[:1]:
        console.print(f"    curl http://{port['HostIp']}:{port['HostPort']}/", markup=False)
    console.print("    scripts/demo --down                  # and it is gone\n", markup=False)


# --- the end ----------------------------------------------------------------------------------------------------------


def take_down(place: Place, timeout_seconds: float) -> None:
    made = place.made()
    if not made:
        say(f"there is no demo in {place.root}")
        return
    if (place.root / "state").exists():
        start_engine_again(place, made)
        start_zpmd(place)
        next(statuses(place, timeout_seconds))
        if zpmctl(place, "down", "--volumes", "--yes", "--wait") != 0:
            fail(f"not everything could be removed; {place.root} is left for another try")
        stop_zpmd(place)
    remove_images(made)
    if place.engine.exists():
        script("engine", "--stop", "--state", str(place.engine))
        if made.get("bridge"):
            subprocess.run(["ip", "link", "delete", "docker0"], stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(place.root)
    say("gone: containers, volumes, networks, images and state of the demo")


def start_engine_again(place: Place, made: dict[str, Any]) -> None:
    """An engine that the demo started may be gone since, with a reboot; what is to be removed is in it."""
    url = script("engine", "--state", str(place.engine)) if place.engine.exists() else made["engine_url"]
    if url != made["engine_url"]:
        fail(f"the demo runs on the engine at {made['engine_url']}, which does not answer any more")


def remove_images(made: dict[str, Any]) -> None:
    images = made.get("images", {})
    if not images:
        return
    with closing(docker.APIClient(base_url=made["engine_url"], version="auto")) as engine:
        there = tags(engine)
        for name, image in images.items():
            if there.get(name) == image:
                try:
                    engine.remove_image(name)
                except docker.errors.APIError as error:
                    say(f"{name} stays: {error.explanation}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--down", action="store_true", help="remove all that the demo made, and nothing else")
    parser.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS", help="for each step (300)")
    arguments = parser.parse_args()
    place = the_place()
    if arguments.down:
        take_down(place, arguments.timeout)
        return
    place.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    place.note_made(by="scripts/demo")
    url = bring_engine(place)
    bring_images(place, url)
    lay_out(place, url)
    start_zpmd(place)
    bring_up_again(place, arguments.timeout)
    status = watch_it_come_up(place, arguments.timeout)
    show_a_recovery(place, url, status, arguments.timeout)
    hint(place, url, status)


if __name__ == "__main__":
    main()
