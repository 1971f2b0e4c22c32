"""The journal of one slot as sentences: what belongs to one replacement is one of them. Pure.

Rules:
1. A stop, the removal after it and the run that fills the place are one chain; so are a run beside the old replica and
   the end of that one, and every try that failed with the one that did not.
2. The cause is that of the entry that began it. What follows tells how it went: how long the old one had run and how it
   ended, and how long the new one took to be ready.
3. What is not known is left out: lines of an older zpmd have neither lives nor exits, and read well without.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo

from zpmd.interfaces.why_views import ChainView
from zpmd.interfaces.words import clock, lasting, plural
from zpmd.model.cause import Code
from zpmd.model.events import Entry, Result

MAKING = frozenset({"run", "start", "restart"})
LEAVING = frozenset({Code.DOWN_ASKED, Code.UNDECLARED, Code.RETIRED, Code.SCALED_DOWN, Code.SURPLUS})
"""Causes after which nothing is to take the place of what has gone."""
ASKED = frozenset({Code.STOP_ASKED, Code.DOWN_ASKED, Code.RESTART_ASKED})
PREDICATES = frozenset(
    {
        *(Code.DIED, Code.UNHEALTHY, Code.FAILED_START, Code.VANISHED, Code.STUCK, Code.MISSING, Code.STARTING),
        *(Code.UNDECLARED, Code.ROLLBACK, Code.DUE, Code.TIMED_OUT),
    }
)
"""Codes whose text has the replica for its subject: "exited with 137"."""
VERBS = frozenset({"stop", "start", "restart", "scale", "down", "up", "hold", "release", "revert", "approve"})
"""What operators ask of what runs."""
FRESH = ": a fresh one takes its place"


def chains(
    slot: int, entries: Iterable[Entry], notes: Sequence[Entry], now: float, zone: tzinfo | None = None
) -> tuple[ChainView, ...]:
    """Of the actions on one slot, oldest first. `notes` are what operators asked, oldest first: a chain that somebody
    asked for says who."""
    return tuple(_told(slot, chain, notes, now, zone) for chain in grouped(entries))


def of_run(
    due: int, entries: Iterable[Entry], notes: Sequence[Entry], now: float, zone: tzinfo | None = None
) -> tuple[ChainView, ...]:
    """As `chains`, of a run of a job: nothing takes the place of a run, so what is tried again is all that belongs
    together."""
    found: list[list[Entry]] = []
    for entry in entries:
        if found and entry.verb == found[-1][-1].verb and not _well(found[-1][-1]):
            found[-1].append(entry)
        else:
            found.append([entry])
    return tuple(_told(due, chain, notes, now, zone, who=f"the run of {clock(due, now, zone)}") for chain in found)


def grouped(entries: Iterable[Entry]) -> list[list[Entry]]:
    """The actions on one slot, oldest first, as chains."""
    found: list[list[Entry]] = []
    for entry in entries:
        home = _home(entry, found)
        if home is None:
            found.append([entry])
        else:
            home.append(entry)
    return found


def _home(entry: Entry, found: Sequence[list[Entry]]) -> list[Entry] | None:
    """The chain that an entry goes on with, None where it begins one."""
    if not found:
        return None
    if entry.code == Code.REPLACED:
        return next((chain for chain in reversed(found) if chain[0].verb == "run"), None)
    last = found[-1]
    before = next((e for e in reversed(last) if e.verb != "run hook"), last[-1])
    if entry.verb == "run hook":
        return last
    again = entry.verb == before.verb and not _well(before)
    cleared = entry.verb == "remove" and before.verb == "stop" and last[0].code != Code.STOP_ASKED
    filled = entry.verb == "run" and before.verb == "remove" and last[0].code not in LEAVING
    return last if again or cleared or filled else None


def _well(entry: Entry) -> bool:
    """Whether it was done, as far as is known: without an outcome it is under way, or its end was never heard of."""
    return entry.result is Result.OK


def _told(
    slot: int, chain: Sequence[Entry], notes: Sequence[Entry], now: float, zone: tzinfo | None, who: str = ""
) -> ChainView:
    first, last = chain[0], next((e for e in reversed(chain) if e.verb != "run hook"), chain[-1])
    what = f"{_verb(chain)} at {clock(first.at, now, zone)}{_because(chain, notes)}"
    parts = [what, *_old(chain), *_new(chain), *_unknown(chain)]
    return ChainView(
        at=first.at,
        slot=slot,
        code=first.code,
        ok=None if last.result is None else last.result is Result.OK,
        text=f"{who or f'replica {slot}'} {'; '.join(parts)}",
        entries=tuple(entry.id for entry in chain),
    )


def _verb(chain: Sequence[Entry]) -> str:
    first, verbs = chain[0], [entry.verb for entry in chain]
    gone = "remove" in verbs or "stop" in verbs
    if gone and "run" in verbs:
        return "was replaced"
    match first.verb:
        case "run" if first.code in (Code.DUE, Code.RUN_ASKED):
            return "was begun"
        case "run" if first.code == Code.RETRIED:
            return "was tried again"
        case "remove" if first.code == Code.HISTORY:
            return "had its container removed"
        case "run" if first.code in (Code.MISSING, Code.NEEDED):
            return "was made"
        case "run" if first.code in (Code.VANISHED, Code.FAILED_START, Code.DIED):
            return "was made again"
        case "run":
            return "got a new one beside it"
        case "start" if first.code == Code.STARTING:
            return "was started"
        case "start":
            return "was started again"
        case "restart":
            return "was restarted"
        case "stop" if "remove" not in verbs:
            return "was stopped"
        case "stop" | "remove":
            return "was removed"
        case verb:
            return f"had its {verb.removeprefix('run ')} run"


def _because(chain: Sequence[Entry], notes: Sequence[Entry]) -> str:
    first = chain[0]
    text = first.text.removesuffix(FRESH)
    if not text:
        return ""
    if first.code in ASKED and (note := asked(notes, first.at)):
        text = text.replace("an operator", note.actor, 1)
    if first.code in PREDICATES:
        text = f"it {text}"
        if first.code == Code.UNHEALTHY:
            text = text.replace("it is unhealthy", "it was unhealthy", 1)
    return f": {text}" if first.code == Code.RETRIED else f" because {text}"


def asked(notes: Sequence[Entry], before: float) -> Entry | None:
    """The last thing that somebody asked before an instant, and was not refused."""
    found = [n for n in notes if n.at <= before and n.verb in VERBS and n.result in (None, Result.OK)]
    return max(found, key=lambda n: (n.at, n.id), default=None)


def _old(chain: Sequence[Entry]) -> list[str]:
    """How long the one that went had run, and how it ended where we asked it to."""
    lives = [e.lived_seconds for e in chain if e.lived_seconds is not None]
    stop = next((e for e in chain if e.verb in ("stop", "restart") and _well(e)), None)
    replaced = any(e.verb == "run" for e in chain)
    who = "the old one" if replaced else "it"
    parts = [f"had run {lasting(lives[0])}"] if lives else []
    if stop is not None and stop.exit_code is not None:
        parts.append(_obeyed(stop.exit_code))
    told = [f"{who} {' and '.join(parts)}"] if parts else []
    done = {entry.verb for entry in chain if _well(entry)}
    for entry in reversed(chain):
        if entry.verb in ("stop", "remove") and entry.result not in (None, Result.OK) and entry.verb not in done:
            told.append(f"{entry.verb} failed: {entry.detail or 'the answer was lost'}")
            break
    return told


def _obeyed(code: int) -> str:
    """How a replica that was asked to stop ended."""
    match code:
        case 143:
            return "exited 143 on our SIGTERM"
        case 137:
            return "had to be killed (137) when its grace was over"
        case 0:
            return "exited 0 when we stopped it"
        case _:
            return f"exited {code} when we stopped it"


def _new(chain: Sequence[Entry]) -> list[str]:
    """How it went with the one that came."""
    made = [entry for entry in chain if entry.verb in MAKING]
    if not made:
        return []
    replaced = made[-1].verb == "run" and len(chain) > len(made)
    who = "the new one" if replaced else "it"
    failed = [entry for entry in made if entry.result not in (None, Result.OK)]
    told = []
    if failed:
        tries = "" if len(failed) == 1 else f" in {plural(len(failed), 'try', 'tries')}"
        told.append(f"{who} could not be {_made(failed[-1])}{tries}: {failed[-1].detail or 'the answer was lost'}")
    last = made[-1]
    if _well(last) and last.ready_seconds is not None:
        told.append(f"{who} was ready after {lasting(last.ready_seconds)}")
    return told


def _unknown(chain: Sequence[Entry]) -> list[str]:
    """Of what is under way, and of what was when a zpmd died."""
    return ["no outcome is known"] if chain[-1].result is None else []


def _made(entry: Entry) -> str:
    return "made" if entry.verb == "run" else "started"
