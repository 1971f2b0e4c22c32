"""Text to nodes: what YAML may do to a supervisor, and what it is told instead."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zpmd.sources import yamltext
from zpmd.sources.nodes import Kind, Map, Node, Origin, Scalar, Sequence, Tag

ORIGIN = Origin("f.yaml")


def composed(text: str) -> Node:
    node, problems = yamltext.compose(text.encode(), ORIGIN)
    assert problems == ()
    assert node is not None
    return node


def problems_of(content: str | bytes) -> list[str]:
    node, problems = yamltext.compose(content.encode() if isinstance(content, str) else content, ORIGIN)
    assert problems or node is not None
    return [str(p) for p in problems]


def plain(node: Node) -> object:
    match node:
        case Scalar():
            return node.text if node.kind is not Kind.NULL else None
        case Sequence():
            return [plain(item) for item in node.items]
        case Map():
            return {key: plain(entry.node) for key, entry in node.entries.items()}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("yes", Kind.TEXT), ("no", Kind.TEXT), ("on", Kind.TEXT), ("off", Kind.TEXT),
        ("22:22", Kind.TEXT), ("1.10", Kind.FLOAT), ("010", Kind.INTEGER), ("0o17", Kind.INTEGER),
        ("1_000", Kind.TEXT), ("2024-01-01", Kind.TEXT), ("true", Kind.BOOLEAN), ("False", Kind.BOOLEAN),
        ("tRue", Kind.TEXT), ("~", Kind.NULL), ("null", Kind.NULL), ("1e3", Kind.FLOAT), (".5", Kind.FLOAT),
        ("=", Kind.TEXT), ("<<", Kind.TEXT), ("'1'", Kind.TEXT), ('"true"', Kind.TEXT), ("!!str 1", Kind.TEXT),
    ],
)  # fmt: skip
def test_a_scalar_is_what_yaml_1_2_says(text: str, kind: Kind) -> None:
    node = composed(f"a: [{text}]")
    assert isinstance(node, Map)
    sequence = node.entries["a"].node
    assert isinstance(sequence, Sequence)
    scalar = sequence.items[0]
    assert isinstance(scalar, Scalar)
    assert scalar.kind is kind


def test_numbers_keep_the_digits_that_were_written() -> None:
    assert plain(composed("[1.10, 010, 0x1F, +5]")) == ["1.10", "010", "0x1F", "+5"]


def test_every_value_knows_its_place() -> None:
    node = composed("a:\n  b: [1,\n    2]\n")
    assert isinstance(node, Map)
    inner = node.entries["a"].node
    assert isinstance(inner, Map)
    sequence = inner.entries["b"].node
    assert isinstance(sequence, Sequence)
    assert [str(m) for m in (inner.entries["b"].mark, sequence.mark, sequence.items[1].mark)] == [
        "f.yaml:2:3",
        "f.yaml:2:6",
        "f.yaml:3:5",
    ]


def test_merge_keys_fill_in_what_is_not_written() -> None:
    text = """
    a: &a {x: 1, y: 1}
    b: &b {y: 2, z: 2}
    c: {<<: [*a, *b], x: 3}
    """
    assert plain(composed(text)) == {
        "a": {"x": "1", "y": "1"}, "b": {"y": "2", "z": "2"}, "c": {"x": "3", "y": "1", "z": "2"},
    }  # fmt: skip


def test_a_quoted_merge_key_is_a_key() -> None:
    assert plain(composed('"<<": 1')) == {"<<": "1"}


def test_the_two_tags_of_compose_are_kept() -> None:
    node = composed("a: !reset []\nb: !override {c: 1}\nd: !reset null")
    assert isinstance(node, Map)
    assert [e.node.tag for e in node.entries.values()] == [Tag.RESET, Tag.OVERRIDE, Tag.RESET]


BROKEN: list[tuple[str, str | bytes, str]] = [
    ("empty", "", "f.yaml:1:1: the file is empty: remove it, or write its services"),
    ("comment only", "# nothing\n", "f.yaml:1:1: the file is empty: remove it, or write its services"),
    ("tab", "a:\n\tb: 1\n", "f.yaml:2:1: a tab indents this line: YAML takes spaces only"),
    ("bom", b"\xef\xbb\xbfa: 1\n", "f.yaml:1:1: the file begins with a byte order mark: save it as UTF-8 without one"),
    ("latin-1", b"a: 1\nb: caf\xe9\n", "f.yaml:2:7: byte 0xe9 is not UTF-8: save the file in that encoding"),
    ("nul", "a: 1\nb: x\0y\n", "f.yaml:2:5: character U+0000 is not allowed in YAML: remove it"),
    ("escape", "a: \x1b[31m\n", "f.yaml:1:4: character U+001B is not allowed in YAML: remove it"),
    ("utf-16", "a: 1".encode("utf-16"), "f.yaml:1:1: byte 0xff is not UTF-8: save the file in that encoding"),
    ("second document", "a: 1\n---\nb: 2\n",
     "f.yaml:2:1: a second document begins here: put it into a file of its own, without `---`"),
    ("duplicate key", "a: 1\nb: 2\na: 3\n", "f.yaml:3:1: a: duplicate key 'a', first at line 1: keep one of them"),
    ("unknown alias", "a: *b\n", "f.yaml:1:4: *b refers to nothing: no &b stands before it"),
    ("alias in itself", "a: &a [1, *a]\n", "f.yaml:1:11: *a stands inside &a itself: an alias cannot contain itself"),
    ("merge of a text", "a: {<<: x}\n",
     "f.yaml:1:9: a: `<<` merges mappings: write an alias of a mapping, or a list of such"),
    ("unknown tag", "a: !!python/object:os.system {}\n",
     "f.yaml:1:4: a: tag tag:yaml.org,2002:python/object:os.system is not known: only !reset and !override have a "
     "meaning here"),
    ("list as key", "? [1, 2]\n: x\n", "f.yaml:1:3: a key must be plain text, not a list or a mapping"),
    ("open bracket", "a: [1, 2\n", "f.yaml:2:1: this is not YAML: did not find expected ',' or ']' (while parsing a "
     "flow sequence)"),
    ("bad indent", "a: 1\n b: 2\n", "f.yaml:2:3: this is not YAML: mapping values are not allowed in this context"),
    ("open quote", 'a: "x\n', "f.yaml:2:1: this is not YAML: found unexpected end of stream (while scanning a quoted "
     "scalar)"),
    ("deep", "[" * 40, "f.yaml:1:33: nested deeper than 32 levels: flatten it"),
    ("deeper", "[" * 100_000, "f.yaml:1:33: nested deeper than 32 levels: flatten it"),
    ("deep mappings", "\n".join(" " * i + "a:" for i in range(50)),
     "f.yaml:32:32: nested deeper than 32 levels: flatten it"),
    ("huge", "a: " + "x" * 1024 * 1024, "f.yaml:1:1: 1048579 bytes are too many: split the file, 1048576 is the limit"),
    ("many values", "[" + "1," * 60_000 + "]",
     "f.yaml:1:100000: the file expands to more than 50000 values here: use fewer aliases, or split it"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_text_is_told_where_and_what_to_do(content: str | bytes, expected: str) -> None:
    assert expected in problems_of(content)


def alias_bomb(levels: int) -> str:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(rows)


def merge_bomb(levels: int) -> str:
    rows = ["a0: &a0 {k: v}"]
    rows += [f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}], k{i}: v}}" for i in range(1, levels)]
    return "\n".join(rows)


@pytest.mark.parametrize("bomb", [alias_bomb, merge_bomb])
def test_what_a_bomb_would_expand_to_is_counted_first(bomb: Callable[[int], str]) -> None:
    before = time.process_time()
    found = problems_of(bomb(60))
    assert time.process_time() - before < 1
    assert "the file expands to more than 50000 values here" in found[0]


def test_ordinary_aliases_are_far_from_the_bound() -> None:
    text = "a: &a {" + ", ".join(f"k{i}: v" for i in range(40)) + "}\n"
    text += "\n".join(f"s{i}: {{<<: *a}}" for i in range(250))
    assert problems_of(text) == []


SHAPES = st.recursive(
    st.sampled_from(["1", "x", "'y'", "~", "*a", "&a z", "!reset q", "${A", "\t", "<<", "- ", "? "]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda v: "[" + ", ".join(v) + "]"),
        st.lists(st.tuples(inner, inner), max_size=4).map(lambda v: "{" + ", ".join(f"{a}: {b}" for a, b in v) + "}"),
        st.lists(inner, min_size=1, max_size=4).map(lambda v: "\n".join("- " + x for x in v)),
    ),
    max_leaves=30,
)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode), SHAPES.map(str.encode)))
@example(b"--- &a\n...\n--- *a")
@example(b"%YAML 9.9\n--- a")
@example(b"\xed\xa0\x80")
def test_no_bytes_raise(content: bytes) -> None:
    node, problems = yamltext.compose(content, ORIGIN)
    assert node is not None or problems
    assert all(p.line >= 1 and p.column >= 1 for p in problems)
