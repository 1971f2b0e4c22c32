"""Whatever bytes come in: the errors that a parser declares, within a second, and nothing else.

The coverage-guided search is `scripts/fuzz`; here hypothesis mutates the same seeds by what it knows of their shape.
The time is the processor's, so that a busy machine is no finding.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import DATA, SEEDS, tokens
from tests.fuzz.targets import TARGETS

CPU_SECONDS = 1.0
NASTY = (
    *(word.encode() for word in tokens()),
    *(b"", b"\0", b"\xff", b"\r\n", b"9" * 5000, b"x" * 5000, b"[" * 2000, b"{a: " * 200),
)
WORDS = sorted({w for line in (DATA / "compose" / "specification-keys.txt").read_text().splitlines()
                if not line.startswith(("#", "[")) for w in line.split()})  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.integers(min_value=2**63) | st.sampled_from(tokens())
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def edited(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with a few pieces cut out, put in, or said twice."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.integers(0, 40)))
        piece = draw(st.sampled_from(NASTY) | st.binary(max_size=8) | st.just(data[at:to] * 2))
        data = data[:at] + piece + data[to:]
    return data


@st.composite
def misshapen(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed that is JSON, with some of its values replaced by others, or left out."""
    tree = json.loads(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 5))):
        inner, key = tree, None
        while isinstance(inner, dict | list) and inner:
            outer = inner
            key = draw(st.sampled_from(sorted(inner)) if isinstance(inner, dict) else st.integers(0, len(inner) - 1))
            inner = outer[key]
            if draw(st.integers(0, 3)) == 0:
                break
        if key is None:
            continue
        if draw(st.integers(0, 4)) == 0:
            del outer[key]
        else:
            outer[key] = draw(JSON)
    return json.dumps(tree).encode()


def cpu_seconds(name: str, data: bytes) -> float:
    began = time.process_time()
    TARGETS[name](data)
    return time.process_time() - began


def within_a_second(name: str, data: bytes) -> None:
    seconds = cpu_seconds(name, data)
    if seconds > CPU_SECONDS:  # what is slow is so twice; the collector of a process with thousands of tests is not
        seconds = cpu_seconds(name, data)
    assert seconds <= CPU_SECONDS, f"{seconds:.1f} s for {len(data)} bytes"


QUICK = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_read(name: str) -> None:
    for seed in SEEDS[name]():
        within_a_second(name, seed)


@pytest.mark.parametrize("name", TARGETS)
@QUICK
@given(data=st.data())
def test_edited_bytes_are_read_or_refused(name: str, data: st.DataObject) -> None:
    within_a_second(name, data.draw(edited(SEEDS[name]()) | st.binary(max_size=200)))


@pytest.mark.parametrize("name", ["engine_answers", "health_logs", "container_labels", "stored"])
@QUICK
@given(data=st.data())
def test_json_of_another_shape_is_read_or_refused(name: str, data: st.DataObject) -> None:
    within_a_second(name, data.draw(misshapen(SEEDS[name]())))


@QUICK
@given(keys=st.dictionaries(st.sampled_from(WORDS), JSON, max_size=5))
@example(keys={"action": {"\n": "$A"}})  # the place of a note was a path with a raw line end in it
def test_a_service_with_any_values_under_its_keys_is_understood_or_refused(keys: dict[str, Any]) -> None:
    """JSON is YAML: every key of the specification with values that it was not made for."""
    within_a_second("service_files", json.dumps({"services": {"web": {"image": "web:1", **keys}}}).encode())


@QUICK
@given(keys=st.dictionaries(st.sampled_from(WORDS), JSON, max_size=4), section=st.sampled_from(WORDS))
def test_a_file_with_anything_at_its_top_is_understood_or_refused(keys: dict[str, Any], section: str) -> None:
    file = {"services": {"web": {"image": "web:1"}}, section: {"x": keys}, **keys}
    within_a_second("service_files", json.dumps(file).encode())
