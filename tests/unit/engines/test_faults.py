"""Every failure of a request has one verdict and one line."""

from __future__ import annotations

import http.client

import docker.errors
import pytest
import requests
import urllib3

from zpmd.engines.dockerd import faults
from zpmd.engines.dockerd.faults import Answered, Garbage, Told, held_port
from zpmd.model.events import Result

T, P, U = Result.TRANSIENT, Result.PERMANENT, Result.UNKNOWN


def wrapped(outer: Exception, cause: Exception) -> Exception:
    outer.__cause__ = cause
    return outer


@pytest.mark.parametrize(
    ("error", "result", "words"),
    [
        (Told(T, "waits for a container of db"), T, "waits for a container of db"),
        (Answered(400, "invalid reference format"), P, "invalid reference format"),
        (Answered(404, "No such container: x"), P, "No such container: x"),
        (Answered(409, "removal of container x is already in progress"), T, "in progress"),
        (Answered(409, "volume is in use"), T, "in use"),
        (Answered(409, "Conflict. The container name is already taken"), P, "name"),
        (Answered(429, "slow down"), T, "slow down"),
        (Answered(500, "Bind for 0.0.0.0:80 failed: port is already allocated"), P, "port is already allocated"),
        (Answered(500, "write /x: no space left on device"), P, "no space left"),
        (Answered(500, "task 1964ff696d72: already exists"), P, "already exists"),
        (Answered(500, "id already in use"), P, "already in use"),
        (Answered(409, "id already in use"), P, "already in use"),
        (Answered(500, "Get https://r/v2/: dial tcp: connection refused"), T, "connection refused"),
        (Answered(500, "something odd"), T, "something odd"),
        (Answered(503, ""), T, "HTTP 503"),
        (Garbage("<html>"), U, "garbage"),
        (requests.ReadTimeout("read"), U, "did not answer in time"),
        (requests.ConnectTimeout("connect"), T, "does not accept connections"),
        (requests.ConnectionError(urllib3.exceptions.ProtocolError("aborted", ConnectionRefusedError(111, "r"))), T,
         "is it running"),
        (requests.ConnectionError(urllib3.exceptions.ProtocolError("aborted", FileNotFoundError(2, "f"))), T,
         "is it running"),
        (requests.ConnectionError(urllib3.exceptions.ProtocolError("aborted", PermissionError(13, "p"))), T,
         "is it in the socket's group"),
        (requests.ConnectionError(urllib3.exceptions.ProtocolError("aborted", ConnectionResetError(104, "r"))), U,
         "closed the connection"),
        (requests.ConnectionError(urllib3.exceptions.ProtocolError("x", http.client.RemoteDisconnected("gone"))), U,
         "closed the connection"),
        (requests.exceptions.ChunkedEncodingError("cut"), U, "the answer was lost"),
        (TimeoutError("timed out"), U, "did not answer in time"),
        (wrapped(docker.errors.DockerException("cannot"), ConnectionRefusedError(111, "r")), T, "is it running"),
        (docker.errors.DockerException("bad url"), T, "bad url"),
        (urllib3.exceptions.ReadTimeoutError(urllib3.HTTPConnectionPool("x"), "/", "slow"), U, "in time"),
    ],
)  # fmt: skip
def test_a_failure_is_told_as_one_verdict_and_one_line(error: Exception, result: Result, words: str) -> None:
    told, text = faults.verdict(error)
    assert (told, words in text) == (result, True), text


def test_foreign_text_loses_its_control_characters_and_its_length() -> None:
    assert faults.one_line("a\x1b[31m\r\nb\x00\x85c\u2028d") == "a [31m b c d"
    assert len(faults.one_line("x" * 10_000)) == faults.MAX_TEXT


def test_causes_that_go_in_a_circle_end() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert faults.verdict(one)[0] is U


@pytest.mark.parametrize(
    ("message", "port"),
    [
        (
            "driver failed programming external connectivity on endpoint web-1 (0b5d5b162062): "
            "Error starting userland proxy: listen tcp4 127.0.0.1:18082: bind: address already in use",
            "18082",
        ),
        ("Error starting userland proxy: listen tcp6 [::1]:80: bind: address already in use", "80"),
        ("failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use", "8080"),
        ("failed to bind host port 0.0.0.0:8080/tcp: address already in use", "8080"),
        ("Bind for 0.0.0.0:80 failed: port is already allocated", ""),
        ("OCI runtime create failed: address already in use", ""),
    ],
)
def test_a_port_that_a_process_of_the_host_holds_is_told_from_one_that_the_engine_gave_away(
    message: str, port: str
) -> None:
    assert held_port(message) == port
