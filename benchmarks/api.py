"""What reading costs: the time to an answer, and what ten thousand reads a minute do to the passes.

    .venv/bin/python -m benchmarks.api [--rounds 10] [--json FILE]

250 services of 4 replicas in a world that stands still, the loop and the server in one process as in the daemon, over
the unix socket. The client is a process of its own that keeps its connection; beside zpmd's, and in turn with them, are
a bare uvicorn route in the same process that answers with the very same bytes. In the first part a pass is made five
times a second, so that nothing is ever kept for long; in the second, blocks of passes with and without the reads take
turns.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from loguru import logger
from starlette.types import Receive, Scope, Send

from benchmarks import measure, stage
from benchmarks.standing import StandingStill, converge, loop_of
from zpmd.daemon.board import Board
from zpmd.daemon.clock import SystemClock
from zpmd.daemon.control import DaemonControl
from zpmd.daemon.desire import Desire
from zpmd.daemon.loop import Loop
from zpmd.daemon.meters import Meters
from zpmd.daemon.recorder import Recorder
from zpmd.interfaces.rest.app import create_app
from zpmd.interfaces.rest.authentication import Authenticator
from zpmd.interfaces.rest.parts import ApiParts
from zpmd.interfaces.rest.server import ApiServer
from zpmd.model.events import Reason
from zpmd.settings import Settings
from zpmd.sources.yamlfiles import YamlFiles
from zpmd.stores.embedded import EmbeddedStore

SERVICES, REPLICAS = 250, 4
PATHS = ("/v1/status", "/status")
ASKED_A_ROUND = 300
PASS_SECONDS = 0.2
BLOCK_PASSES = 50
READS_A_MINUTE = 10_000
READERS = 4
MIXED = ("/v1/status", "/status", "/v1/plan", "/v1/services/core-1", "/metrics")


def main() -> None:
    options = measure.arguments(__doc__ or "", rounds=10)
    logger.remove()
    with tempfile.TemporaryDirectory(prefix="zpmd-bench-") as folder, appliance(Path(folder)) as one:
        series = answers(one, options.rounds)
        measure.report(f"an answer, {SERVICES * REPLICAS:,} replicas", series, options, reference=series[-1])
        for arm in series:
            print(f"  99 % of {arm.name}: {told(arm, ASKED_A_ROUND)}")
        quiet, busy = passes(one, options.rounds)
        measure.report("a pass", [busy, quiet], options, reference=quiet)
        for arm in (busy, quiet):
            print(f"  99 % with {arm.name}: {told(arm, BLOCK_PASSES)}")


class Appliance:
    def __init__(self, folder: Path, loop: Loop) -> None:
        self.folder = folder
        self.loop = loop

    def socket(self, bare: bool) -> Path:
        return self.folder / ("bare.sock" if bare else "zpmd.sock")

    def once(self) -> float:
        """Seconds of one pass that reads everything anew."""
        began = time.perf_counter()
        self.loop.step(frozenset({Reason.RESYNC}))
        return time.perf_counter() - began


@contextlib.contextmanager
def appliance(folder: Path) -> Iterator[Appliance]:
    settings = Settings(project="t", services_dir=folder / "services.d", state_dir=folder, engine_url="")
    stage.service_files(settings.services_dir, SERVICES, REPLICAS)
    clock, board = SystemClock(), Board()
    store = EmbeddedStore(settings.database, settings.journal_entries, clock)
    desire = Desire((YamlFiles(settings, {}),), store)
    desire.first(clock.now())
    engine, meters = StandingStill(desire.desired, clock), Meters("bench")
    loop, mailbox = loop_of(settings, store, clock, desire, engine, passed=meters.passed, board=board)
    converge(loop, mailbox)
    control = DaemonControl(board, store, engine, clock, mailbox.wake, lambda: None)
    recorder = Recorder(store.audit, store, clock.now)
    one = Appliance(folder, loop)
    authenticator = Authenticator(store.tokens, clock.now)
    app = create_app(
        ApiParts(
            control=control,
            authenticator=authenticator,
            answers=store.answers,
            recorder=recorder,
            meters=meters,
            state_dir=folder,
            socket=one.socket(bare=False),
        )
    )
    bodies = Bodies()
    servers = [ApiServer(app, one.socket(bare=False), group=""), ApiServer(bodies, one.socket(bare=True), group="")]
    for server in servers:
        server.start()
    for path in PATHS:
        bodies.by_path[path] = once(one.socket(bare=False), path)
    try:
        yield one
    finally:
        for server in servers:
            server.stop()
        store.close()


class Bodies:
    """The bare route: what is to be said is known."""

    def __init__(self) -> None:
        self.by_path: dict[str, bytes] = {}
        self.state = type("State", (), {"stopping": threading.Event()})()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = self.by_path[scope["path"]]
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def answers(one: Appliance, rounds: int) -> list[measure.Series]:
    arms = [(path, bare) for path in PATHS for bare in (False, True)]
    series = {arm: measure.Series(f"{arm[0]}, {'bare uvicorn' if arm[1] else 'zpmd'}") for arm in arms}
    ended = threading.Event()
    ticking = threading.Thread(target=tick, args=(one, ended))
    ticking.start()
    try:
        for arm in measure.rotated(arms, rounds):
            path, bare = arm
            series[arm].values += asked(one.socket(bare), [path], ASKED_A_ROUND, every=0.0)
    finally:
        ended.set()
        ticking.join()
    return list(series.values())


def tick(one: Appliance, ended: threading.Event) -> None:
    while not ended.wait(PASS_SECONDS):
        one.once()


def passes(one: Appliance, rounds: int) -> tuple[measure.Series, measure.Series]:
    series = {
        False: measure.Series("no reads"),
        True: measure.Series(f"{READS_A_MINUTE:,} reads a minute"),
    }
    for busy in measure.rotated([False, True], rounds):
        readers = [reading(one, number) for number in range(READERS)] if busy else []
        try:
            time.sleep(1.0)
            for _ in range(BLOCK_PASSES):
                series[busy].values.append(one.once())
                time.sleep(PASS_SECONDS)
        finally:
            for reader in readers:
                reader.terminate()
                reader.wait()
    return series[False], series[True]


def reading(one: Appliance, number: int) -> subprocess.Popen[bytes]:
    every = 60 * READERS / READS_A_MINUTE
    paths = [MIXED[(number + i) % len(MIXED)] for i in range(len(MIXED))]
    return client(one.socket(bare=False), paths, 1_000_000, every)


def client(path: Path, paths: list[str], count: int, every: float) -> subprocess.Popen[bytes]:
    asks = json.dumps({"socket": str(path), "paths": paths, "count": count, "every": every})
    return subprocess.Popen(
        [sys.executable, "-c", "from benchmarks import asking; asking.main()", asks], stdout=subprocess.PIPE
    )


def asked(path: Path, paths: list[str], count: int, every: float) -> list[float]:
    said, _ = client(path, paths, count, every).communicate()
    values: list[float] = json.loads(said)
    return values


def once(path: Path, asks: str) -> bytes:
    connection = http.client.HTTPConnection("zpmd")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    connection.request("GET", asks)
    body = connection.getresponse().read()
    connection.close()
    return body


def told(series: measure.Series, block: int) -> str:
    """Of all, and of the quietest round: what others do on the machine is in the tail of every other one."""
    rounds = [series.values[at : at + block] for at in range(0, len(series.values), block)]
    return f"{p99(series.values):.2f} ms, in the quietest round {min(map(p99, rounds)):.2f} ms"


def p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98] * 1000


if __name__ == "__main__":
    main()
