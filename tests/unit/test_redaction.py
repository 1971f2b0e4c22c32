"""What is masked, what is left, and that no text makes it slow."""

from __future__ import annotations

import timeit

import pytest

from zpmd.redaction import names_a_secret, redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mongodb://admin:hunter2@mongo:27017/core", "mongodb://admin:***@mongo:27017/core"),
        ("mongodb://admin:hunt@er/2@mongo/core", "mongodb://admin:***@mongo/core"),
        ("mongodb+srv://:hunter2@mongo", "mongodb+srv://:***@mongo"),
        ("db_password=hunter2 host=x", "db_password=*** host=x"),
        ("PASSWORD: hunter2", "PASSWORD: ***"),
        ("{'db_password': 'hunter2 with \\' more', 'port': 1}", "{'db_password': ***, 'port': 1}"),
        ('{"token":"hunter2, \\" and more","a":1}', '{"token":***,"a":1}'),
        ('"password": "hunter2 is cut of', '"password": ***'),
        ("https://x/y?api_key=hunter2&z=1", "https://x/y?api_key=***&z=1"),
        ("Authorization: Bearer hunter2.hunter2", "Authorization: Bearer ***"),
        ("used zpmd_ab12_0123456789abcdef0123456789abcdef_9f for it", "used *** for it"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
            "*** -----END RSA PRIVATE KEY-----",
        ),
    ],
)
def test_a_secret_is_masked_and_the_rest_is_left(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "restart zona_user/1: exited with 137",
        "while scanning for the next token\nfound character that cannot start any token",
        "pull 127.0.0.1:5000/appliance/service:1.0",
        "http://127.0.0.1:8000/status answered 200, mail to ops@example.org",
        "",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("name", ["password", "db_password", "API_KEY", "apikey", "credentials", "accessToken"])
def test_a_name_that_says_secret_is_recognised(name: str) -> None:
    assert names_a_secret(name)


@pytest.mark.parametrize("piece", ["a", "://a:", "password", "-----BEGIN PRIVATE KEY-----", "bearer ", 'token="', "\\"])
def test_no_text_makes_it_slow(piece: str) -> None:
    """Eight times the text takes about eight times as long; quadratic would be 64."""

    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        return min(timeit.repeat(lambda: redact(text), number=1, repeat=3))

    assert seconds(200_000) < 30 * seconds(25_000) + 0.01
