"""Lines of styled text, and columns of them: what all of zpmctl's output is made of. Pure.

Rules: one fact a line, so that grep works on it; colour never says anything that the words do not; whatever came from a
container, a file, a row or an operator goes through `clean`, which it does here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from itertools import groupby

from rich.text import Text

from zpmd.interfaces import status
from zpmd.interfaces.words import clean
from zpmd.model.plan import State

Zone = tzinfo | None
Cell = tuple[str, str]
"""Text and its style."""
Row = Sequence[Cell]

GOOD, NOTICE, BAD, FAINT, STRONG = "green", "yellow", "bold red", "dim", "bold"


def state_style(state: str) -> str:
    if state in (State.RUNNING, State.COMPLETED, State.SCHEDULED):
        return GOOD
    return BAD if state in status.TROUBLE or state == State.UNKNOWN else NOTICE


def line(*cells: Cell) -> Text:
    return Text.assemble(*((clean(text), style) for text, style in cells))


def folded(output: Iterable[str]) -> list[str]:
    """A line that comes again and again, as a probe's does, said once."""
    runs = ((text, len(list(same))) for text, same in groupby(output))
    return [text if count == 1 else f"{text}  ({count} times)" for text, count in runs]


def table(rows: Sequence[Row | Text]) -> list[Text]:
    """Columns two spaces apart, as wide as their widest cell. A Text among the rows stands across them."""
    cells = [[(clean(text), style) for text, style in row] for row in rows if not isinstance(row, Text)]
    widths = [max(len(text) for text, _ in column) for column in zip(*cells, strict=True)]
    aligned = iter(cells)
    return [row if isinstance(row, Text) else _aligned(next(aligned), widths) for row in rows]


def wrapped(text: Text, width: int | None) -> list[Text]:
    """A line as lines of at most this width, cut between words. What follows the first stands below the beginning of
    the last column, where that leaves it room, or else a little further in than the line."""
    if width is None or text.cell_len <= width:
        return [text]
    indent = _hanging(text.plain, width)
    lines: list[Text] = []
    while text.cell_len > width:
        cut = text.plain.rfind(" ", indent + 1, width + 1)
        head, tail = text.divide([cut if cut > 0 else width])
        head.rstrip()
        lines.append(head)
        text = Text.assemble(" " * indent, tail[len(tail) - len(tail.plain.lstrip()) :])
    return [*lines, text]


def _hanging(plain: str, width: int) -> int:
    start = len(plain) - len(plain.lstrip())
    gap = plain.rfind("  ", start, width)
    return gap + 2 if gap >= 0 and gap + 2 <= width * 0.6 else min(start + 2, width // 2)


def _aligned(cells: Sequence[Cell], widths: Sequence[int]) -> Text:
    made = Text.assemble(*((f"{text:<{width}}  ", style) for (text, style), width in zip(cells, widths, strict=True)))
    made.rstrip()
    return made
