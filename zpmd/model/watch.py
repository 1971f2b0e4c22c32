"""Files whose change restarts a service: what is watched, how patiently, and how that stands."""

from __future__ import annotations

from dataclasses import dataclass

from zpmd.model.container import Pairs

LABEL = "io.zpmd.watched"
"""The label that makes a change in a watched path a change of the container, and so a rolling replacement."""


@dataclass(frozen=True, slots=True, order=True)
class WatchRule:
    """One entry of `develop.watch` with action `restart`: a path of the host, patterns of what in it does not count,
    and of what alone does. Two services with equal rules share one look at the disk."""

    path: str
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPace:
    """`x-zpmd.watch`: a change counts when nothing has changed for `quiet`, and at the latest `at_most` after it began.

    Two seconds are more than an editor, a `tar x` or a `git pull` pauses for, and less than a replacement takes. Most
    copies over a slow link are over in a minute; where they are not, the file says more.
    """

    quiet_seconds: float = 2.0
    at_most_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """How the watch of one service stands. It is kept with the service, so it survives zpmd.

    `digest` is that of the content that is in effect, "" while none was ever known: it is what the label says.
    `before` is the one that it followed, and `changed` the paths that differed. `count` are the replacements in a row
    that came of changes, the last one at `at`. `suspended` is since when changes have no effect, `trouble` why what is
    there now cannot be told. `generation` is the operator's restart that this already answers.
    """

    digest: str = ""
    before: str = ""
    changed: tuple[str, ...] = ()
    count: int = 0
    at: float = 0.0
    suspended: float | None = None
    trouble: str = ""
    generation: int = 0


def labelled(labels: Pairs, digest: str) -> Pairs:
    """The labels of a container whose service is watched with this content in effect."""
    others = tuple(pair for pair in labels if pair[0] != LABEL)
    return tuple(sorted((*others, (LABEL, digest)))) if digest else others
