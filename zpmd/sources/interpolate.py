"""`${VARIABLE}` in texts, with the operators of the Compose Specification. Pure.

    $VAR ${VAR}            the value; empty, and reported as unset, where there is none
    ${VAR:-d} ${VAR-d}     d where unset or empty / where unset
    ${VAR:?e} ${VAR?e}     an error with the text e where unset or empty / where unset
    ${VAR:+r} ${VAR+r}     r where set and not empty / where set, else nothing
    $$                     a dollar sign

d, e and r may hold variables themselves; they are looked at only where they are used. A dollar sign before anything
else stands for itself. A value that was substituted is not looked at again.

A name with a dot, `${tenant.name}`, is no variable: its value is known later, and until then a mark stands for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

MAX_NESTING = 32

NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
DOTTED = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*\.[_a-zA-Z0-9.]*")
OPERATORS = (":-", ":?", ":+", "-", "?", "+")


class BadTemplate(ValueError):
    """The text cannot be substituted; the message says why and what to write."""


@dataclass(frozen=True, slots=True)
class Substituted:
    """`unset` are the variables that had no value and no default, in order of first use."""

    text: str
    unset: tuple[str, ...] = ()


class Later(Protocol):
    """What knows the names with a dot."""

    def mark(self, name: str, operator: str, argument: str) -> str:
        """What stands in the text until the value is known. `operator` is "" where there is none, and variables are
        substituted in its argument already. Raises BadTemplate."""

    def foreign(self, text: str) -> str:
        """The text, which is the value of a variable. Raises BadTemplate where it could be taken for a mark."""


def interpolate(template: str, variables: Mapping[str, str], later: Later | None = None) -> Substituted:
    """Raises BadTemplate where the syntax is wrong or a required variable is missing."""
    if "$" not in template:
        return Substituted(template)
    substitution = Substitution(variables, later)
    return Substituted(substitution.apply(template, 0), tuple(dict.fromkeys(substitution.unset)))


@dataclass
class Substitution:
    variables: Mapping[str, str]
    later: Later | None = None
    unset: list[str] = field(default_factory=list)

    def apply(self, template: str, depth: int) -> str:
        if depth > MAX_NESTING:
            raise BadTemplate(f"variables are nested deeper than {MAX_NESTING} levels: simplify the default")
        out: list[str] = []
        at = 0
        while (dollar := template.find("$", at)) >= 0:
            out.append(template[at:dollar])
            value, at = self.after_dollar(template, dollar, depth)
            out.append(value)
        out.append(template[at:])
        return "".join(out)

    def after_dollar(self, template: str, dollar: int, depth: int) -> tuple[str, int]:
        """The value of what begins with this dollar sign, and where the rest begins."""
        following = template[dollar + 1 : dollar + 2]
        if following == "$":
            return "$", dollar + 2
        if following == "{":
            end = closing_brace(template, dollar + 1)
            return self.braced(template[dollar + 2 : end], depth), end + 1
        if name := NAME.match(template, dollar + 1):
            return self.value(name.group()), name.end()
        return "$", dollar + 1

    def value(self, name: str) -> str:
        if name not in self.variables:
            self.unset.append(name)
        return self.known(name) or ""

    def known(self, name: str) -> str | None:
        value = self.variables.get(name)
        return value if value is None or self.later is None else self.later.foreign(value)

    def braced(self, inside: str, depth: int) -> str:
        match = DOTTED.match(inside) or NAME.match(inside)
        if not match:
            raise BadTemplate(f"${{{shown(inside)}}} names no variable: write ${{NAME}}, or $$ for a dollar sign")
        name, rest = match.group(), inside[match.end() :]
        operator = next((o for o in OPERATORS if rest.startswith(o)), "")
        if rest and not operator:
            raise BadTemplate(
                f"${{{shown(inside)}}} is not understood: after the name, one of {' '.join(OPERATORS)} may follow"
            )
        argument = rest[len(operator) :]
        if "." in name:
            return self.mark(name, operator, argument, depth)
        return self.operated(name, operator, argument, depth) if operator else self.value(name)

    def operated(self, name: str, operator: str, argument: str, depth: int) -> str:
        return chosen(name, operator, self.known(name), lambda: self.apply(argument, depth + 1))

    def mark(self, name: str, operator: str, argument: str, depth: int) -> str:
        if self.later is None:
            raise BadTemplate(f"${{{shown(name)}}} is not known here: only a service file can name it")
        return self.later.mark(name, operator, self.apply(argument, depth + 1))


def chosen(name: str, operator: str, value: str | None, argument: Callable[[], str]) -> str:
    """What an operator makes of a value, None where it is unset. Raises BadTemplate where it is required."""
    present = bool(value) if operator[0] == ":" else value is not None
    match operator[-1]:
        case "-":
            return value or "" if present else argument()
        case "+":
            return argument() if present else ""
        case _:
            if present:
                return value or ""
            reason = argument()
            state = "is unset or empty" if operator == ":?" else "is unset"
            raise BadTemplate(f"required variable {name} {state}" + (f": {shown(reason)}" if reason else ""))


def closing_brace(template: str, opening: int) -> int:
    """Where the brace at `opening` is closed, counting braces in between. Raises BadTemplate where it never is."""
    depth = 0
    for brace in re.compile(r"[{}]").finditer(template, opening):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return brace.start()
    raise BadTemplate(
        f"{shown(template[opening - 1 :])} has no closing brace: write ${{NAME}}, or $$ for a dollar sign"
    )


def shown(text: str, limit: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
