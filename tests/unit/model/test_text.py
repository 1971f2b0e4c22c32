"""One line, whatever others have in their texts."""

from __future__ import annotations

import pytest

from zpmd.model.service import Problem
from zpmd.model.text import printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("services.web.image", "services.web.image"),
        ("größer als 10 …", "größer als 10 …"),
        (r"C:\temp", r"C:\temp"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J\x00\x9b", r"\x1b[2J\x00\x9b"),
        ("a\u2028b\u202ec", r"a\u2028b\u202ec"),
        ("half \ud800", r"half \ud800"),
    ],
)
def test_what_cannot_be_printed_is_written_as_python_writes_it(text: str, expected: str) -> None:
    assert printable(text) == expected
    assert printable(expected) == expected


def test_a_complaint_is_one_line_whatever_the_file_has_in_its_name_and_keys() -> None:
    problem = Problem(file="a\nb.yaml", line=1, column=2, path="services.\n", message="variable A\x1b is not set")
    assert str(problem) == r"a\nb.yaml:1:2: services.\n: variable A\x1b is not set"
    assert (problem.path, problem.message) == (r"services.\n", r"variable A\x1b is not set")
    assert problem.file == "a\nb.yaml", "the file is found by it"
