"""Times, exits and foreign text in words."""

from __future__ import annotations

from datetime import UTC

import pytest

from tests.unit.interfaces.given import NOON
from zpmd.interfaces.words import clean, clock, exit_meaning, plural, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (1, "1 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3600, "60 min"),
        (7200, "2 h"),
        (172_800, "2 d"),
    ],
)
def test_a_span_has_one_unit(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_an_instant_of_another_day_has_its_date() -> None:
    assert clock(NOON - 60, NOON, UTC) == "11:59:00"
    assert clock(NOON - 86_400, NOON, UTC) == "2023-11-14 12:00:00"


@pytest.mark.parametrize(
    ("code", "oom", "text"),
    [
        (0, False, "exit code 0: it ended without an error"),
        (1, False, "exit code 1"),
        (127, False, "exit code 127: its command was not found"),
        (137, False, "exit code 137: killed by SIGKILL"),
        (137, True, "exit code 137: killed by the kernel: out of memory"),
        (139, False, "exit code 139: killed by SIGSEGV"),
        (143, False, "exit code 143: ended by SIGTERM, as on a request to stop"),
        (192, False, "exit code 192: killed by SIGRTMAX"),
        (255, False, "exit code 255"),
        (None, False, "no exit code is known"),
        (None, True, "it ran out of memory"),
    ],
)
def test_an_exit_code_says_what_it_means(code: int | None, oom: bool, text: str) -> None:
    assert exit_meaning(code, oom) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode ✓", "plain ünïcode ✓"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\tb\r\nc", r"a b\x0d\x0ac"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202eevil", r"\u202eevil"),
    ],
)
def test_foreign_text_is_shown_and_never_obeyed(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_counts_have_their_plural() -> None:
    assert [plural(n, "replica") for n in (0, 1, 2)] == ["0 replicas", "1 replica", "2 replicas"]
