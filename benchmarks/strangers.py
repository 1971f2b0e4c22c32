"""What people and the loop notice of strangers on TCP: the status over the unix socket, and the distance of passes.

    .venv/bin/python -m benchmarks.strangers [--rounds 3] [--json FILE]

A round is ten seconds of each: nobody, wrong tokens on 60 connections, connections that come and go as fast as they
can, 500 that never end the head of their request, and 10,000 of the same. zpmd, the strangers and who measures are
processes of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import multiprocessing
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx

from benchmarks import measure
from tests.lab.eventually import eventually

ROUND_SECONDS = 10.0
RESYNC_SECONDS = 1.0
ASK_SECONDS = 0.01
HEAD = b"GET /v1/status HTTP/1.1\r\nHost: zpmd\r\n"
WRONG = HEAD + b"Authorization: Bearer zpmd_wrong\r\n\r\n"

Attack = Callable[[int, int], Awaitable[None]]
"""One stranger, by his number, on a port."""


def main() -> None:
    options = measure.arguments(__doc__ or "", rounds=3)
    arms: dict[str, tuple[int, Attack]] = {
        "nobody": (0, wrong),
        "wrong tokens": (60, wrong),
        "connections that come and go": (60, connects),
        "heads that never end": (500, slow),
        "10,000 connections": (10_000, slow),
    }
    status = {name: measure.Series(name) for name in arms}
    passes = {name: measure.Series(name) for name in arms}
    with tempfile.TemporaryDirectory(prefix="zpmd-bench-") as folder, running(Path(folder)) as (people, port):
        for name in measure.rotated(list(arms), options.rounds):
            with attacked(port, *arms[name]):
                asked, apart = noticed(people)
            status[name].values += asked
            passes[name].values += apart
    measure.report("GET /v1/status, unix socket", list(status.values()), options, status["nobody"])
    measure.report(
        f"from pass to pass, {RESYNC_SECONDS:.0f} s wanted", list(passes.values()), options, passes["nobody"]
    )


@contextlib.contextmanager
def running(folder: Path) -> Iterator[tuple[httpx.Client, int]]:
    """zpmd without an engine, whose loop looks for one every second."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "services.d").mkdir()
    services = "".join(f"  s{number}: {{image: 'a:1'}}\n" for number in range(250))
    (folder / "services.d" / "a.yaml").write_text(f"services:\n{services}")
    (folder / "zpmd.yaml").write_text(
        "services_dir: services.d\nstate_dir: state\nsocket: z.sock\ndata_dir: data.d\npatches: {dir: spool}\n"
        f"engine: {{url: 'unix://{folder}/none.sock'}}\nresync_seconds: {RESYNC_SECONDS}\n"
        f"api: {{listen: '127.0.0.1:{port}'}}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "zpmd", "run", "--settings", str(folder / "zpmd.yaml")],
        stdout=subprocess.DEVNULL,
        stderr=(folder / "said").open("w"),
    )
    client = httpx.Client(transport=httpx.HTTPTransport(uds=str(folder / "z.sock")), base_url="http://zpmd", timeout=60)
    try:
        eventually(lambda: _answers(client), 60, "an answer of zpmd")
        yield client, port
    finally:
        client.close()
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/v1/status").status_code == 200
    except httpx.TransportError:
        return False


@contextlib.contextmanager
def attacked(port: int, strangers: int, attack: Attack) -> Iterator[None]:
    process = multiprocessing.get_context("fork").Process(target=_attack, args=(port, strangers, attack), daemon=True)
    process.start()
    try:
        yield
    finally:
        if process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
        process.join()


def _attack(port: int, strangers: int, attack: Attack) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    async def all_of_them() -> None:
        await asyncio.gather(asyncio.sleep(10 * ROUND_SECONDS), *(_again(attack, n, port) for n in range(strangers)))

    asyncio.run(all_of_them())


async def _again(attack: Attack, number: int, port: int) -> None:
    while True:
        with contextlib.suppress(OSError, EOFError):
            await attack(number, port)
        await asyncio.sleep(0)


async def wrong(number: int, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(f"127.0.1.{2 + number}", 0))
    with contextlib.closing(writer):
        while True:
            writer.write(WRONG)
            await reader.readuntil(b"}")


async def connects(number: int, port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(f"127.0.2.{2 + number}", 0))
    writer.close()


async def slow(number: int, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(f"127.0.3.{2 + number % 200}", 0))
    with contextlib.closing(writer):
        writer.write(HEAD)
        while not reader.at_eof():
            writer.write(b"X: y\r\n")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1000), 1.0)


def noticed(people: httpx.Client) -> tuple[list[float], list[float]]:
    """How long each answer took, and how far apart the passes were that it told of."""
    asked: list[float] = []
    at: list[float] = []
    until = time.monotonic() + ROUND_SECONDS
    while time.monotonic() < until:
        began = time.perf_counter()
        view = people.get("/v1/status").json()
        asked.append(time.perf_counter() - began)
        if not at or view["at"] != at[-1]:
            at.append(view["at"])
        time.sleep(ASK_SECONDS)
    return asked, [later - earlier for earlier, later in itertools.pairwise(at)]


if __name__ == "__main__":
    main()
