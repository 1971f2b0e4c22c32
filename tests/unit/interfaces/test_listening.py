"""How zpmd starts, or does not, with each way of setting the API up: the real process, each time."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.lab.certificates import certificate
from tests.lab.eventually import eventually

PATIENCE = 60
CHECKOUT = Path(__file__).resolve().parents[3]
TLS = "tls_cert: zpmd.pem\n  tls_key: zpmd.key"
JWT = "jwt: {issuer: i, audience: a, key_file: jwt.key}"


class Started:
    """`zpmd run` in a folder, with this `api`; there is no engine, which it does not mind."""

    def __init__(self, folder: Path, api: str, **environment: str) -> None:
        self.folder = folder
        (folder / "services.d").mkdir()
        (folder / "zpmd.yaml").write_text(
            f"services_dir: services.d\nstate_dir: state\nsocket: {folder}/z.sock\ndata_dir: data.d\n"
            f"patches: {{dir: spool}}\nengine: {{url: 'unix://{folder}/none.sock'}}\napi:\n  {api}\n"
        )
        certificate(folder)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "zpmd", "run", "--settings", str(folder / "zpmd.yaml")],
            env={**os.environ, **environment},
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(folder / "said").open("w"),
        )

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Started]]:
    running: list[Started] = []
    yield running
    for one in running:
        one.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("listen", "more", "url"),
    [
        ("127.0.0.1", "", "http://127.0.0.1"),
        ("localhost", "", "http://127.0.0.1"),
        ("[::1]", JWT, "http://[::1]"),
        ("127.0.0.1", TLS, "https://127.0.0.1"),
        ("0.0.0.0", TLS, "https://127.0.0.1"),
        ("[::]", f"{TLS}\n  {JWT}", "https://[::1]"),
    ],
)
def test_it_listens_where_it_is_told(started: list[Started], tmp_path: Path, listen: str, more: str, url: str) -> None:
    port = free_port()
    (tmp_path / "jwt.key").write_text("a secret that has as many bytes as it takes\n")
    started.append(Started(tmp_path, f"listen: '{listen}:{port}'\n  {more}"))
    trust = ssl.create_default_context(cafile=str(tmp_path / "zpmd.pem"))
    with httpx.Client(base_url=f"{url}:{port}", verify=trust, timeout=PATIENCE) as client:

        def answer() -> int:
            assert started[0].process.poll() is None, started[0].said
            try:
                return client.get("/v1/status").status_code
            except httpx.TransportError:
                return 0

        assert eventually(answer, PATIENCE, "an answer") == 401


@pytest.mark.parametrize(
    ("api", "complaint"),
    [
        ("listen: 0.0.0.0:{port}", r"zpmd.yaml:7:11: api.listen: 0.0.0.0:\d+ is not loopback, and there is no TLS: write"
         r" tls_cert and tls_key, or 127.0.0.1"),
        ("listen: '[::]:{port}'", r"api.listen: \[::\]:\d+ is not loopback, and there is no TLS"),
        ("listen: zpmd.example.com:{port}", r"api.listen: zpmd.example.com:\d+ is not loopback, and there is no TLS"),
        ("listen: 10.0.0.7:{port}\n  tls_cert: zpmd.pem", r"tls_cert and tls_key belong together: write both"),
        ("listen: 127.0.0.1:{port}\n  tls_cert: none.pem\n  tls_key: zpmd.key", r"api.tls_cert: cannot read .*none.pem"),
        ("listen: 127.0.0.1:{port}\n  tls_cert: zpmd.pem\n  tls_key: zpmd.pem", r"are no certificate and its key"),
        (JWT, r"jwt.key: api.jwt.key_file: cannot read it: No such file"),
        ("jwt: {issuer: i, audience: a}", r"api.jwt: no key for JSON Web Tokens: set api.jwt.key_file, or"),
        ("jwt: {issuer: i, audience: a, key_file: zpmd.key}", r"it is a private key: zpmd takes the public one"),
        ("jwt: {audience: a, key_file: zpmd.pem}", r"api.jwt: has no issuer: every token is held to one"),
    ],
)  # fmt: skip
def test_it_does_not_start_with_what_would_not_be_safe(
    started: list[Started], tmp_path: Path, api: str, complaint: str
) -> None:
    started.append(Started(tmp_path, api.replace("{port}", str(free_port()))))
    assert started[0].process.wait(PATIENCE) == 78
    said = started[0].said.splitlines()
    assert [line for line in said if "api" in line and re.search(complaint, line)], said
    assert said[-1] == "zpmd does not start: nothing was touched"
    assert not (tmp_path / "z.sock").exists()


def test_a_place_that_is_taken_is_told_in_one_line(started: list[Started], tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        started.append(Started(tmp_path, f"listen: 127.0.0.1:{port}"))
        assert started[0].process.wait(PATIENCE) == 1
    assert started[0].said.splitlines()[-1] == f"cannot listen on 127.0.0.1:{port}: Address already in use"


def test_the_key_may_be_a_credential_of_systemd(started: list[Started], tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "api.jwt").write_text("too short")
    api = "jwt: {issuer: i, audience: a}"
    started.append(Started(tmp_path, api, CREDENTIALS_DIRECTORY=str(tmp_path / "credentials")))
    assert started[0].process.wait(PATIENCE) == 78
    assert "it has 9 bytes: HS256 takes 32 random ones at the least" in started[0].said
