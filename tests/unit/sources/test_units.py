"""Durations, sizes, numbers and modes in all the ways that Compose files write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpmd.sources import units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("40s", 40), ("1m30s", 90), ("1h5m30s20ms", 3930.02), ("500ms", 0.5), ("10us", 1e-5), ("1.5h", 5400), ("0", 0),
     ("0s", 0), ("2d", 172800), ("1w", 604800), ("100ns", 1e-7), ("0.1s0.2s", 0.3)],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    assert units.duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "hint"),
    [("30", "write 30s"), ("", "write for example"), ("1x", "write for example"), ("-1s", "write for example"),
     ("1s ", "write for example"), ("s", "write for example"), ("9" * 5000 + "s", "write for example")],
)  # fmt: skip
def test_what_is_not_a_duration_says_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        units.duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("512m", 512 * 1024**2), ("512M", 512 * 1024**2), ("512mb", 512 * 1024**2), ("1GiB", 1024**3),
     ("1.5g", 1610612736), ("64k", 65536), ("100", 100), ("100b", 100), ("2 kb", 2048), ("1t", 1024**4)],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert units.size(text) == size


@pytest.mark.parametrize("text", ["", "m", "-1", "1x", "1e3", "1,5g", "½g"])
def test_what_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        units.size(text)


@pytest.mark.parametrize(
    ("text", "quoted", "mode"),
    [("0440", False, 0o440), ("0o440", False, 0o440), ("0440", True, 0o440), ("440", True, 0o440), ("288", False, 288)],
)
def test_file_modes(text: str, quoted: bool, mode: int) -> None:
    assert units.file_mode(text, quoted) == mode


@pytest.mark.parametrize("text", ["0888", "rw-r", "", "9999999999"])
def test_what_is_not_a_mode_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write octal digits"):
        units.file_mode(text, quoted=True)


@given(st.text())
def test_no_text_gives_anything_but_a_finite_number_or_a_refusal(text: str) -> None:
    for convert in (units.duration, units.size, units.integer, units.number):
        try:
            assert math.isfinite(convert(text))
        except ValueError:
            continue
