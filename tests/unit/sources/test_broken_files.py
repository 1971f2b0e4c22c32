"""Files that are wrong: each is told everything, where it is, and what to write instead."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sources.given import lines, together, understood
from tests.unit.sources.keys import SHELLS
from zpmd.sources.compose.vocabulary import SECTIONS

DATA = Path(__file__).parents[2] / "data/compose"
CASES = (DATA / "broken.txt", DATA / "broken-templates.txt", DATA / "broken-jobs.txt")
OTHERS = {"twice.yaml": "services: {app: {image: b}}"}


def cases() -> list[tuple[str, str, list[str]]]:
    found = []
    for block in (block for file in CASES for block in re.split(r"(?m)^== ", file.read_text())[1:]):
        name, _, rest = block.partition("\n")
        text, expected = rest.split("\n-- ", 1)
        places = (line if line.startswith("/") else f"c.yaml:{line}" for line in expected.strip().split("\n-- "))
        found.append((name, text + "\n", list(places)))
    return found


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in cases()], ids=[case[0] for case in cases()])
def test_a_broken_file_is_told_all_that_is_wrong(text: str, expected: list[str]) -> None:
    assert lines(understood(text, OTHERS).problems) == expected


def test_every_problem_says_what_to_do() -> None:
    told = [line for _, _, expected in cases() for line in expected]
    factual = ("cannot read", "no such", "there is no service", "required variable", "expected", "duplicate")
    silent = [t for t in told if not re.search(r": \S+.*[:;,] \S+|\?$", t) and not any(f in t for f in factual)]
    assert silent == []
    assert len(cases()) >= 60


def test_a_mistake_behind_an_anchor_is_told_once() -> None:
    text = "x-base: &base {restart: sometimes}\nservices:\n" + "".join(
        f"  s{i}: {{<<: *base, image: a}}\n" for i in range(20)
    )
    assert [p.path for p in understood(text).problems] == ["services.s0.restart"]


def test_a_mistake_in_an_extended_file_is_told_there() -> None:
    others = {"base.yaml": "services:\n  b:\n    image: a\n    scale: lots\n"}
    result = understood("services: {web: {extends: {file: base.yaml, service: b}}}", others)
    assert lines(result.problems) == [
        "/srv/app/base.yaml:4:12: services.web.scale: expected a whole number, found the text 'lots'"
    ]


def test_a_mistake_in_an_env_file_is_told_there() -> None:
    result = understood("services: {web: {image: a, env_file: x.env}}", {"x.env": "A=1\n?\n"})
    assert lines(result.problems) == [
        "/srv/app/x.env:2:1: expected NAME=value: names have letters, digits, `_`, `.` and `-`"
    ]


def test_one_service_name_in_two_files() -> None:
    one = "services: {web: {image: a}}"
    assert lines(together({"1.yaml": one, "2.yaml": one}).problems) == [
        "2.yaml:1:12: services.web: service web is also defined at 1.yaml:1:12: rename one, or use `extends`"
    ]


def test_one_network_in_two_files_must_be_the_same() -> None:
    file = "services: {%s: {image: a, networks: [n]}}\nnetworks: {n: %s}"
    same = together({"1.yaml": file % ("a", "{driver: x}"), "2.yaml": file % ("b", "{driver: x}")})
    assert same.problems == ()
    assert [n.name for n in same.desired.networks] == ["app_n"]
    other = together({"1.yaml": file % ("a", "{driver: x}"), "2.yaml": file % ("b", "{driver: y}")})
    assert lines(other.problems) == [
        "2.yaml:2:12: networks.n: 'n' is defined differently at 1.yaml:2:12: make both equal, or keep one"
    ]


def test_a_host_port_in_two_files() -> None:
    file = "services: {%s: {image: a, ports: ['80:80']}}"
    assert lines(together({"1.yaml": file % "a", "2.yaml": file % "b"}).problems) == [
        "2.yaml:1:34: services.b.ports[0]: host port 80/tcp is taken by a at 1.yaml:1:34: choose another one"
    ]


def test_a_chain_of_extends_is_bounded() -> None:
    """Eight times the chain takes about eight times as long; where each service went through all of it, 64."""

    def seconds(services: int) -> float:
        chain = "\n".join(f"  s{i}: {{image: a, cap_add: [C{i}], extends: s{i + 1}}}" for i in range(services))
        before = time.process_time()
        problems = understood(f"services:\n{chain}\n  s{services}: {{image: a}}").problems
        assert "extends through more than 32 services: s31 of" in str(problems[0])
        return time.process_time() - before

    assert seconds(1600) < 24 * seconds(200)


def test_a_deep_include_ends() -> None:
    others = {f"i{i}.yaml": f"include: [i{i + 1}.yaml]" for i in range(400)}
    problems = understood("include: [i0.yaml]\nservices: {a: {image: a}}", others).problems
    assert "more than 256 files are loaded" in str(problems[-1])


TOKENS = [
    "image", "ports", "deploy", "extends", "depends_on", "volumes", "healthcheck", "<<", "x", "80:80", "1", "true", "~",
    "${A", "$$", "./a:/b", "[1]", "{a: 1}", "'", '"', "&a", "*a", "!reset", "service:web", "a:b:c:d",
]  # fmt: skip
VALUES = st.recursive(
    st.sampled_from([t for t in TOKENS if t[0] not in "&*!'\"<$"] + ["'${A}'", "'$$'", "!reset ~"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda v: "[" + ", ".join(v) + "]"),
        st.dictionaries(
            st.sampled_from(["a", "path", "source", "target", "service", "test", "type"]), inner, max_size=3
        ).map(lambda d: "{" + ", ".join(f"{k}: {v}" for k, v in d.items()) + "}"),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(SHELLS)), st.data())
def test_no_value_of_any_key_raises(section: str, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(SECTIONS[section])))
    value = data.draw(VALUES)
    understood(SHELLS[section].replace("@", f"{key}: {value}"), {"a.txt": "a"})


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*TOKENS, "\n", "\n  ", "\n    ", ": ", "- ", ", "]), max_size=30).map("".join))
def test_no_text_raises(text: str) -> None:
    understood("services:\n  web:\n    image: a\n    " + text)
    understood(text)
