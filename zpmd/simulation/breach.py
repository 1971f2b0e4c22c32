"""The breach of an invariant."""

from __future__ import annotations


class Violation(AssertionError):
    """An invariant is broken. `rule` names it; the text says by what."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule
