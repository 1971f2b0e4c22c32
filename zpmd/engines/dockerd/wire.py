"""The wire: one client, the requests that can be made with it, and the pool that lends it out.

The SDK's low-level client is a requests session that knows how to reach an engine (unix socket, TCP, TLS, SSH) and how
to log in to registries: that is what it is used for. Requests and bodies are ours, by the Engine API's reference,
because the SDK's builders know neither every option nor every version, and its methods mix transport with shape.

A client is never used by two threads at a time (the SDK is not thread-safe): the pool lends each one out whole, and
makes another when none is at rest; of those that come back it keeps MOST_RESTING. The API version is agreed once
and kept until `renegotiate`; a pinned client connects to nothing when it is made, so an engine that is down is no
error before it is asked something.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import docker
import docker.auth
import docker.constants
import requests
from docker.transport import UnixHTTPAdapter

from zpmd.cut import Cut
from zpmd.engines.dockerd.faults import Answered, Garbage, Told
from zpmd.model.events import Result

Version = tuple[int, int]
Json = Any
"""Decoded JSON, not yet looked at: every reader checks the shape that it relies on."""

OLDEST: Version = (1, 41)
NEWEST: Version = tuple(map(int, docker.constants.DEFAULT_DOCKER_API_VERSION.split(".")))  # type: ignore[assignment]
NEWEST_BODY: Version = (1, 49)
"""Bodies of create and connect are ours to the last field, so they may be newer than the SDK (context.py)."""

CONNECT_SECONDS = 5.0
UNIX = "unix://"
ASKING, CHANGING = "http+docker://asking", "http+docker://changing"
"""The names under which the connections of a client are kept."""
MOST_RESTING = 8
"""Connections that are kept for the next borrower: more are busy at once for a moment alone, when many people ask."""
LOOK_SECONDS = 10.0
"""For what the engine answers from memory: a list, an inspection, its version."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """The versions spoken with this engine: for everything, and for the bodies that describe a container or network."""

    api: Version
    body: Version


def version_text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def agree(server_max: str, server_min: str) -> Agreed:
    """The newest that both sides know. Raises Told where there is none."""
    try:
        newest, oldest = _parsed(server_max), _parsed(server_min or "1.12")
    except ValueError as error:
        raise Garbage(f"versions {server_max!r} and {server_min!r}") from error
    api, oldest_known, newest_known = min(newest, NEWEST), version_text(OLDEST), version_text(NEWEST)
    if newest < OLDEST:
        raise Told(Result.PERMANENT, f"the engine speaks API {server_max} at most, zpmd needs {oldest_known} or newer")
    if api < oldest:
        raise Told(Result.PERMANENT, f"the engine speaks API {server_min} at least, zpmd knows {newest_known} at most")
    return Agreed(api, max(api, min(newest, NEWEST_BODY)))


def _parsed(version: str) -> Version:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


class Wire:
    """One client with an agreed version; used by one thread at a time.

    Every method raises Answered for an error status, Garbage for a body that is no JSON where JSON is due, or one of
    faults.FAILURES.
    """

    def __init__(self, client: docker.APIClient, agreed: Agreed, timeout_seconds: float) -> None:
        self._client = client
        self._timeout_seconds = timeout_seconds
        self.agreed = agreed

    def get(self, path: str, params: Mapping[str, Any] | None = None, timeout_seconds: float | None = None) -> Json:
        return _decoded(self._request("GET", path, params=params, timeout_seconds=timeout_seconds))

    def look(self, path: str, params: Mapping[str, Any] | None = None) -> Json:
        """A `get` for an observation. The loop waits for it, and must end its pass well within systemd's watchdog."""
        return self.get(path, params, timeout_seconds=min(self._timeout_seconds, LOOK_SECONDS))

    def post(
        self,
        path: str,
        body: Json = None,
        params: Mapping[str, Any] | None = None,
        timeout_seconds: float | None = None,
        version: Version | None = None,
    ) -> Json:
        """The decoded answer, or None where there is none (204, and 304 "nothing to do")."""
        return _decoded(
            self._request("POST", path, params=params, body=body, timeout_seconds=timeout_seconds, version=version)
        )

    def put(self, path: str, archive: bytes, params: Mapping[str, Any]) -> None:
        self._request("PUT", path, params=params, body=iter((archive,)))

    def delete(self, path: str, params: Mapping[str, Any] | None = None) -> None:
        self._request("DELETE", path, params=params)

    @contextlib.contextmanager
    def stream(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        idle_seconds: float | None = None,
    ) -> Iterator[requests.Response]:
        """An answer that is read as it comes; a silence of more than `idle_seconds` (None: any) raises."""
        response = self._send(method, path, params, body, headers, (CONNECT_SECONDS, idle_seconds), stream=True)
        try:
            _raise_for_status(response)
            yield response
        finally:
            response.close()

    @contextlib.contextmanager
    def upload(
        self, path: str, params: Mapping[str, Any], pieces: Iterator[bytes], idle_seconds: float
    ) -> Iterator[requests.Response]:
        """As `stream`, of a request whose body is sent as it is made. What making it raises breaks the request off and
        comes out as it is. The first of the two timeouts is for sending as well: an engine that writes to a slow disk
        takes nothing for a while."""
        response = self._send("POST", path, params, pieces, None, (idle_seconds, idle_seconds), stream=True)
        try:
            _raise_for_status(response)
            yield response
        finally:
            response.close()

    def registry_headers(self, image: str) -> dict[str, str]:
        """The log-in for the registry of an image, from the Docker configuration of the user that zpmd runs as."""
        registry, _ = docker.auth.resolve_repository_name(image)
        header = docker.auth.get_config_header(self._client, registry)
        return {"X-Registry-Auth": header.decode() if isinstance(header, bytes) else header} if header else {}

    def close(self) -> None:
        self._client.close()

    def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        body: Json = None,
        timeout_seconds: float | None = None,
        version: Version | None = None,
    ) -> requests.Response:
        timeout = (CONNECT_SECONDS, timeout_seconds or self._timeout_seconds)
        response = self._send(method, path, params, body, None, timeout, version=version)
        _raise_for_status(response)
        return response

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Json,
        headers: Mapping[str, str] | None,
        timeout: tuple[float, float | None],
        stream: bool = False,
        version: Version | None = None,
    ) -> requests.Response:
        """`body`: JSON, or an iterator over bytes that are sent as they are."""
        raw = isinstance(body, Iterator)
        content = "application/x-tar" if raw else "application/json"
        return self._client.request(
            method,
            f"{self._client.base_url}/v{version_text(version or self.agreed.api)}{path}",
            params=params,
            data=body if raw or body is None else json.dumps(body),
            headers={**(headers or {}), **({} if body is None else {"Content-Type": content})},
            timeout=timeout,
            stream=stream,
            allow_redirects=False,
        )


