"""Where zpmctl's lines go: a terminal, with colour, its width and a live view, or a pipe, plain and uncut."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from zpmd.interfaces.ctl.lines import wrapped
from zpmd.interfaces.words import clean, clock

LINE_STYLES = ("cyan", "green", "yellow", "magenta", "blue")
NARROWEST = 40
_ANY: TypeAdapter[Any] = TypeAdapter(Any)


class Colour(StrEnum):
    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


COLOUR: ContextVar[Colour] = ContextVar("colour", default=Colour.AUTO)
"""What `--color` says for this run of the program."""


def console(stderr: bool = False) -> Console:
    """AUTO: with colour on a terminal, unless NO_COLOR is set."""
    chosen = COLOUR.get()
    return Console(
        stderr=stderr,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
        force_terminal=True if chosen is Colour.ALWAYS else None,
        no_color={Colour.ALWAYS: False, Colour.NEVER: True}.get(chosen),
    )


class Screen:
    """`zone` None is the local time zone, as everything else on this terminal shows it."""

    zone: tzinfo | None = None

    def __init__(self) -> None:
        self._console = console()
        self._names: list[str] = []
        self._widest = 0

    @property
    def terminal(self) -> bool:
        return sys.stdout.isatty()

    @property
    def width(self) -> int | None:
        """None in a pipe: lines are as long as they are."""
        return max(NARROWEST, self._console.width) if self.terminal else None

    @property
    def height(self) -> int | None:
        """Lines that a command may print and leave the prompt below them."""
        return self._console.height - 2 if self.terminal else None

    def say(self, as_json: bool, value: object, lines: Sequence[Text], compact: bool = False) -> None:
        """`value` as JSON, or `lines`. `compact`: one line of JSON, for streams."""
        if as_json:
            self.raw(_ANY.dump_json(value, indent=None if compact else 2).decode())
            return
        for line in lines:
            for part in wrapped(line, self.width):
                self._console.print(part)
        sys.stdout.flush()

    def raw(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def log(self, replica: str, line: str, at: float | None = None) -> None:
        """One line of a container, with its time where that is given: made harmless on a terminal, untouched in a
        pipe."""
        stamp = "" if at is None else f"{datetime.fromtimestamp(at, self.zone):%Y-%m-%d %H:%M:%S.%f}"[:-3] + " "
        if not self.terminal and COLOUR.get() is not Colour.ALWAYS:
            self.raw(f"{stamp}{replica} | {line}")
            return
        if replica not in self._names:
            self._names.append(replica)
        self._widest = max(self._widest, len(replica))
        style = LINE_STYLES[self._names.index(replica) % len(LINE_STYLES)]
        name = f"{clean(replica):<{self._widest}} | "
        self._console.print(Text.assemble((stamp, "dim"), (name, style), clean(line)))

    @contextlib.contextmanager
    def live(self) -> Iterator[Callable[[Sequence[Text]], None] | None]:
        """On a terminal, what replaces all that is shown by these lines until the end; None elsewhere."""
        if not self.terminal:
            yield None
            return
        with Live(console=self._console, auto_refresh=False, screen=True) as live:
            yield lambda lines: live.update(Group(*self._cut(lines)), refresh=True)

    @contextlib.contextmanager
    def progress(self) -> Iterator[Callable[[float, str], None]]:
        """What is being waited for, on stderr: a line that changes on a terminal, a line a change elsewhere."""
        errors = console(stderr=True)
        if sys.stderr.isatty():
            with errors.status("waiting") as spinner:
                yield lambda _now, text: spinner.update(Text(clean(text)))
            return
        last = ""

        def note(now: float, text: str) -> None:
            nonlocal last
            if text != last:
                sys.stderr.write(f"{clock(now, now, self.zone)} {clean(text)}\n")
            last = text

        yield note

    def _cut(self, lines: Sequence[Text]) -> Sequence[Text]:
        """In the live view a line is cut rather than wrapped into the next, and so is what is below the screen."""
        shown = [line.copy() for line in lines[: self._console.height]]
        for line in shown:
            line.truncate(self._console.width, overflow="ellipsis")
        return shown
