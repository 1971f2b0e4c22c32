"""`ignore` and `include`, pattern by pattern as `.dockerignore` means them."""

from __future__ import annotations

import pytest

from zpmd.sources.filewatch.patterns import EDITORS, Patterns


@pytest.mark.parametrize(
    ("patterns", "names", "others"),
    [
        ("*.md", "a.md", "a.txt sub/a.md"),
        ("**/*.md", "a.md sub/a.md sub/deep/a.md", "a.txt"),
        ("sub", "sub sub/a sub/deep/a", "other/sub subs"),
        ("sub/", "sub/a", "subs/a"),
        ("/sub/./a", "sub/a", "a"),
        ("**/cache", "cache cache/a x/cache/a", "caches"),
        ("a?c", "abc", "ac a/c"),
        ("[a-c]x", "ax cx", "dx"),
        ("[^a-c]x", "dx", "ax"),
        (r"\*", "*", "a"),
        ("a.b", "a.b", "axb"),
        ("**", "a a/b", ""),
        (".", "a a/b", ""),
        ("*.md !README.md", "a.md", "README.md"),
        ("!README.md *.md", "README.md a.md", ""),
        ("sub !sub/keep", "sub/a", "sub/keep sub/keep/a"),
    ],
)
def test_a_pattern_fits_these_and_no_others(patterns: str, names: str, others: str) -> None:
    found = Patterns(patterns.split())
    assert [name for name in names.split() if not found.match(name)] == []
    assert [name for name in others.split() if found.match(name)] == []


@pytest.mark.parametrize("text", ["[a-", "x\\", "[z-a]"])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a pattern: "):
        Patterns([text])


def test_an_empty_pattern_says_nothing() -> None:
    assert not Patterns(["", " "]).match("a")


def test_a_folder_is_passed_over_only_where_nothing_is_taken_back() -> None:
    assert Patterns(["sub"]).match_all_below("sub")
    assert not Patterns(["sub", "!sub/keep"]).match_all_below("sub")


@pytest.mark.parametrize(
    "name", [".git/HEAD", "a/.b.swp", "x~", "4913", "a.part", "d/a.tmp", "#a#", ".#a", "___jb_tmp___"]
)
def test_what_editors_leave_behind_never_counts(name: str) -> None:
    assert Patterns(EDITORS).match(name)


@pytest.mark.parametrize("name", ["a.conf", ".gitignore", "tmp", "part/a", ".env"])
def test_what_people_write_counts(name: str) -> None:
    assert not Patterns(EDITORS).match(name)