class Pool:
    """Lends wires; keeps the agreed version. Any thread may call anything."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._agreed: Agreed | None = None
        self._resting: list[Wire] = []

    @contextlib.contextmanager
    def lend(self) -> Iterator[Wire]:
        """A wire of one's own. It is kept for the next borrower unless its connection may be in an unknown state."""
        wire = self._take()
        try:
            yield wire
        except Answered as error:
            if error.status == 400 and "client version" in error.message.lower():
                self.renegotiate()  # the engine was exchanged for another under our feet
            self._give_back(wire)
            raise
        except Told:
            self._give_back(wire)
            raise
        except BaseException:
            wire.close()
            raise
        self._give_back(wire)

    def dedicated(self) -> Wire:
        """A wire that is never lent again, for a stream. The caller closes it."""
        return self._made(self._agreement())

    def renegotiate(self) -> None:
        """Forget the version and every kept connection: the engine may be another one now."""
        with self._lock:
            self._agreed = None
            old, self._resting = self._resting, []
        for wire in old:
            wire.close()

    def _take(self) -> Wire:
        with self._lock:
            if self._resting:
                return self._resting.pop()
        return self._made(self._agreement())

    def _give_back(self, wire: Wire) -> None:
        with self._lock:
            if wire.agreed == self._agreed and len(self._resting) < MOST_RESTING:
                self._resting.append(wire)
                return
        wire.close()

    def _agreement(self) -> Agreed:
        with self._lock:
            if self._agreed is not None:
                return self._agreed
        client = self._client(NEWEST)
        try:
            timeout = (CONNECT_SECONDS, min(self._timeout_seconds, LOOK_SECONDS))
            response = client.get(f"{client.base_url}/version", timeout=timeout)
            _raise_for_status(response)
            answer = _decoded(response)
        finally:
            client.close()
        if not isinstance(answer, dict) or not isinstance(answer.get("ApiVersion"), str):
            raise Garbage("no ApiVersion in its version")
        agreed = agree(answer["ApiVersion"], str(answer.get("MinAPIVersion") or ""))
        with self._lock:
            self._agreed = agreed
        return agreed

    def _made(self, agreed: Agreed) -> Wire:
        return Wire(self._client(agreed.api), agreed, self._timeout_seconds)

    def _client(self, version: Version) -> docker.APIClient:
        client = docker.APIClient(self._url, version=version_text(version), timeout=math.ceil(self._timeout_seconds))
        if self._url.startswith(UNIX):
            client.mount("http+docker://", _Connections(f"http+{self._url}", math.ceil(self._timeout_seconds)))
        # proxies and netrc of the environment are not for a local socket, and looking for them costs every request
        client.trust_env = not self._url.startswith(("unix:", "http+unix:"))
        return client


