"""TLS of the API, as clients see it."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.lab.certificates import Certificate, certificate
from tests.lab.eventually import eventually
from tests.unit.interfaces.given import Surface
from tests.unit.interfaces.given_access import OPEN, give, surface_for_strangers
from zpmd.interfaces.rest import tls
from zpmd.model.token import Scope

PATIENCE = 60


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def surface(tmp_path_factory: pytest.TempPathFactory, files: Certificate) -> Iterator[Surface]:
    made = surface_for_strangers(
        tmp_path_factory.mktemp("site"), replace(OPEN, header_seconds=1.0), tls=tls.context(files.cert, files.key)
    )
    made.publish()
    yield made
    made.close()


def port(surface: Surface) -> int:
    assert surface.server.tcp is not None
    return surface.server.tcp.ports[0]


def spoken(surface: Surface, files: Certificate, low: ssl.TLSVersion, high: ssl.TLSVersion) -> str | None:
    """The version that a client of these versions comes to speak. Raises OSError where it is none."""
    client = ssl.create_default_context(cafile=str(files.cert))
    with contextlib.suppress(ssl.SSLError):
        client.set_ciphers("DEFAULT@SECLEVEL=0")  # an old client, which would speak anything
    client.minimum_version, client.maximum_version = low, high
    raw = socket.create_connection(("127.0.0.1", port(surface)), PATIENCE)
    with client.wrap_socket(raw, server_hostname="localhost") as secured:
        return secured.version()


def test_a_client_that_knows_the_certificate_is_served(surface: Surface, files: Certificate) -> None:
    headers = {"Authorization": f"Bearer {give(surface, Scope.READ)}"}
    trust = ssl.create_default_context(cafile=str(files.cert))
    with httpx.Client(base_url=f"https://127.0.0.1:{port(surface)}", verify=trust, headers=headers) as client:
        assert client.get("/v1/status").status_code == 200
        assert client.get("/v1/status", headers={"Authorization": "Bearer x"}).status_code == 401


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_of_today_are_spoken(surface: Surface, files: Certificate, version: ssl.TLSVersion) -> None:
    assert spoken(surface, files, version, version) == version.name.replace("_", ".")


@pytest.mark.filterwarnings("ignore:.*TLSv1.*is deprecated:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_older_versions_are_not(surface: Surface, files: Certificate, version: ssl.TLSVersion) -> None:
    with pytest.raises(OSError, match=r"(?i)version|protocol|alert|reset|eof"):
        spoken(surface, files, version, version)


@pytest.mark.parametrize("words", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_who_makes_no_handshake_is_not_waited_for_and_keeps_no_place(surface: Surface, words: bytes) -> None:
    assert surface.server.tcp is not None
    with socket.create_connection(("127.0.0.1", port(surface)), PATIENCE) as odd:
        odd.sendall(words)
        with contextlib.suppress(ConnectionResetError):
            while odd.recv(1000):
                pass
    eventually(
        lambda: surface.server.tcp is not None and surface.server.tcp.connections() == 0, PATIENCE, "no place taken"
    )


def test_a_certificate_that_cannot_be_served_with_is_refused(files: Certificate, tmp_path: Path) -> None:
    other = certificate(tmp_path, "other")
    sealed = certificate(tmp_path, "sealed", b"password")
    (tmp_path / "empty").write_bytes(b"")
    for cert, key, complaint in (
        (files.cert, other.key, "are no certificate and its key"),
        (files.cert, sealed.key, "are no certificate and its key"),
        (sealed.cert, sealed.key, "are no certificate and its key"),
        (tmp_path / "empty", files.key, "are no certificate and its key"),
        (files.key, files.cert, "are no certificate and its key"),
        (tmp_path / "nowhere", files.key, "cannot read .*nowhere: No such file"),
        (files.cert, tmp_path, "cannot read .*: Is a directory"),
    ):
        with pytest.raises(tls.UnusableCertificate, match=complaint):
            tls.context(cert, key)
