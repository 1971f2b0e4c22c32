"""Variables in texts, operator by operator."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpmd.sources.interpolate import BadTemplate, interpolate

VARIABLES = {"SET": "value", "EMPTY": "", "OTHER": "o", "DOLLAR": "$SET", "_x1": "u"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("$SET", "value"), ("${SET}", "value"), ("a${SET}b", "avalueb"), ("$SET.x", "value.x"), ("$_x1", "u"),
        ("${EMPTY}", ""), ("$SET$OTHER", "valueo"),
        ("${SET:-d}", "value"), ("${EMPTY:-d}", "d"), ("${UNSET:-d}", "d"), ("${UNSET:-}", ""),
        ("${SET-d}", "value"), ("${EMPTY-d}", ""), ("${UNSET-d}", "d"),
        ("${SET:?e}", "value"), ("${SET?e}", "value"), ("${EMPTY?e}", ""),
        ("${SET:+r}", "r"), ("${EMPTY:+r}", ""), ("${UNSET:+r}", ""),
        ("${SET+r}", "r"), ("${EMPTY+r}", "r"), ("${UNSET+r}", ""),
        ("${UNSET:-${OTHER}}", "o"), ("${UNSET:-${UNSET2:-deep}}", "deep"), ("${UNSET-$OTHER}", "o"),
        ("${UNSET:-a-b:?c}", "a-b:?c"), ("${UNSET:-http://x:80/?a=1}", "http://x:80/?a=1"),
        ('${UNSET:-{"a": {}}}', '{"a": {}}'), ("${SET:-${UNSET:?never looked at}}", "value"),
        ("$$", "$"), ("$$SET", "$SET"), ("$${SET}", "${SET}"), ("$$$SET", "$value"), ("${UNSET:-$$x}", "$x"),
        ("${DOLLAR}", "$SET"), ("5$", "5$"), ("$ x", "$ x"), ("$1", "$1"), ("a$-b", "a$-b"), ("$é", "$é"),
        ("${UNSET:-line\nline}", "line\nline"),
    ],
)  # fmt: skip
def test_what_a_template_becomes(template: str, expected: str) -> None:
    assert interpolate(template, VARIABLES).text == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("${UNSET:?set it in .env}", "required variable UNSET is unset or empty: set it in .env"),
        ("${EMPTY:?}", "required variable EMPTY is unset or empty"),
        ("${UNSET?$OTHER}", "required variable UNSET is unset: o"),
        ("${", "${ has no closing brace: write ${NAME}, or $$ for a dollar sign"),
        ("x ${SET", "${SET has no closing brace: write ${NAME}, or $$ for a dollar sign"),
        ("${}", "${} names no variable: write ${NAME}, or $$ for a dollar sign"),
        ("${1A}", "${1A} names no variable: write ${NAME}, or $$ for a dollar sign"),
        ("${tenant.name}", "${tenant.name} is not known here: only a service file can name it"),
        ("${SET.x:-d}", "${SET.x} is not known here: only a service file can name it"),
        ("${SET/a/b}", "${SET/a/b} is not understood: after the name, one of :- :? :+ - ? + may follow"),
        ("${SET:3}", "${SET:3} is not understood: after the name, one of :- :? :+ - ? + may follow"),
        ("${a:-" * 40 + "}" * 40, "variables are nested deeper than 32 levels: simplify the default"),
    ],
)
def test_what_cannot_be_substituted_says_why(template: str, expected: str) -> None:
    with pytest.raises(BadTemplate) as caught:
        interpolate(template, VARIABLES)
    assert str(caught.value) == expected


def test_unset_variables_are_named_once_each() -> None:
    assert interpolate("$A ${B} $A ${C:-} ${D:+x} $SET", VARIABLES).unset == ("A", "B")


NAMES = st.from_regex(r"[_a-zA-Z][_a-zA-Z0-9]{0,8}", fullmatch=True)


@given(st.text())
def test_doubled_dollars_give_the_text_back(text: str) -> None:
    assert interpolate(text.replace("$", "$$"), {}).text == text


@given(st.text(alphabet='${}:-?+AB_ \n"x', max_size=80), st.dictionaries(NAMES, st.text(max_size=8)))
def test_any_text_is_substituted_or_refused_in_one_line(template: str, variables: dict[str, str]) -> None:
    try:
        result = interpolate(template, variables)
    except BadTemplate as error:
        said = str(error)
    else:
        said = ""
        assert not set(result.unset) & set(variables)
    assert "\n" not in said


@given(NAMES, st.text(), st.text(alphabet="abc:-?+", max_size=10))
def test_a_set_variable_never_looks_at_its_default(name: str, value: str, default: str) -> None:
    assert interpolate(f"${{{name}-{default}}}", {name: value}).text == value


@given(NAMES, st.text(alphabet="abc:-?+ ", max_size=10))
def test_an_unset_variable_is_its_default_and_not_reported(name: str, default: str) -> None:
    result = interpolate(f"${{{name}:-{default}}}", {})
    assert (result.text, result.unset) == (default, ())
