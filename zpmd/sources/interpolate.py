"""`${VARIABLE}` in texts, with the operators of the Compose Specification. Pure.

    $VAR ${VAR}            the value; empty, and reported as unset, where there is none
    ${VAR:-d} ${VAR-d}     d where unset or empty / where unset
    ${VAR:?e} ${VAR?e}     an error with the text e where unset or empty / where unset
    ${VAR:+r} ${VAR+r}     r where set and not empty / where set, else nothing
    $$                     a dollar sign

d, e and r may hold variables themselves; they are looked at only where they are used. A dollar sign before anything
else stands for itself. A value that was substituted is not looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_NESTING = 32

NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
OPERATORS = (":-", ":?", ":+", "-", "?", "+")


class BadTemplate(ValueError):
    """The text cannot be substituted; the message says why and what to write."""


@dataclass(frozen=True, slots=True)
class Substituted:
    """`unset` are the variables that had no value and no default, in order of first use."""

    text: str
    unset: tuple[str, ...] = ()


def interpolate(template: str, variables: Mapping[str, str]) -> Substituted:
    """Raises BadTemplate where the syntax is wrong or a required variable is missing."""
    if "$" not in template:
        return Substituted(template)
    substitution = Substitution(variables)
    return Substituted(substitution.apply(template, 0), tuple(dict.fromkeys(substitution.unset)))


@dataclass
class Substitution:
    variables: Mapping[str, str]
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
        return self.variables.get(name, "")

    def braced(self, inside: str, depth: int) -> str:
        match = NAME.match(inside)
        if not match:
            raise BadTemplate(f"${{{shown(inside)}}} names no variable: write ${{NAME}}, or $$ for a dollar sign")
        name, rest = match.group(), inside[match.end() :]
        if not rest:
            return self.value(name)
        operator = next((o for o in OPERATORS if rest.startswith(o)), None)
        if operator is None:
            raise BadTemplate(
                f"${{{shown(inside)}}} is not understood: after the name, one of {' '.join(OPERATORS)} may follow"
            )
        return self.operated(name, operator, rest[len(operator) :], depth)

    def operated(self, name: str, operator: str, argument: str, depth: int) -> str:
        value = self.variables.get(name)
        present = bool(value) if operator[0] == ":" else value is not None
        match operator[-1]:
            case "-":
                return value or "" if present else self.apply(argument, depth + 1)
            case "+":
                return self.apply(argument, depth + 1) if present else ""
            case _:
                if present:
                    return value or ""
                reason = self.apply(argument, depth + 1)
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
