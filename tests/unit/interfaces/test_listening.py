"""Each way of setting the API up: it listens, or zpmd says in one line why it does not start."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import httpx
import pytest

from tests.lab.certificates import certificate
from tests.lab.eventually import eventually
from tests.unit.interfaces.given import Surface
from zpmd.assembly import api as assembly
from zpmd.errors import ConfigError, ZpmdError
from zpmd.settings import Api
from zpmd.sources import settingsfile
from zpmd.sources.nodes import Origin
from zpmd.stores.tokens import MemoryTokens

PATIENCE = 60
CHECKOUT = Path(__file__).resolve().parents[3]
TLS = "tls_cert: zpmd.pem\n  tls_key: zpmd.key"
JWT = "jwt: {issuer: i, audience: a, key_file: jwt.key}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a certificate, and a secret for JSON Web Tokens."""
    certificate(tmp_path)
    (tmp_path / "jwt.key").write_text("a secret that has as many bytes as it takes\n")
    return tmp_path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def understood(folder: Path, api: str, credentials: Path | None = None) -> Api:
    """All that is looked at before zpmd listens. Raises ConfigError."""
    text = f"api:\n  {api}\n".encode()
    settings, problems = settingsfile.parse(text, Origin(str(folder / "zpmd.yaml"), PurePosixPath(folder)))
    if problems:
        raise ConfigError(problems)
    assembly.tls_context(settings.api)
    assembly.authenticator(settings.api, MemoryTokens(), lambda: 0.0, credentials)
    return settings.api


@pytest.mark.parametrize(
    ("api", "url"),
    [
        ("listen: 127.0.0.1:PORT", "http://127.0.0.1"),
        ("listen: localhost:PORT", "http://127.0.0.1"),
        (f"listen: '[::1]:PORT'\n  {JWT}", "http://[::1]"),
        (f"listen: 127.0.0.1:PORT\n  {TLS}", "https://127.0.0.1"),
        (f"listen: 0.0.0.0:PORT\n  {TLS}", "https://127.0.0.1"),
        (f"listen: '[::]:PORT'\n  {TLS}\n  {JWT}", "https://[::1]"),
        (f"listen: '[::]:PORT'\n  {TLS}", "https://127.0.0.1"),
    ],
)
def test_it_listens_where_it_is_told(folder: Path, api: str, url: str) -> None:
    port = free_port()
    settings = understood(folder, api.replace("PORT", str(port)))
    surface = Surface(folder, settings, tls=assembly.tls_context(settings))
    surface.server.start()
    trust = ssl.create_default_context(cafile=str(folder / "zpmd.pem"))
    with httpx.Client(verify=trust, timeout=PATIENCE) as client:
        assert client.get(f"{url}:{port}/v1/status").status_code == 401
    assert surface.server.alive()
    surface.close()
    assert not surface.server.alive()


