"""How much of the journal is kept: so many weeks and lines, and never the weeks of all for the noise of one. Pure.

Rules:
1. A line older than the weeks asked for goes.
2. Above the number of lines, whoever has most of them gives its oldest: a service that fails a thousand times a day
   pays for that with its own past, and the others keep theirs. What concerns no service counts as one more of them.
3. Both are done now and then, and a little at once: a clock that is set to a wrong year for a moment costs `AT_ONCE`
   lines a look, and no writer waits long.
"""

from __future__ import annotations

from collections.abc import Mapping

WEEK_SECONDS = 7 * 86_400.0
EVERY = 64
"""Lines between two looks: the number is kept to within so many."""
AT_ONCE = 256
"""How many lines go for their age in one look."""


def share(counts: Mapping[str, int], room: int) -> int:
    """The most lines that a service may have so that all of them together have no more than `room`."""
    left, others = room, len(counts)
    for count in sorted(counts.values()):
        fair = left // others
        if count > fair:
            return fair
        left -= count
        others -= 1
    return max(counts.values(), default=0)
