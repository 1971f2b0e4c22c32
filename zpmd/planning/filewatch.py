"""When a change in a watched file counts: once it is over, and not for ever.

Rules:
1. A change counts when its files have been quiet for a moment, or when it has been going on for too long: a burst of
   writes is one replacement.
2. What is there again as it was is no change.
3. A service that writes into what it watches would be replaced for ever. After BURST replacements in a row, each less
   than CALM_SECONDS after the one before, its watch is suspended: changes are seen and have no effect.
4. It ends when the files have been quiet for long enough (`rest_seconds`), which grows with every replacement in a row:
   then what is there comes into effect once. A service that writes when it starts is so replaced ever more rarely, and
   one that never stops writing is left alone. It ends at once when an operator asks for a restart.
5. What cannot be told has not changed.
Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from zpmd.model.cause import Cause, Code
from zpmd.model.watch import Watched, WatchPace

BURST = 5
"""systemd's DefaultStartLimitBurst. Its interval of 10 s is that of a crash; a round of writing, being quiet, and being
replaced and found healthy takes far longer, so here the rounds are counted for as long as they follow each other."""
CALM_SECONDS = 600.0
"""After which replacements are no longer in a row: the window in which a restart proves itself (RestartPolicy)."""
LONGEST_REST_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the paths of a service hold now. `quiet_seconds` is how long nothing has changed in them, and
    `differing_seconds` how long they have differed from what is in effect."""

    digest: str
    changed: tuple[str, ...] = ()
    quiet_seconds: float = 0.0
    differing_seconds: float = 0.0
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How the watch stands now, and after how long to judge again although nothing has happened."""

    watched: Watched
    again_seconds: float | None = None


def judged(known: Watched | None, seen: Seen, pace: WatchPace, generation: int, now: float) -> Judged:
    """`known` is None for a service that was not watched before, or watched something else: then what is there is in
    effect. `generation` counts the restarts that operators asked for."""
    if known is None:
        return Judged(watched=Watched(digest=seen.digest, trouble=seen.trouble, generation=generation))
    known = replace(known, trouble=seen.trouble)
    if generation > known.generation:
        # All replicas are replaced anyway: with what is there now, and with a clean record.
        return Judged(watched=Watched(digest=seen.digest, trouble=seen.trouble, generation=generation))
    if known.suspended is not None:
        return _suspended(known, seen, now)
    if seen.digest == known.digest:
        return Judged(watched=known)
    left = min(pace.quiet_seconds - seen.quiet_seconds, pace.at_most_seconds - seen.differing_seconds)
    if left > 0:
        return Judged(watched=known, again_seconds=left)
    count = known.count if now - known.at < CALM_SECONDS else 0
    if count >= BURST:
        suspended = replace(known, suspended=now, changed=seen.changed)
        return Judged(watched=suspended, again_seconds=rest_seconds(count))
    return Judged(watched=_in_effect(known, seen, count + 1, now))


def rest_seconds(count: int) -> float:
    """How long files have to be quiet before a suspended watch ends, after so many replacements in a row."""
    return float(min(LONGEST_REST_SECONDS, CALM_SECONDS * 2.0 ** min(max(count - BURST, 0), 16)))


def waits(watched: Watched) -> Cause | None:
    """What of a watch is held back, and why."""
    if watched.suspended is not None:
        paths = f" in {', '.join(watched.changed)}" if watched.changed else ""
        return Cause(
            Code.WATCH_SUSPENDED,
            f"{watched.count} replacements in a row for changed files{paths}: changes have no effect until nothing has "
            f"changed there for {rest_seconds(watched.count) / 60:.0f} min; does it write into what it watches?",
        )
    if watched.trouble:
        return Cause(Code.WATCH_UNKNOWN, f"what it watches cannot be told, and counts as unchanged: {watched.trouble}")
    return None


def _suspended(known: Watched, seen: Seen, now: float) -> Judged:
    left = rest_seconds(known.count) - seen.quiet_seconds
    if left > 0:
        return Judged(watched=known, again_seconds=left)
    if seen.digest == known.digest:
        return Judged(watched=replace(known, suspended=None))
    return Judged(watched=_in_effect(known, seen, known.count + 1, now))


def _in_effect(known: Watched, seen: Seen, count: int, now: float) -> Watched:
    return replace(
        known,
        digest=seen.digest,
        before=known.digest,
        changed=seen.changed,
        count=count,
        at=now,
        suspended=None,
    )
