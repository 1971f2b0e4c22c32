"""Files of NAME=value lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpmd.sources import envfile
from zpmd.sources.nodes import Origin

ORIGIN = Origin("x.env")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\nB = 2\n", {"A": "1", "B": "2"}),
        ("# c\n\n  A=1 # c\nB=x# y\n", {"A": "1", "B": "x# y"}),
        ('A="VAL # not" # c\n', {"A": "VAL # not"}),
        ("A='$OUT ${OUT}'\n", {"A": "$OUT ${OUT}"}),
        ("A=$OUT-${NO:-d}\n", {"A": "out-d"}),
        ('A="x\\ty\\n\\"q\\" \\\\ \\$OUT"\n', {"A": 'x\ty\n"q" \\ $OUT'}),
        ("A=x\\ty\n", {"A": "x\\ty"}),
        ("A='Let\\'s go'\n", {"A": "Let's go"}),
        ('A="two\nlines"\nB=1\n', {"A": "two\nlines", "B": "1"}),
        ("A=\nB=''\n", {"A": "", "B": ""}),
        ("OUT\nNONE\n", {"OUT": "out", "NONE": None}),
        ("export A=1\n", {"A": "1"}),
        ("A: yaml\n", {"A": "yaml"}),
        ("A=1\nB=${A}2\n", {"A": "1", "B": "12"}),
        ("OUT=in\nB=$OUT\n", {"OUT": "in", "B": "out"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A=1", {"A": "1"}),
        ("my.label=x y\n", {"my.label": "x y"}),
    ],
)
def test_what_a_file_says(text: str, values: dict[str, str | None]) -> None:
    result = envfile.parse(text.encode(), ORIGIN, {"OUT": "out"})
    assert (result.values, result.problems) == (values, [])


def test_a_raw_file_is_taken_as_it_stands() -> None:
    result = envfile.parse(b'# c\nA="q" $X # y\nB=1=2\n', ORIGIN, {}, raw=True)
    assert result.values == {"A": '"q" $X # y', "B": "1=2"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A=1\n=2\n", "x.env:2:1: expected NAME=value: names have letters, digits, `_`, `.` and `-`"),
        ("A=1\n\nB B=2\n", "x.env:3:1: expected NAME=value: names have letters, digits, `_`, `.` and `-`"),
        ('A="x\n', 'x.env:1:3: the value of A has no closing "'),
        ('A="x" y\n', 'x.env:1:6: nothing may follow the closing " but a comment'),
        ("A=${B:?say so}\n", "x.env:1:3: A: required variable B is unset or empty: say so"),
        ("A=1\nB=\0\n", "x.env:2:3: character U+0000 is not allowed in YAML: remove it"),
    ],
)
def test_a_broken_line_is_told_where(text: str, problem: str) -> None:
    result = envfile.parse(text.encode(), ORIGIN, {})
    assert [str(p) for p in result.problems] == [problem]


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_raise(content: bytes, raw: bool) -> None:
    envfile.parse(content, ORIGIN, {"A": "1"}, raw)


@given(
    st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True), st.text(alphabet='ab $#"\\ ', max_size=12))
)
def test_single_quotes_keep_anything(values: dict[str, str]) -> None:
    kept = {name: value for name, value in values.items() if "\\" not in value}
    text = "".join(f"{name}='{value}'\n" for name, value in kept.items())
    assert envfile.parse(text.encode(), ORIGIN, {}).values == kept
