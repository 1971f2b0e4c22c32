"""The text of a service file, with its comments. Values are written by PyYAML; where comments go is ours, because no
writer of YAML keeps them beside what they are about.

Texts that another reader of YAML might take for a number, a date or a boolean are quoted: `1.10`, `yes`, `22:22`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

WIDTH = 100
PLAIN = re.compile(r"[A-Za-z/_][\w/.@+-]*(?::[\w/.@+-]+)*|(?:[0-9]+(?:ms|[smhkg]))+", re.ASCII)
"""What is one plain word to every reader; an amount too, 1m30s."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
UNWRITABLE = re.compile("[\ufffe\uffff]")
"""No text file of ours may have them, and env files have no escape for them."""
WORDS_OF_YAML = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


class Writer(yaml.SafeDumper):
    """Block style, lists set in, no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 (PyYAML's own)
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = PLAIN.fullmatch(text) and text.lower() not in WORDS_OF_YAML
    style = None if plain else "'" if text.isprintable() and "'" not in text else '"'
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Writer.add_representer(str, _text)


def block(value: Any, depth: int = 0) -> list[str]:
    """Lines of a value, set in by two columns for each `depth`."""
    text = yaml.dump(value, Dumper=Writer, sort_keys=False, allow_unicode=True, width=1 << 30, default_flow_style=False)
    return [f"{'  ' * depth}{line}".rstrip() for line in text.replace(": null\n", ":\n").splitlines()]


def comment(text: str, depth: int = 0) -> list[str]:
    """A comment of whole lines; control characters of foreign text cannot end it."""
    indent = f"{'  ' * depth}# "
    clean = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]+", " ", text).split())
    return textwrap.wrap(
        clean, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def service(name: str, keys: Mapping[str, Any], comments: Iterable[str]) -> Iterator[str]:
    """A service below `services:`, its comments above it."""
    for each in comments:
        yield from comment(each, 1)
    yield from block({name: dict(keys)}, 1)


def env_file(variables: Mapping[str, str], heading: str) -> str:
    """Lines of `NAME="value"`, as zpmd and Compose read them: escapes in double quotes, and no variable in them."""
    lines = [*comment(heading), *(f'{name}="{_escaped(value)}"' for name, value in sorted(variables.items()))]
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    for plain, written in (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        value = value.replace(plain, written)
    return CONTROL.sub(lambda found: f"\\0{ord(found[0]):03o}", value)
