"""Known secrets are masked wherever and however they are written, and nothing else is."""

from __future__ import annotations

import base64
import threading
import timeit

import pytest

from zpmd.known import LARGEST, Known


def known(*values: str) -> Known:
    one = Known()
    one.learn(values)
    return one


@pytest.mark.parametrize(
    ("secret", "text", "expected"),
    [
        ("hunter2-hunter2", "it is hunter2-hunter2.", "it is ***."),
        ("hunter2-hunter2", "xhunter2-hunter2x", "x***x"),
        ("hunter2-hunter2", "hunter2-hunter", "hunter2-hunter"),
        ("a/b c@d+e=f", "mongodb://u:a%2Fb%20c%40d%2Be%3Df@host", "mongodb://u:***@host"),
        ('quo"te\\back', '{"said": "quo\\"te\\\\back"}', '{"said": "***"}'),
        ("pässwörd", '{"said": "p\\u00e4ssw\\u00f6rd", "or": "pässwörd"}', '{"said": "***", "or": "***"}'),
        ('quo"te\nand\x7f', "no 'quo\"te\\nand\\x7f' here: quo\"te\\nand\\x7f", "no '***' here: ***"),
        ("hunter2-hunter2", b"hunter2-hunter2".hex(), "***"),
        ("hunter2", "password hunter2, not xhunter2 or hunter2-x", "password ***, not xhunter2 or hunter2-x"),
        ("acme", "run splunk-acme-7/1 for acme", "run splunk-acme-7/1 for ***"),
        ("9100", "port 9100, 19100", "port ***, 19100"),
        ("abc", "abc is in the alphabet", "abc is in the alphabet"),
        ("", "nothing", "nothing"),
        ("true", '{"ok": true}', '{"ok": true}'),
    ],
)
def test_a_known_secret_is_masked_by_its_length(secret: str, text: str, expected: str) -> None:
    assert known(secret).mask(text) == expected


@pytest.mark.parametrize("before", ["", "a", "ab", "user:"])
@pytest.mark.parametrize("after", ["", "a", "ab"])
def test_base64_of_something_longer_tells_nothing_that_matters(before: str, after: str) -> None:
    text = base64.b64encode(f"{before}hunter2-hunter2{after}".encode()).decode()
    masked = known("hunter2-hunter2").mask(f"Basic {text}")
    assert "***" in masked
    assert len(masked.removeprefix("Basic ")) <= len(before) * 4 // 3 + len(after) * 4 // 3 + 12


def test_secrets_that_overlap_are_masked_whole() -> None:
    one = known("abcdefgh12345678", "12345678ijklmnop", "abcdefgh")
    assert one.mask("<abcdefgh12345678ijklmnop> <abcdefgh>") == "<***> <***>"


def test_secrets_with_one_long_beginning_are_told_apart() -> None:
    begin = "-----BEGIN RSA PRIVATE KEY-----\nMIIE"
    one = known(f"{begin}one", f"{begin}one and two", f"{begin}three")
    assert one.mask(f"<{begin}one and two> <{begin}four>") == f"<***> <{begin}four>"


def test_many_are_known_at_once_and_the_oldest_go_first() -> None:
    one = Known()
    one.learn(f"secret-number-{n:06}" for n in range(LARGEST))
    one.learn(["the-last-of-them"])
    assert one.mask(f"secret-number-{LARGEST - 1:06} the-last-of-them") == "*** ***"
    assert one.mask("secret-number-000000") == "secret-number-000000"


def test_threads_learn_and_mask_at_the_same_time() -> None:
    one, failures = Known(), []

    def learn(worker: int) -> None:
        for number in range(200):
            value = f"secret-{worker}-{number}-value"
            one.learn([value])
            if one.mask(f"<{value}>") != "<***>":
                failures.append(value)

    threads = [threading.Thread(target=learn, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert one.mask("<secret-0-0-value> <secret-3-199-value>") == "<***> <***>"


@pytest.mark.parametrize("piece", ["a", "secr", "secret-number-", "secret-number-7"])
def test_no_text_makes_it_slow(piece: str) -> None:
    """Eight times the text takes about eight times as long, though everything in it begins like a secret."""
    one = known(*(f"secret-number-{n}-{'x' * (n % 40)}" for n in range(2000)))

    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        return min(timeit.repeat(lambda: one.mask(text), number=1, repeat=3))

    assert seconds(160_000) < 30 * seconds(20_000) + 0.01
