"""Where zpmctl's lines go: a terminal, with colour and a live view, or a pipe, plain and uncut."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from zpmd.interfaces.ctl.client import WAIT_SECONDS, Daemon, Exit, Failure
from zpmd.interfaces.ctl.lines import BAD
from zpmd.interfaces.ctl.render import status_lines
from zpmd.interfaces.views import StatusView
from zpmd.interfaces.words import clean, clock

REFRESH_SECONDS = 1.0
LINE_STYLES = ("cyan", "green", "yellow", "magenta", "blue")
_ANY: TypeAdapter[Any] = TypeAdapter(Any)


class Screen:
    """`zone` None is the local time zone, as everything else on this terminal shows it."""

    zone: tzinfo | None = None

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._names: list[str] = []

    def say(self, as_json: bool, value: object, lines: Sequence[Text], compact: bool = False) -> None:
        """`value` as JSON, or `lines`. `compact`: one line of JSON, for streams."""
        if as_json:
            self.raw(_ANY.dump_json(value, indent=None if compact else 2).decode())
        else:
            for line in lines:
                self._console.print(line)

    def raw(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def log(self, replica: str, line: str) -> None:
        """One line of a container: made harmless on a terminal, untouched in a pipe."""
        if not self._console.is_terminal:
            self.raw(f"{replica} | {line}")
            return
        if replica not in self._names:
            self._names.append(replica)
        style = LINE_STYLES[self._names.index(replica) % len(LINE_STYLES)]
        self._console.print(Text.assemble((f"{clean(replica)} | ", style), clean(line)))

    def watch(self, daemon: Daemon, as_json: bool) -> None:
        """Every new status, until Ctrl-C. On a terminal it stays through a restart of the daemon."""
        if as_json or not self._console.is_terminal:
            for changed in _changes(daemon):
                self.say(as_json, changed, [*status_lines(changed, self.zone), Text("")], compact=True)
            return
        with Live(console=self._console, auto_refresh=False, screen=True) as live:
            view: StatusView | None = None
            while True:
                lines, view = self._look(daemon, view)
                live.update(Group(*self._fitted(lines)), refresh=True)

    def _look(self, daemon: Daemon, view: StatusView | None) -> tuple[list[Text], StatusView | None]:
        """One status, new or the old one again: either way the ages go on."""
        try:
            newer = None if view is None else daemon.newer(view.number, REFRESH_SECONDS)
            view = newer or daemon.get(StatusView, "/v1/status")  # the old one again, with its ages a second on
        except Failure as failure:
            if failure.code not in (Exit.UNREACHABLE, Exit.REFUSED, Exit.TIMED_OUT):
                raise
            time.sleep(REFRESH_SECONDS)
            return [Text(clean(failure.text), BAD)], None
        return status_lines(view, self.zone), view

    @property
    def terminal(self) -> bool:
        return self._console.is_terminal

    @contextlib.contextmanager
    def live(self) -> Iterator[Callable[[Sequence[Text]], None] | None]:
        """On a terminal, what replaces all that is shown by these lines until the end; None elsewhere."""
        if not self.terminal:
            yield None
            return
        with Live(console=self._console, auto_refresh=False, screen=True) as live:
            yield lambda lines: live.update(Group(*self._fitted(lines)), refresh=True)

    @contextlib.contextmanager
    def progress(self) -> Iterator[Callable[[float, str], None]]:
        """What is being waited for, on stderr: a line that changes on a terminal, a line a change elsewhere."""
        console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        if console.is_terminal:
            with console.status("waiting") as spinner:
                yield lambda _now, text: spinner.update(Text(clean(text)))
            return
        last = ""

        def note(now: float, text: str) -> None:
            nonlocal last
            if text != last:
                sys.stderr.write(f"{clock(now, now, self.zone)} {clean(text)}\n")
            last = text

        yield note

    def _fitted(self, lines: Sequence[Text]) -> Sequence[Text]:
        """In the live view a line is cut rather than wrapped into the next."""
        for line in lines:
            line.truncate(self._console.width, overflow="ellipsis")
        return lines


def _changes(daemon: Daemon) -> Iterator[StatusView]:
    view = daemon.get(StatusView, "/v1/status")
    yield view
    while True:
        changed = daemon.changed(view.number, WAIT_SECONDS)
        if changed is not None:
            view = changed
            yield view
