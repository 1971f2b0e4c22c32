"""Output comes in chunks that are cut anywhere; lines come out."""

from __future__ import annotations

import pytest

from zpmd.engines.dockerd import logs
from zpmd.model.observed import LogLine

NOON = 1_700_049_600.0


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([], []),
        ([(1, b"a\nb\n")], [b"a", b"b"]),
        ([(1, b"a"), (1, b"b\n")], [b"ab"]),
        ([(1, b"out"), (2, b"err\n"), (1, b"put\n")], [b"err", b"output"]),
        ([(1, b"a\r\n"), (1, b"tail")], [b"a", b"tail"]),
        ([(1, b"\n\n")], [b"", b""]),
        ([(2, b"e"), (1, b"o")], [b"o", b"e"]),
    ],
)
def test_lines_are_put_together_for_each_stream(chunks: list[tuple[int, bytes]], lines: list[bytes]) -> None:
    assert [line.text for line in logs.lines_of((number, False, chunk) for number, chunk in chunks)] == lines


def test_a_line_has_the_time_of_its_first_frame() -> None:
    stamps = [f"2023-11-15T12:00:0{n}.123456789Z ".encode() for n in range(4)]
    chunks = [
        (1, True, stamps[0] + b"long "),
        (2, True, stamps[1] + b"err\n"),
        (1, True, stamps[2] + b"li"),
        (1, False, b"ne\n"),
        (1, True, stamps[3] + b"\n"),
        (1, True, b"no time\n"),
    ]
    assert list(logs.lines_of(chunks)) == [
        LogLine(NOON + 1.123456, b"err"),
        LogLine(NOON + 0.123456, b"long line"),
        LogLine(NOON + 3.123456, b""),
        LogLine(0.0, b"no time"),
    ]


def test_a_terminals_lines_have_theirs_though_they_are_cut_anywhere() -> None:
    pieces = [b"2023-11-15T12:", b"00:01Z one\r\n2023-11-15T12:00:02", b"Z two"]
    assert list(logs.typed(pieces)) == [LogLine(NOON + 1, b"one"), LogLine(NOON + 2, b"two")]


def test_a_line_without_end_comes_in_pieces() -> None:
    pieces = [line.text for line in logs.lines_of((1, False, b"x" * 10_000) for _ in range(20))]
    assert b"".join(pieces) == b"x" * 200_000
    assert max(map(len, pieces)) <= logs.MAX_LINE_BYTES
