"""What commands of zpmctl that work on files share: errors in exit codes, and progress while somebody looks on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from zpmd.errors import Refused
from zpmd.interfaces.ctl.client import Exit, Failure
from zpmd.interfaces.words import clean
from zpmd.patching.bundle import unwatched
from zpmd.patching.refusal import BadPatch


@contextlib.contextmanager
def told() -> Iterator[None]:
    """What is wrong with a file, as the end of a command."""
    try:
        yield
    except (BadPatch, Refused) as refused:
        raise Failure(Exit.REFUSED, str(refused)) from None
    except FileNotFoundError as error:
        raise Failure(Exit.NOT_FOUND, f"{error.filename}: no such file") from None
    except OSError as error:
        raise Failure(Exit.FAILED, f"{error.filename or 'cannot read or write'}: {error.strerror}") from None


@contextlib.contextmanager
def busy(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A line on stderr where that is a terminal: how many of `total` bytes have been told, or only for how long."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield unwatched
        return
    counted = (BarColumn(), DownloadColumn()) if total else ()
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), *counted, TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(clean(what), total=total)
        yield lambda count: bar.advance(task, count)
