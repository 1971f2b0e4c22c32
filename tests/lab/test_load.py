"""The lab's load and load balancer tell the truth: what fails is in the report, and who is in rotation is known."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import haproxy, wrk
from tests.lab.engine import ComponentMissing
from tests.lab.eventually import eventually
from tests.lab.haproxy import Haproxy
from tests.lab.wrk import Load, Report

CONFIG = """\
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s

frontend all
    bind 127.0.0.1:{open}
    use_backend %[path,field(2,/)]

backend good
    http-request return status 200 content-type text/plain string "web 1.0"
backend bad
    http-request return status 503 content-type text/plain string "no"
backend cut
    http-request reject
backend servers
    option httpchk GET /good
    default-server check inter 50ms rise 1 fall 1
    server here 127.0.0.1:{open}
    server away 127.0.0.1:{closed}
    server sick 127.0.0.1:{open} check-send-proxy
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def proxy(tmp_path: Path, port: int) -> Iterator[Haproxy]:
    config = tmp_path / "haproxy.cfg"
    config.write_text(CONFIG.format(open=port, closed=free_port()))
    with Haproxy(config) as one:
        yield one


def loaded(proxy: Haproxy, port: int, backend: str) -> Report:
    with Load(f"http://127.0.0.1:{port}/{backend}", 2) as load:
        eventually(lambda: proxy.proxied(backend).requests > 20, 10, "requests on their way")
        return load.end()


def test_good_answers_are_counted_by_what_they_say(proxy: Haproxy, port: int) -> None:
    report = loaded(proxy, port, "good")
    assert report.failed == {}
    assert report.answered("1.0") > 10
    assert report.answered("1.1") == 0
    assert report.slowest_seconds > 0


@pytest.mark.parametrize(("backend", "kind"), [("bad", "503 'no'"), ("cut", "read")])
def test_a_request_that_fails_is_in_the_report(proxy: Haproxy, port: int, backend: str, kind: str) -> None:
    report = loaded(proxy, port, backend)
    assert set(report.failed) == {kind}
    assert report.failed[kind] > 10
    assert report.answered("1.0") == 0


def test_those_whose_checks_go_well_are_in_rotation(proxy: Haproxy) -> None:
    eventually(lambda: proxy.rotation("servers") == {"here"}, 10, "one server in rotation, two out")
    assert proxy.proxied("servers").requests == 0


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in (haproxy, wrk):
        monkeypatch.setattr(module, "SEARCH_PATH", str(tmp_path))
    with pytest.raises(ComponentMissing, match="apt-get install haproxy"):
        Haproxy(tmp_path / "any.cfg")
    with pytest.raises(ComponentMissing, match="apt-get install wrk"):
        Load("http://127.0.0.1:1/", 1)