class _Connections(UnixHTTPAdapter):
    """The SDK's own keeps a connection for each URL that was ever asked, up to 25 of a client. A client is used by one
    thread at a time: one connection is enough for what asks, and is used again. What changes something gets a fresh
    one, because nobody can tell whether a request was carried out that was sent while the other side hung up."""

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: Any,  # noqa: ARG002 - of no use on a socket of this host, as is `cert`
        proxies: Mapping[str, str] | None = None,
        cert: Any = None,  # noqa: ARG002
    ) -> Any:
        if request.method == "GET":
            return self.get_connection(ASKING, proxies)
        with self.pools.lock:
            if self.pools.get(CHANGING) is not None:
                del self.pools[CHANGING]
        return self.get_connection(CHANGING, proxies)


@contextlib.contextmanager
def severable(response: requests.Response, cut: Cut | None) -> Iterator[None]:
    """While this lasts `cut` shuts the connection of a streamed answer: a read that blocks notices nothing else."""
    if cut is None:
        yield
        return
    # a second descriptor of the same connection: its shutdown wakes the reader, whatever holds the first one
    connection = socket.socket(fileno=os.dup(response.raw.fileno()))
    try:
        with cut.by(lambda: connection.shutdown(socket.SHUT_RDWR)):
            yield
    finally:
        connection.close()


def _raise_for_status(response: requests.Response) -> None:
    if response.status_code < 300 or response.status_code == 304:
        return
    raw = response.content
    try:
        message = decode(raw)["message"]
    except (Garbage, KeyError, TypeError):
        message = f"HTTP {response.status_code} {raw[:200].decode(errors='replace')}"
    raise Answered(response.status_code, str(message))


def decode(content: bytes) -> Json:
    """JSON as RFC 8259 has it. Raises Garbage.

    Python's reader takes more: NaN, Infinity, and halves of characters, which can neither be stored nor shown.
    """
    try:
        value = json.loads(content.decode(), parse_constant=_no_number)
        if b"\\ud" in content.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Garbage(f"no JSON: {content[:80]!r}") from error
    return value


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _decoded(response: requests.Response) -> Json:
    return decode(response.content) if response.content else None