@pytest.mark.parametrize(
    ("api", "complaint"),
    [
        ("listen: 0.0.0.0:8443", "zpmd.yaml:2:11: api.listen: 0.0.0.0:8443 is not loopback, and there is no TLS: write "
         "tls_cert and tls_key, or 127.0.0.1$"),
        ("listen: '[::]:8443'", r"api.listen: \[::\]:8443 is not loopback, and there is no TLS"),
        ("listen: zpmd.example.com:8443", "api.listen: zpmd.example.com:8443 is not loopback, and there is no TLS"),
        ("listen: 127.0.0.1", "api.listen: '127.0.0.1' is no place to listen: write host:port"),
        ("listen: 127.0.0.1:70000", "is no place to listen"),
        ("listen: ':8443'", "is no place to listen"),
        ("listen: 10.0.0.7:8443\n  tls_cert: zpmd.pem", "tls_cert and tls_key belong together: write both$"),
        ("listen: 10.0.0.7:8443\n  tls_key: zpmd.key", "tls_cert and tls_key belong together: write both$"),
        ("listen: 127.0.0.1:1\n  tls_cert: none.pem\n  tls_key: zpmd.key", "api.tls_cert: cannot read .*none.pem"),
        ("listen: 127.0.0.1:1\n  tls_cert: zpmd.pem\n  tls_key: zpmd.pem", "are no certificate and its key"),
        ("jwt: {issuer: i, audience: a, key_file: none}", "none: api.jwt.key_file: cannot read it: No such file"),
        ("jwt: {issuer: i, audience: a}", "api.jwt: no key for JSON Web Tokens: set api.jwt.key_file, or"),
        ("jwt: {issuer: i, audience: a, key_file: zpmd.key}", "it is a private key: zpmd takes the public one"),
        ("jwt: {issuer: i, audience: a, key_file: jwt.key, algorithm: EdDSA}", "no public key in PEM"),
        ("jwt: {issuer: i, audience: a, key_file: jwt.key, algorithm: none}", "'none' is not known here: write HS"),
        ("jwt: {audience: a, key_file: jwt.key}", "api.jwt: has no issuer: every token is held to one"),
        ("jwt: {issuer: i, key_file: jwt.key}", "api.jwt: has no audience: every token is held to one"),
        ("jwt: {issuer: i, audience: a, key: s3cret}", "a key does not belong into this file"),
    ],
)  # fmt: skip
def test_what_would_not_be_safe_is_refused_in_one_line(folder: Path, api: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        understood(folder, api)
    (problem,) = refused.value.problems
    assert re.search(complaint, str(problem)), str(problem)
    assert "s3cret" not in str(problem)


def test_the_key_may_be_a_credential_of_systemd(folder: Path) -> None:
    (folder / "api.jwt").write_text("too short")
    with pytest.raises(ConfigError, match="it has 9 bytes: HS256 takes 32 random ones at the least"):
        understood(folder, "jwt: {issuer: i, audience: a}", credentials=folder)
    (folder / "api.jwt").write_text((folder / "jwt.key").read_text())
    assert understood(folder, "jwt: {issuer: i, audience: a}", credentials=folder).jwt is not None


def test_a_place_that_is_taken_is_told_and_nothing_is_left_behind(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        surface = Surface(folder, Api(listen=listen))
        with pytest.raises(ZpmdError, match=f"cannot listen on {listen}: Address already in use"):
            surface.server.start()
    assert not surface.socket.exists()
    surface.close()


@pytest.fixture
def zpmd(folder: Path) -> Iterator[Zpmd]:
    made = Zpmd(folder)
    yield made
    made.stop()


class Zpmd:
    """The real process, which does not mind that there is no engine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, api: str) -> None:
        (self._folder / "services.d").mkdir()
        (self._folder / "services.d" / "a.yaml").write_text("services: {a: {image: 'a:1'}}\n")
        (self._folder / "zpmd.yaml").write_text(
            f"services_dir: services.d\nstate_dir: state\nsocket: z.sock\ndata_dir: data.d\n"
            f"patches: {{dir: spool}}\nengine: {{url: 'unix://{self._folder}/none.sock'}}\napi:\n  {api}\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "zpmd", "run", "--settings", str(self._folder / "zpmd.yaml")],
            env={**os.environ},
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / "said").open("w"),
        )

    @property
    def said(self) -> str:
        return (self._folder / "said").read_text()

    def stop(self) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)


def test_zpmd_does_not_start_outside_of_loopback_without_tls(folder: Path, zpmd: Zpmd) -> None:
    zpmd.start("listen: 0.0.0.0:8443")
    assert zpmd.process is not None
    assert zpmd.process.wait(PATIENCE) == 78
    assert "api.listen: 0.0.0.0:8443 is not loopback, and there is no TLS" in zpmd.said.splitlines()[0]
    [last] = zpmd.said.splitlines()[1:]
    assert last.endswith(" ERROR   zpmd does not start: nothing was touched")
    assert not (folder / "z.sock").exists()


def test_zpmd_starts_with_all_of_it_and_ends(folder: Path, zpmd: Zpmd) -> None:
    port = free_port()
    zpmd.start(f"listen: 127.0.0.1:{port}\n  {TLS}\n  {JWT}")
    assert zpmd.process is not None
    trust = ssl.create_default_context(cafile=str(folder / "zpmd.pem"))
    with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trust, timeout=PATIENCE) as client:

        def answer() -> int:
            if zpmd.process is None or zpmd.process.poll() is not None:
                raise RuntimeError(zpmd.said)
            try:
                return client.get("/v1/status").status_code
            except httpx.TransportError:
                return 0

        assert eventually(answer, PATIENCE, "an answer") == 401
    zpmd.stop()
    assert zpmd.process.returncode == 0
