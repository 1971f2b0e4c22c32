"""An HTTP server on a unix socket that answers as a test tells it: for what a real engine cannot be made to do.

It knows no containers and keeps no state: each path has one answer, given or by default that of an empty engine.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

Answer = Callable[["Conversation"], None]

VERSION = {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24"}
EMPTY: dict[str, Any] = {
    "/version": VERSION,
    "/containers/json": [],
    "/volumes": {"Volumes": None},
    "/networks": [],
    "/images/json": [],
}


class Conversation(BaseHTTPRequestHandler):
    """One connection. What a test gives as an answer is called with it."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def send_json(self, value: Any, status: int = 200) -> None:
        self.send_bytes(json.dumps(value).encode(), status)

    def send_bytes(self, body: bytes, status: int = 200, claimed_length: int | None = None) -> None:
        """With a `claimed_length` above the truth the answer is cut off."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if claimed_length is None else claimed_length))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.close_connection or claimed_length is not None

    def send_chunks(self, *chunks: bytes, finish: bool = True) -> None:
        """A chunked answer; without `finish`, the connection is closed in the middle of it."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        if finish:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def hang(self) -> None:
        """Say nothing more until the test is over."""
        self.server.over.wait(30)
        self.close_connection = True

    def _read_body(self) -> bytes | None:
        """What was sent; None where the client broke off in the midst of it."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while head := self.rfile.readline():
            piece = self.rfile.read(int(head, 16))
            self.rfile.readline()
            if not piece:
                return body
            body += piece
        return None

    def log_message(self, format: str, *args: Any) -> None:
        """Not on the test's output: `requests` has them."""

    def _answer(self) -> None:
        body = self._read_body()
        if body is None:
            self.close_connection = True
            return
        self.body = body
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        if path.startswith("/v1."):
            path = "/" + path.split("/", 2)[2]
        request = f"{self.command} {path}"
        self.server.requests.append(request)
        answer = self.server.answers.get(request, self.server.answers.get(path))
        if answer is None:
            self.send_json({"message": f"nothing at {request}"}, 404)
        elif callable(answer):
            answer(self)
        else:
            self.send_json(answer)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path) -> None:
        self.answers: dict[str, Any] = dict(EMPTY)
        self.requests: list[str] = []
        self.over = threading.Event()
        super().__init__(str(path), Conversation)


class ScriptedEngine:
    """`answers` maps "METHOD /path" or "/path", without version, to JSON or to a function of the Conversation."""

    def __init__(self, path: Path) -> None:
        self.url = f"unix://{path}"
        self._server = _Server(path)
        self.answers = self._server.answers
        self.requests = self._server.requests
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
