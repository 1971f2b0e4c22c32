"""Sessions of browsers: the door, and what it does not let in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.browser.site import Site
from tests.unit.interfaces.given import Surface
from zpmd.interfaces.rest import session
from zpmd.interfaces.rest.access import Scope
from zpmd.interfaces.rest.session import Sessions

STOP = "/v1/services/redis/stop"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.well()
    yield made
    made.close()


@pytest.fixture
def browser(site: Site) -> Iterator[httpx.Client]:
    """As a page of this origin sends it."""
    origin = site.url.rstrip("/")
    with httpx.Client(base_url=origin, headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"}) as client:
        yield client


def log_in(browser: httpx.Client, token: str) -> str:
    answer = browser.post("/session", json={"token": token})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["csrf"])


def test_a_token_gets_a_cookie_that_no_script_reads_and_no_other_site_sends(site: Site, browser: httpx.Client) -> None:
    answer = browser.post("/session", json={"token": site.token("ann", Scope.READ)})
    name, *flags = answer.headers["set-cookie"].split("; ")
    assert name.startswith("zpmd_session=")
    assert len(name.removeprefix("zpmd_session=")) >= 43
    assert sorted(flags) == ["HttpOnly", "Path=/", "SameSite=strict"]
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json()) == {"csrf"}
    who = browser.get("/session").json()
    assert who == {"name": "token:ann", "scopes": ["read"], "tenant": "", "csrf": answer.json()["csrf"]}


def test_over_tls_the_cookie_is_for_tls_alone(site: Site) -> None:
    async def post() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(site.app), base_url="https://localhost") as client:
            return await client.post("/session", json={"token": site.token("ann", Scope.READ)})

    answer = asyncio.run(post())
    assert "Secure" in answer.headers["set-cookie"].split("; ")


def test_nobody_is_told_that_he_is_nobody(browser: httpx.Client) -> None:
    assert browser.get("/session").json() == {"name": "", "scopes": [], "tenant": "", "csrf": ""}
    assert browser.get("/v1/status").status_code == 401


def test_a_wrong_token_is_refused_and_too_many_are_throttled(browser: httpx.Client) -> None:
    answers = [browser.post("/session", json={"token": "zpmd_guess"}) for _ in range(11)]
    assert [a.status_code for a in answers] == [401] * 10 + [429]
    assert "set-cookie" not in answers[0].headers
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_a_write_by_cookie_needs_the_token_of_its_session(site: Site, browser: httpx.Client) -> None:
    csrf = log_in(browser, site.token("ann", *Scope))
    for header in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": csrf[:-1] + "~"}, {"X-CSRF-Token": "ä".encode()}):
        answer = browser.post(STOP, headers=header)  # type: ignore[arg-type]
        assert answer.status_code == 403, header
        assert answer.json()["detail"] == "the header X-CSRF-Token is missing, or is not this session's"
    assert site.surface.store.memory().intent.stopped == frozenset()
    assert browser.post(STOP, headers={"X-CSRF-Token": csrf}).status_code == 202
    assert site.surface.store.memory().intent.stopped == {"redis"}


ELSEWHERE: tuple[dict[str, str], ...] = (
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
)


def test_another_site_changes_nothing_even_with_cookie_and_token(site: Site, browser: httpx.Client) -> None:
    csrf = log_in(browser, site.token("ann", *Scope))
    for header in ELSEWHERE:
        assert browser.post(STOP, headers={"X-CSRF-Token": csrf, **header}).status_code == 403, header
        assert browser.post("/session", json={"token": "x"}, headers=header).status_code == 403, header


def test_a_cookie_in_the_hands_of_a_program_is_not_enough_for_a_write(site: Site, browser: httpx.Client) -> None:
    csrf = log_in(browser, site.token("ann", *Scope))
    cookies = {"zpmd_session": browser.cookies["zpmd_session"]}
    assert httpx.post(site.url + STOP[1:], cookies=cookies, headers={"X-CSRF-Token": csrf}).status_code == 403


def test_a_session_has_the_scopes_of_its_token_and_no_more(site: Site, browser: httpx.Client) -> None:
    csrf = log_in(browser, site.token("ann", Scope.READ))
    assert browser.get("/v1/status").status_code == 200
    assert browser.post(STOP, headers={"X-CSRF-Token": csrf}).status_code == 403


def test_a_session_ends_with_its_token(site: Site, browser: httpx.Client) -> None:
    log_in(browser, site.token("ann", Scope.READ))
    (token,) = site.surface.store.tokens.all()
    site.surface.store.tokens.revoke(token.id, site.surface.clock.at)
    assert browser.get("/v1/status").status_code == 401
    log_in(browser, site.token("ben", Scope.READ, seconds=60))
    assert browser.get("/v1/status").status_code == 200
    site.surface.clock.at += 61
    assert browser.get("/v1/status").status_code == 401
    assert browser.get("/session").json()["name"] == ""


def test_logging_out_ends_the_session_and_the_streams_that_it_was_given(site: Site, browser: httpx.Client) -> None:
    csrf = log_in(browser, site.token("ann", Scope.READ))
    cookies = {"zpmd_session": browser.cookies["zpmd_session"]}
    with browser.stream("GET", "/v1/feed") as feed:
        chunks = feed.iter_raw()
        next(chunks)
        assert browser.post("/session/end", headers={"X-CSRF-Token": csrf}).status_code == 204
        site.trouble()
        assert b"crash-loop" not in b"".join(chunks)
    assert httpx.get(site.url + "v1/status", cookies=cookies).status_code == 401


def test_a_restart_logs_everybody_out(site: Site, browser: httpx.Client) -> None:
    log_in(browser, site.token("ann", Scope.READ))
    site.stop()
    site.restart()
    assert browser.get("/v1/status").status_code == 401


def test_a_token_in_a_header_counts_and_not_the_cookie_beside_it(site: Site, browser: httpx.Client) -> None:
    log_in(browser, site.token("ann", *Scope))
    reader = {"Authorization": f"Bearer {site.token('ben', Scope.READ)}"}
    assert browser.post(STOP, headers=reader).status_code == 403
    assert browser.get("/v1/status", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_over_the_unix_socket_there_is_nothing_to_log_in_to(surface: Surface, api: httpx.Client) -> None:
    who = api.get("/session", headers={"Host": "localhost:8080"}).json()
    assert who["csrf"] == ""
    assert who["scopes"] == ["admin", "deploy", "operate", "read"]


def test_a_forwarded_socket_is_reached_by_names_that_nobody_can_own(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    for host in ("localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "zpmd", "a.localhost"):
        assert api.get("/v1/status", headers={"Host": host}).status_code == 200, host
    for host in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example:80"):
        assert api.get("/v1/status", headers={"Host": host}).status_code == 403, host


def test_a_forwarded_socket_takes_no_write_of_another_site(surface: Surface, api: httpx.Client) -> None:
    surface.publish()
    host = {"Host": "localhost:8080"}
    for header in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert api.post(STOP, headers={**host, **header}).status_code == 403
    assert surface.store.memory().intent.stopped == frozenset()
    here = {**host, "Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"}
    assert api.post(STOP, headers=here).status_code == 202


class Stepped:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_session_ends_when_nobody_was_there_for_half_an_hour_and_after_twelve_hours(site: Site) -> None:
    clock = Stepped()
    sessions = Sessions(site.surface.authenticator, clock)
    value, begun = sessions.begin(site.token("ann", *Scope)) or ("", None)
    assert begun is not None
    for _ in range(23):
        clock.at += session.IDLE_SECONDS - 1
        assert sessions.find(value) is begun
        sessions.present(begun)
    clock.at = session.LONGEST_SECONDS
    assert sessions.find(value) is None
    value, _ = sessions.begin(site.token("ben", *Scope)) or ("", None)
    clock.at += session.IDLE_SECONDS
    assert sessions.find(value) is None


def test_a_screen_on_a_wall_stays_logged_in_for_twelve_hours(site: Site) -> None:
    clock = Stepped()
    sessions = Sessions(site.surface.authenticator, clock)
    value, _ = sessions.begin(site.token("wall", Scope.READ)) or ("", None)
    clock.at = session.LONGEST_SECONDS - 1
    assert sessions.find(value) is not None
    clock.at += 1
    assert sessions.find(value) is None


def test_one_more_session_than_there_may_be_ends_the_oldest(site: Site) -> None:
    sessions = Sessions(site.surface.authenticator, Stepped())
    ann, ben = site.token("ann", Scope.READ), site.token("ben", Scope.READ)
    first, _ = sessions.begin(ben) or ("", None)
    values = [(sessions.begin(ann) or ("", None))[0] for _ in range(session.MOST_OF_ONE + 1)]
    assert sessions.find(values[0]) is None
    assert all(sessions.find(value) for value in values[1:])
    assert sessions.find(first) is not None


def test_who_logs_in_is_in_the_audit_and_his_token_is_not(site: Site, browser: httpx.Client) -> None:
    key = site.token("ann", *Scope)
    csrf = log_in(browser, key)
    browser.post(STOP, headers={"X-CSRF-Token": csrf})
    browser.post(STOP)
    rows = [row.record for row in site.surface.recorder.audit.rows(0, 100)]
    assert [(r.route, r.status) for r in rows] == [
        ("/session", 200),
        ("/v1/services/{name}/stop", 202),
        ("/v1/services/redis/stop", 403),
    ]
    assert all(r.actor.startswith("token:") for r in rows)
    assert key not in repr(rows)
