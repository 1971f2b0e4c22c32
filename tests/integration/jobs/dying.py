"""A zpmd that kills itself (-9) at one moment of a run: `python -m tests.integration.jobs.dying MOMENT run ...`

A MOMENT is `before|after WHAT [N]`: right before or right after the N-th time (the first, unless told) that this
process does WHAT, which is one of

    rows       rows of the ledger of jobs are written
    create     the engine is asked to create a container
    start      the engine is asked to start one
    evidence   the last lines of a try are written into the ledger
    remove     the engine is asked to remove a container
"""

from __future__ import annotations

import sys

from tests.integration.patches.dying import Fate
from zpmd import __main__
from zpmd.engines.dockerd.wire import Wire
from zpmd.model.job import RunsKept
from zpmd.stores.embedded import EmbeddedStore


def _keeps(_store: EmbeddedStore, kept: RunsKept) -> tuple[str, ...]:
    return ("rows",) if kept.rows else ()


def _tells(*_: object) -> tuple[str, ...]:
    return ("evidence",)


def _posts(_wire: Wire, path: str, *_: object, **_options: object) -> tuple[str, ...]:
    last = path.rpartition("/")[2]
    return (last,) if last in ("create", "start") else ()


def _deletes(*_: object) -> tuple[str, ...]:
    return ("remove",)


def main() -> None:
    fate = Fate(sys.argv.pop(1))
    fate.around(EmbeddedStore, "keep_runs", _keeps)
    fate.around(EmbeddedStore, "keep_run_evidence", _tells)
    fate.around(Wire, "post", _posts)
    fate.around(Wire, "delete", _deletes)
    __main__.main()


if __name__ == "__main__":
    main()
