"""Output comes in chunks that are cut anywhere; lines come out."""

from __future__ import annotations

import pytest

from zpmd.engines.dockerd import logs


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
    assert list(logs.lines_of(chunks)) == lines


def test_a_line_without_end_comes_in_pieces() -> None:
    pieces = list(logs.lines_of((1, b"x" * 10_000) for _ in range(20)))
    assert b"".join(pieces) == b"x" * 200_000
    assert max(map(len, pieces)) <= logs.MAX_LINE_BYTES
