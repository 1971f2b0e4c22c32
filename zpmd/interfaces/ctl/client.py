"""How zpmctl talks to the daemon: HTTP over the unix socket, and every way in which that can go wrong in one line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from zpmd.interfaces.until import Goal
from zpmd.interfaces.views import DoneView, StatusView

T = TypeVar("T")

ANSWER_SECONDS = 30.0
WAIT_SECONDS = 20.0
UNREADABLE = "cannot read the daemon's answer: are zpmctl and zpmd of the same version?"


class Exit(IntEnum):
    """What zpmctl exits with: stable, for scripts."""

    OK = 0
    FAILED = 1
    USAGE = 2
    WOULD_CHANGE = 3
    NOT_FOUND = 4
    REFUSED = 5
    UNREACHABLE = 6
    TIMED_OUT = 7
    INTERRUPTED = 130


BY_STATUS = {
    400: Exit.USAGE,
    401: Exit.REFUSED,
    403: Exit.REFUSED,
    404: Exit.NOT_FOUND,
    409: Exit.REFUSED,
    413: Exit.USAGE,
    422: Exit.USAGE,
}


class Failure(Exception):
    """The end of a command: one line for stderr, an exit code, and the daemon's problem where it sent one."""

    def __init__(self, code: Exit, text: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.problem = problem


class Daemon:
    """The daemon behind one socket. Every method raises Failure."""

    def __init__(self, socket: Path, timeout_seconds: float = ANSWER_SECONDS) -> None:
        self.socket = socket
        self._timeout_seconds = timeout_seconds
        self._client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://zpmd", timeout=timeout_seconds
        )

    def get(self, kind: type[T], path: str, **query: object) -> T:
        return self._read(kind, self._request("GET", path, query))

    def get_raw(self, path: str) -> Any:
        return self._request("GET", path, {}).json()

    def get_text(self, path: str) -> str:
        return self._request("GET", path, {}).text

    def post(self, path: str, body: object = None) -> DoneView:
        return self.ask(DoneView, path, body)

    def ask(self, kind: type[T], path: str, body: object) -> T:
        """As `get`, of a question that is too long for a query."""
        return self._read(kind, self._request("POST", path, {}, body))

    def newer(self, after: int, timeout_seconds: float) -> StatusView | None:
        """The first status with a number above `after`; None when there is none within the time."""
        query = {"after": after, "timeout": timeout_seconds}
        response = self._request("GET", "/v1/wait", query, timeout=timeout_seconds + ANSWER_SECONDS)
        return None if response.status_code == 204 else self._read(StatusView, response)

    def changed(self, after: int, timeout_seconds: float) -> StatusView | None:
        """As `newer`, and also the first one of a daemon that was restarted meanwhile: it counts from 1 again."""
        view = self.newer(after, timeout_seconds) or self.get(StatusView, "/v1/status")
        return view if view.number != after else None

    def lines(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        """JSON objects as they come; ends when the daemon ends the stream."""
        timeout = httpx.Timeout(ANSWER_SECONDS, read=None)
        with self._told(), self._client.stream("GET", path, params=_query(query), timeout=timeout) as response:
            if response.status_code != 200:
                response.read()
                self._check(response)
            for line in response.iter_lines():
                if line:
                    yield _object(line)

    def until(self, goal: Goal, done: DoneView, timeout_seconds: float, note: Callable[[float, str], None]) -> str:
        """Wait until the goal is met by a pass that knows of `done`; returns how. `note` hears at which
        instant what is waited for."""
        deadline = time.monotonic() + timeout_seconds
        after, pending = 0, "zpmd has not looked yet"
        while (left := deadline - time.monotonic()) > 0:
            view = self.changed(after, min(left, WAIT_SECONDS))
            if view is None:
                continue
            after = view.number
            if view.at <= done.at:
                continue
            met = goal(view)
            if met.done:
                return met.text
            if met.done is False:
                raise Failure(Exit.FAILED, met.text)
            pending = met.text
            note(view.now, pending)
        raise Failure(Exit.TIMED_OUT, f"not done after {timeout_seconds:.0f} s, and still going on: {pending}")

    def _request(
        self, method: str, path: str, query: dict[str, Any], body: object = None, timeout: float | None = None
    ) -> httpx.Response:
        with self._told():
            response = self._client.request(
                method, path, params=_query(query), json=body, timeout=timeout or self._timeout_seconds
            )
        self._check(response)
        return response

    def _told(self) -> _Told:
        return _Told(self.socket)

    def _check(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        try:
            problem = response.json()
            detail = str(problem["detail"])
        except (ValueError, KeyError, TypeError):
            raise Failure(Exit.FAILED, f"zpmd answered {response.status_code}, and nothing more") from None
        raise Failure(BY_STATUS.get(response.status_code, Exit.FAILED), detail, problem)

    def _read(self, kind: type[T], response: httpx.Response) -> T:
        try:
            return TypeAdapter(kind).validate_json(response.content)
        except ValidationError:
            raise Failure(Exit.FAILED, UNREADABLE) from None


class _Told:
    """Turns what the transport raises into a Failure that says what to do."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            raise Failure(Exit.UNREACHABLE, f"cannot reach zpmd at {self._socket}: {_why(error)}") from None
        if isinstance(error, httpx.TimeoutException):
            raise Failure(Exit.TIMED_OUT, f"zpmd at {self._socket} does not answer") from None
        if isinstance(error, httpx.HTTPError):
            raise Failure(Exit.UNREACHABLE, f"zpmd at {self._socket} has hung up: was it restarted?") from None


def _why(error: Exception) -> str:
    text = str(error)
    if "No such file" in text:
        return "it is not running (`systemctl start zpmd`), or listens elsewhere (--socket, ZPMD_SOCKET)"
    if "Permission denied" in text:
        return "no permission: become root, or a member of the socket's group"
    if "refused" in text:
        return "nobody answers: it has died, or is starting (`systemctl status zpmd`)"
    return text or "no answer"


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Failure(Exit.FAILED, UNREADABLE)
    return value


def parsed(kind: type[T], data: object) -> T:
    """What came over a stream as a view; names that this zpmctl does not know are left out. Raises Failure."""
    try:
        value: T = TypeAdapter(kind).validate_python(data)
    except ValidationError:
        raise Failure(Exit.FAILED, UNREADABLE) from None
    return value


def segment(name: str, kind: str = "service") -> str:
    """A name as one segment of a path: nothing in it can lead elsewhere. Raises Failure for what is no name."""
    if not name or "/" in name or name in (".", ".."):
        raise Failure(Exit.NOT_FOUND, f"no {kind} {name!r}")
    return quote(name, safe="*")


def _query(query: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in query.items() if value is not None}
