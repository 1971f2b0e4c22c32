"""Strangers on TCP who are slow, loud, many or wrong: what becomes of them, and that nobody else notices.

While they do what they do, the unix socket answers and a thread that publishes snapshots, as the loop does, gets on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from loguru import logger

from tests.lab.eventually import eventually
from tests.unit.interfaces.given import Surface
from tests.unit.interfaces.given_access import OPEN, give, stranger, surface_for_strangers
from zpmd.model.token import Scope
from zpmd.settings import Api

PATIENCE = 60
QUICK = replace(OPEN, header_seconds=0.5, body_seconds=0.5)
HEAD = b"GET /v1/status HTTP/1.1\r\nHost: zpmd\r\n"
POST = b"POST /v1/tokens HTTP/1.1\r\nHost: zpmd\r\nContent-Type: application/json\r\n"

Serve = Callable[[Api], Surface]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    made: list[Surface] = []

    def run(api: Api) -> Surface:
        made.append(surface_for_strangers(tmp_path, api))
        made[-1].publish()
        return made[-1]

    yield run
    for surface in made:
        surface.close()


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surface]:
    """One server for all those who do not need one of their own."""
    made = surface_for_strangers(tmp_path_factory.mktemp("quick"), QUICK)
    made.publish()
    yield made
    made.close()


def port(surface: Surface) -> int:
    assert surface.server.tcp is not None
    return surface.server.tcp.ports[0]


def connect(surface: Surface, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port(surface)), timeout=PATIENCE, source_address=(source, 0))


def answered(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    heard = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            heard += chunk
    return heard


@contextlib.contextmanager
def unnoticed(surface: Surface, attack: Callable[[threading.Event], Awaitable[None]]) -> Iterator[None]:
    """The attack goes on while the body runs, and until the unix socket has answered and the loop has got on."""
    over = threading.Event()
    passes = 0

    def loop() -> None:
        nonlocal passes
        while not over.wait(0.01):
            surface.publish()
            passes += 1

    async def attacking() -> None:
        await attack(over)

    threads = [threading.Thread(target=loop), threading.Thread(target=lambda: asyncio.run(attacking()))]
    for thread in threads:
        thread.start()
    try:
        yield
        before = passes
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(surface.socket)), base_url="http://zpmd", timeout=PATIENCE
        ) as people:
            for _ in range(20):
                assert people.get("/v1/status").status_code == 200
        eventually(lambda: passes >= before + 20, PATIENCE, "passes of the loop")
        assert threads[1].is_alive(), "the attack has ended by itself"
    finally:
        over.set()
        for thread in threads:
            thread.join(PATIENCE)


@pytest.mark.parametrize("begun", [b"", b"G", HEAD, HEAD + b"X: y"])
def test_a_head_that_does_not_come_is_not_waited_for(quick: Surface, begun: bytes) -> None:
    with connect(quick) as slow:
        slow.sendall(begun)
        heard = answered(slow)
    assert heard == b"" if not begun else b'"status": 408, "code": "too-slow"' in heard


def test_a_byte_now_and_then_wins_no_time(quick: Surface) -> None:

    async def drip(over: threading.Event) -> None:
        async def one(number: int) -> None:
            source = (f"127.0.0.{2 + number % 50}", 0)
            while not over.is_set():
                with contextlib.suppress(OSError):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port(quick), local_addr=source)
                    writer.write(HEAD)
                    while not reader.at_eof() and not over.is_set():
                        writer.write(b"X: y\r\n")
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(reader.read(100), 0.1)
                    writer.close()
                closed.append(number)

        await asyncio.gather(*(one(number) for number in range(100)))

    closed: list[int] = []
    with unnoticed(quick, drip), stranger(quick, give(quick, Scope.READ)) as honest:
        eventually(lambda: len(set(closed)) == 100, PATIENCE, "all of them closed")
        assert honest.get("/v1/status").status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b'{"name":'])
def test_a_body_that_does_not_come_is_not_waited_for(quick: Surface, body: bytes) -> None:
    token = f"Authorization: Bearer {give(quick, *Scope)}\r\n".encode()
    with connect(quick) as slow:
        slow.sendall(POST + token + b"Content-Length: 1000\r\n\r\n" + body)
        assert b'"status": 408, "code": "too-slow", "detail": "the body of a request took too long"' in answered(slow)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("framing", [b"Content-Length: 1000000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
def test_of_a_gigabyte_little_is_taken(quick: Surface, framing: bytes, known: bool) -> None:
    token = f"Authorization: Bearer {give(quick, *Scope)}\r\n".encode() if known else b""
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    taken, heard = 0, b""
    with connect(quick) as loud:
        loud.sendall(POST + token + framing)
        with contextlib.suppress(OSError):
            while taken < 1_000_000_000:
                taken += loud.send(piece)
        with contextlib.suppress(OSError):
            heard = answered(loud)
    assert taken < 64_000_000
    assert not heard or heard.split(b" ")[1] in (b"413", b"401")


def test_who_says_first_how_much_it_is_is_told_at_once(quick: Surface) -> None:
    token = f"Authorization: Bearer {give(quick, *Scope)}\r\n".encode()
    with connect(quick) as polite:
        polite.sendall(POST + token + b"Content-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n")
        heard = answered(polite)
    assert heard.startswith(b"HTTP/1.1 413 ")
    assert b"a request body has at most 1048576 bytes" in heard


@pytest.mark.parametrize(
    "words",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1/status HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\n\r\n",
        b"GET / HTTP/x.y\r\nHost: a\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        HEAD + b"X: " + b"y" * 200_000,
        HEAD + b"A: b\r\n" * 30_000,
        b"\r\n" * 50_000,
        b"\x00" * 50_000,
    ],
    ids=lambda words: words[:40].decode("latin-1").encode("unicode_escape").decode(),
)
def test_what_is_no_request_is_answered_and_closed(quick: Surface, words: bytes) -> None:
    with connect(quick) as rude:
        with contextlib.suppress(OSError):
            rude.sendall(words)
        heard = answered(rude)
    assert not heard or heard.split(b" ")[1] in (b"400", b"408", b"501"), heard[:200]
    with stranger(quick, give(quick, Scope.READ)) as honest:
        assert honest.get("/v1/status").status_code == 200


def test_a_connection_that_is_closed_by_half_is_closed(quick: Surface) -> None:
    """Whoever has gone looks just like that, and keeps no place."""
    with connect(quick) as half:
        half.sendall(HEAD)
        half.shutdown(socket.SHUT_WR)
        assert answered(half) == b""


def test_one_address_cannot_take_all_places(serve: Serve) -> None:
    surface = serve(replace(OPEN, max_connections=8))
    with contextlib.ExitStack() as open_:
        for _ in range(4):
            open_.enter_context(connect(surface, "127.0.0.9")).sendall(HEAD)
        refused = eventually(lambda: _turned_away(surface, "127.0.0.9"), PATIENCE, "the fifth turned away")
        assert b'"status": 503, "code": "too-many-connections"' in refused
        with stranger(surface, give(surface, Scope.READ)) as honest:
            assert honest.get("/v1/status").status_code == 200


def _turned_away(surface: Surface, source: str) -> bytes:
    with connect(surface, source) as one:
        return answered(one)


def test_thousands_of_connections_are_as_good_as_a_few(serve: Serve) -> None:
    """More than there are places for, from many addresses, and they come again as soon as they are closed."""
    surface = serve(replace(OPEN, max_connections=200, header_seconds=3.0))
    begun = 0

    async def crowd(over: threading.Event) -> None:
        async def one(number: int) -> None:
            nonlocal begun
            source = (f"127.0.{number % 100}.{2 + number % 9}", 0)
            while not over.is_set():
                with contextlib.suppress(OSError, TimeoutError):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port(surface), local_addr=source)
                    begun += 1
                    writer.write(HEAD)
                    while not over.is_set() and not reader.at_eof():
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(reader.read(1000), 1.0)
                    writer.close()
                await asyncio.sleep(0.5)

        await asyncio.gather(*(one(number) for number in range(3000)))

    with unnoticed(surface, crowd):
        eventually(lambda: begun >= 3000, PATIENCE, "all of them were there")
        assert surface.server.tcp is not None
        assert surface.server.tcp.connections() <= 200
    with stranger(surface, give(surface, Scope.READ)) as honest:
        eventually(lambda: _gets(honest) == 200, PATIENCE, "room again")


def _gets(client: httpx.Client) -> int:
    try:
        return client.get("/v1/status").status_code
    except httpx.HTTPError:
        return 0


def test_a_flood_of_wrong_tokens_is_a_line_in_the_log_and_nothing_else(serve: Serve) -> None:
    surface = serve(replace(OPEN, failures_per_minute=5))
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(message.record["message"]), level="DEBUG")
    statuses: list[int] = []

    async def flood(over: threading.Event) -> None:
        async def one() -> None:
            transport = httpx.AsyncHTTPTransport(local_address="127.0.0.66")
            async with httpx.AsyncClient(
                transport=transport, base_url=f"http://127.0.0.1:{port(surface)}", timeout=PATIENCE
            ) as client:
                while not over.is_set():
                    answer = await client.get("/v1/status", headers={"Authorization": "Bearer zpmd_wrong"})
                    statuses.append(answer.status_code)
                    if answer.status_code == 429:
                        assert int(answer.headers["retry-after"]) >= 1

        await asyncio.gather(*(one() for _ in range(30)))

    with unnoticed(surface, flood), stranger(surface, give(surface, Scope.READ)) as honest:
        eventually(lambda: statuses.count(429) > 30, PATIENCE, "attempts that are held up")
        assert honest.get("/v1/status").status_code == 200
    logger.remove(sink)
    assert statuses.count(401) <= 5 + 1
    assert [line for line in lines if "127.0.0.66" in line] == ["api: an attempt with a wrong token from 127.0.0.66"]


def test_a_token_and_an_address_may_ask_so_often(serve: Serve) -> None:
    surface = serve(replace(OPEN, token_requests_per_minute=40, address_requests_per_minute=80))
    one, other = give(surface, Scope.READ), give(surface, Scope.READ)
    with stranger(surface) as client:

        def ask(key: str) -> httpx.Response:
            return client.get("/v1/status", headers={"Authorization": f"Bearer {key}"})

        first = [ask(one).status_code for _ in range(10)]
        late = ask(one)
        assert (first, late.status_code, late.json()["code"]) == ([200] * 10, 429, "too-fast")
        assert int(late.headers["retry-after"]) >= 1
        assert ask(other).status_code == 200
        eventually(
            lambda: client.get("/v1/whoami").status_code == 429, PATIENCE, "the address has used up its own", 0.0
        )
