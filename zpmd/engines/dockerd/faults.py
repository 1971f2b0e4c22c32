"""Every way in which a request to the engine can fail, told as one verdict and one line: the only place that knows.

Three families of exceptions come out of the client library: its own, those of requests, and those of urllib3 and the
operating system below it, often wrapped in each other. What matters of them is a single question: was the request
carried out? TRANSIENT: it was not, and may be tried again. PERMANENT: it was refused, and would be again. UNKNOWN: it
was sent, and the answer was lost.
"""

from __future__ import annotations

import http.client
import json
import os
import re
from collections.abc import Iterator

import docker.errors
import requests
import urllib3

from zpmd.model.events import Result
from zpmd.permission import user_name

FAILURES = (docker.errors.DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError,
            http.client.HTTPException)  # fmt: skip
"""What a request may raise beside Told, Answered and Garbage."""

MAX_TEXT = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

_LEFT_BEHIND = "id already in use"
"""What containerd has left of a start in which the engine was killed: its task or, an instant earlier in that start, no
more than its name. The engine has tried to remove it before it says so (moby daemon/start.go); no restart of this
container mends that."""

# An error of the engine's own (5xx) that the same request will meet again until somebody changes something.
_LASTING = (
    "port is already allocated",
    "address already in use",
    "no space left on device",
    "driver failed programming external connectivity",
    "executable file not found",
    "no such file or directory",
    "not a directory",
    "permission denied",
    "operation not permitted",
    "unknown runtime",
    "could not select device driver",
    "not found in range",
    "does not match any",
    "already exists",  # task X: see _LEFT_BEHIND
    "invalid",
)
# ... and one that passes by itself, though it says one of the above.
_PASSING = ("toomanyrequests", "too many requests", "timeout", "timed out", "connection refused", "try again")

_HELD_PORT = re.compile(r"[.\]]\d*:(\d+)(?:[:/]\S+)?: (?:bind: )?address already in use")


class Told(Exception):
    """A failure that is already known for what it is."""

    def __init__(self, result: Result, text: str) -> None:
        super().__init__(text)
        self.result = result
        self.text = text


class Answered(Exception):
    """The engine answered with an error status. `message` is its own word on it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class Garbage(Exception):
    """The engine answered something that is not what the API says."""


def one_line(text: str, limit: int = MAX_TEXT) -> str:
    """Foreign text made fit for a log line: no control characters, bounded."""
    line = _CONTROL.sub(" ", text).strip()
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def held_port(message: str) -> str:
    """The host port over which a start failed because a process of the host listens there, or ""."""
    found = _HELD_PORT.search(message)
    return found[1] if found else ""


def verdict(error: BaseException) -> tuple[Result, str]:
    """What became of the request that ended in `error`, and one line that says why."""
    match error:
        case Told():
            return error.result, one_line(error.text)
        case Answered():
            return _of_status(error.status, error.message), one_line(error.message) or f"HTTP {error.status}"
        case Garbage():
            return Result.UNKNOWN, one_line(f"the engine answered garbage: {error}")
        case docker.errors.APIError():
            return _of_status(error.status_code or 500, str(error.explanation)), one_line(str(error.explanation))
        case _:
            return _of_connection(error)


def _of_status(status: int, message: str) -> Result:
    text = message.lower()
    if _LEFT_BEHIND in text:
        return Result.PERMANENT
    if status == 409:
        return Result.TRANSIENT if "in progress" in text or "in use" in text else Result.PERMANENT
    if status in (408, 423, 425, 429):
        return Result.TRANSIENT
    if status < 500:
        return Result.PERMANENT
    if any(mark in text for mark in _PASSING):
        return Result.TRANSIENT
    return Result.PERMANENT if any(mark in text for mark in _LASTING) else Result.TRANSIENT


def _of_connection(error: BaseException) -> tuple[Result, str]:
    causes = list(_chain(error))
    for cause in causes:
        match cause:
            case ConnectionRefusedError():
                return Result.TRANSIENT, "the engine refuses connections: is it running?"
            case FileNotFoundError():
                return Result.TRANSIENT, "the engine's socket does not exist: is it running?"
            case PermissionError():
                who = f"the user {user_name(os.geteuid())}"
                return Result.TRANSIENT, f"the engine's socket may not be opened by {who}: is it in the socket's group?"
            case requests.ConnectTimeout() | urllib3.exceptions.ConnectTimeoutError():
                return Result.TRANSIENT, "the engine does not accept connections: timed out"
    for cause in causes:
        match cause:
            case requests.ReadTimeout() | urllib3.exceptions.ReadTimeoutError() | TimeoutError():
                return Result.UNKNOWN, "the engine did not answer in time"
            case json.JSONDecodeError() | UnicodeDecodeError():
                return Result.UNKNOWN, "the engine answered something that is not JSON"
            case ConnectionError() | http.client.HTTPException():
                return Result.UNKNOWN, "the engine closed the connection before it answered"
    if isinstance(error, docker.errors.DockerException):
        return Result.TRANSIENT, one_line(f"cannot reach the engine: {error}")
    return Result.UNKNOWN, one_line(f"the answer was lost: {type(error).__name__}: {error}")


def _chain(error: BaseException, depth: int = 8) -> Iterator[BaseException]:
    """The error, and what it wraps: causes are in `args` and `reason` as often as in `__cause__`."""
    yield error
    if not depth:
        return
    inner = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
    for cause in inner:
        if isinstance(cause, BaseException):
            yield from _chain(cause, depth - 1)
