"""A zpmd that kills itself (-9) at one moment of a patch: `python -m tests.integration.patches.dying MOMENT run ...`

A MOMENT is `before|after WHAT [N]`: right before or right after the N-th time (the first, unless told) that this
process does WHAT, which is one of

    seen, copied, ... rolled-back   the ledger gets a row of this stage (Stage), and that is news
    filed                           the ledger gets to know where the file is
    write                           any of these
    piece                           up to 1 MiB of a dropped bundle is written into the private copy
    move                            the file of an ended patch is renamed out of its folder
    result                          the result file is written

A row is news where it has another stage, or steps that begin or end. What is written only because deadlines count anew
after a start is none: else a zpmd that dies at its first write would never come further.

Everything is done around calls of the product, whose code knows nothing of it.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from zpmd import __main__
from zpmd.model.patch import Patch
from zpmd.patching import copying, drops, filing, results
from zpmd.stores.embedded import EmbeddedStore

WRITE = "write"


class Fate:
    """When this process dies."""

    def __init__(self, moment: str) -> None:
        self._when, self._what, *rest = moment.split()
        self._number = int(rest[0]) if rest else 1
        self._done: Counter[str] = Counter()
        self._counting = threading.Lock()

    def around(self, owner: Any, name: str, told: Callable[..., tuple[str, ...]]) -> None:
        """Die before or after calls of `owner.name`; `told` says from the arguments what such a call does."""
        original = getattr(owner, name)

        @functools.wraps(original)
        def mortal(*args: Any, **options: Any) -> Any:
            numbers = self._counted(told(*args, **options))
            self._meet("before", numbers)
            answer = original(*args, **options)
            self._meet("after", numbers)
            return answer

        setattr(owner, name, mortal)

    def _counted(self, whats: tuple[str, ...]) -> dict[str, int]:
        """The how many-th time this is, of what a call does."""
        with self._counting:
            self._done.update(whats)
            return {what: self._done[what] for what in whats}

    def _meet(self, when: str, numbers: Mapping[str, int]) -> None:
        if when == self._when and numbers.get(self._what) == self._number:
            os.kill(os.getpid(), signal.SIGKILL)


def _begins(_store: EmbeddedStore, patch: Patch) -> tuple[str, ...]:
    return str(patch.stage), WRITE


def _keeps(store: EmbeddedStore, patch: Patch) -> tuple[str, ...]:
    known = {row.number: row for row in store.memory().patches}.get(patch.number)
    return (str(patch.stage), WRITE) if known is None or _progress(known) != _progress(patch) else ()


def _progress(patch: Patch) -> tuple[object, ...]:
    return patch.stage, [(step.service, step.done_at, step.back_at) for step in patch.steps]


def _files(*_: object) -> tuple[str, ...]:
    return "filed", WRITE


def _copies(descriptor: int, _content: bytes) -> tuple[str, ...]:
    return ("piece",) if os.readlink(f"/proc/self/fd/{descriptor}").endswith(f"/{drops.COPY}") else ()


def _moves(*_: object) -> tuple[str, ...]:
    return ("move",)


def _tells(name: str, *_: object) -> tuple[str, ...]:
    return ("result",) if name == results.REASON or name.endswith(results.SUFFIX) else ()


def main() -> None:
    fate = Fate(sys.argv.pop(1))
    fate.around(EmbeddedStore, "begin_patch", _begins)
    fate.around(EmbeddedStore, "keep_patch", _keeps)
    fate.around(EmbeddedStore, "file_patch", _files)
    fate.around(copying, "write_all", _copies)
    fate.around(copying, "write_whole", _tells)
    fate.around(filing, "_moved", _moves)
    __main__.main()


if __name__ == "__main__":
    main()
