"""Files of `NAME=value` lines: `env_file`, `label_file` and `.env`, as the Compose Specification reads them. Pure.

# a comment, and blank lines are nothing        export NAME=value  is  NAME=value
NAME=value # comment                            variables in it are substituted
NAME="va\\nlue"                                 escapes and variables in it are substituted, may span lines
NAME='value'                                    is taken as it stands
NAME                                            has the value that the environment gives it, or none
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from zpmd.model.service import Problem
from zpmd.sources.interpolate import BadTemplate, interpolate
from zpmd.sources.nodes import Mark, Origin
from zpmd.sources.yamltext import Broken, decoded, problem_at

NAME = re.compile(r"(?:export[ \t]+)?([\w.\-\[\]]+)[ \t]*([=:]|$)[ \t]*", re.MULTILINE)
BLANK = re.compile(r"(?:[ \t\r\n\v\f]+|#[^\n]*)+")
QUOTED = {
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
    "'": re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL),
}
ESCAPE = re.compile(r"\\([abcfnrtv$\"\\]|0[0-7]{0,3})")
ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}


@dataclass
class EnvFile:
    """`values` in the order of the file; None for a name that nothing gives a value."""

    values: dict[str, str | None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def parse(content: bytes, origin: Origin, variables: Mapping[str, str], raw: bool = False) -> EnvFile:
    """All of a file. With `raw`, values are what stands after the first `=`, to the end of the line."""
    result = EnvFile()
    try:
        text = decoded(content, origin).replace("\r\n", "\n")
    except Broken as broken:
        result.problems.append(broken.problem)
        return result
    if raw:
        parse_raw(text, origin, result)
    else:
        Statements(text, origin, variables, result).parse()
    return result


def parse_raw(text: str, origin: Origin, result: EnvFile) -> None:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not name.strip() or not equals:
            result.problems.append(problem_at(Mark(origin, number, 1), "expected NAME=value"))
        else:
            result.values[name.strip()] = value


@dataclass
class Statements:
    text: str
    origin: Origin
    variables: Mapping[str, str]
    result: EnvFile
    line: int = 1
    counted: int = 0
    known: dict[str, str] = field(default_factory=dict)
    """What may be substituted: the variables, and below them what the file has set so far."""

    def parse(self) -> None:
        self.known = dict(self.variables)
        at = self.skip_blank(0)
        while at < len(self.text):
            at = self.skip_blank(self.statement(at))

    def skip_blank(self, at: int) -> int:
        blank = BLANK.match(self.text, at)
        return blank.end() if blank else at

    def problem(self, at: int, message: str) -> None:
        self.line += self.text.count("\n", self.counted, at)
        self.counted = at
        column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        self.result.problems.append(problem_at(Mark(self.origin, self.line, column), message))

    def end_of_line(self, at: int) -> int:
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end

    def statement(self, at: int) -> int:
        """Read the statement that begins here; the answer is where it ends."""
        name = NAME.match(self.text, at)
        if not name:
            self.problem(at, "expected NAME=value: names have letters, digits, `_`, `.` and `-`")
            return self.end_of_line(at)
        if not name.group(2):
            self.result.values[name.group(1)] = self.variables.get(name.group(1))
            return name.end()
        quote = self.text[name.end() : name.end() + 1]
        if quote in QUOTED:
            return self.quoted(name.group(1), name.end(), quote)
        end = self.end_of_line(name.end())
        value = self.text[name.end() : end].partition(" #")[0].rstrip()
        self.substitute(name.group(1), value, name.end())
        return end

    def quoted(self, name: str, at: int, quote: str) -> int:
        match = QUOTED[quote].match(self.text, at)
        if not match:
            self.problem(at, f"the value of {name} has no closing {quote}")
            return len(self.text)
        if quote == "'":
            self.keep(name, match.group(1).replace("\\'", "'"))
        else:
            self.substitute(name, ESCAPE.sub(unescaped, match.group(1)), at)
        end = self.end_of_line(match.end())
        rest = self.text[match.end() : end].strip()
        if rest and not rest.startswith("#"):
            self.problem(match.end(), f"nothing may follow the closing {quote} but a comment")
        return end

    def substitute(self, name: str, value: str, at: int) -> None:
        try:
            self.keep(name, interpolate(value, self.known).text)
        except BadTemplate as error:
            self.problem(at, f"{name}: {error}")

    def keep(self, name: str, value: str) -> None:
        self.result.values[name] = value
        if name not in self.variables:
            self.known[name] = value


def unescaped(match: re.Match[str]) -> str:
    code = match.group(1)
    if code == "$":
        return "$$"
    return chr(int(code, 8) & 0xFF) if code[0] == "0" else ESCAPED.get(code, match.group())
