"""How times, durations, exit codes and foreign text are put into words. Pure; the time zone is an argument."""

from __future__ import annotations

import re
import signal
from datetime import datetime, tzinfo

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0

_RUN = re.compile(r"([^:]+)/([0-9]{9,11})", re.ASCII)
"""A subject whose slot is an instant: no service has so many replicas."""
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

EXITS = {
    0: "it ended without an error",
    125: "the engine could not run it",
    126: "its command cannot be executed",
    127: "its command was not found",
}


def span(seconds: float) -> str:
    """A duration in one unit, as people say it: "12 s", "3 min", "2 h", "5 d"."""
    seconds = max(seconds, 0.0)
    if seconds < 1:
        return "0 s"
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.0f} h"
    return f"{seconds / DAY:.0f} d"


def lasting(seconds: float) -> str:
    """As `span`, with a tenth where that says more: "2.1 s", "0.3 s"."""
    return f"{max(seconds, 0.0):.1f} s" if seconds < 10 else span(seconds)


def due(until: float, now: float, zone: tzinfo | None) -> str:
    """When something is looked at again: "12 s (14:03:10)", or "now" when that instant has come."""
    return f"{span(until - now)} ({clock(until, now, zone)})" if until - now >= 0.5 else "now"


def clock(at: float, now: float, zone: tzinfo | None) -> str:
    """An instant: the time alone when it lies within the last 12 hours or the next, else with its date."""
    moment = datetime.fromtimestamp(at, zone)
    return moment.strftime("%H:%M:%S" if abs(now - at) < DAY / 2 else "%Y-%m-%d %H:%M:%S")


def moment(at: float, zone: tzinfo | None) -> str:
    """An instant to the second with its offset, RFC 3339: it means the same wherever it is read, and names a run."""
    told = datetime.fromtimestamp(int(at), zone).astimezone(zone).isoformat()
    return told.removesuffix("+00:00") + "Z" if told.endswith("+00:00") else told


def named(subject: str, zone: tzinfo | None) -> str:
    """`report/1774746000` -> `report/2026-03-29T01:00:00Z`: the slot of a run is the instant that it is due at. Any
    other subject as it is."""
    found = _RUN.fullmatch(subject)
    return f"{found[1]}/{moment(int(found[2]), zone)}" if found else subject


def exit_meaning(code: int | None, oom_killed: bool) -> str:
    """ "exit code 137: killed by SIGKILL", with what is known beyond the number."""
    if code is None:
        return "it ran out of memory" if oom_killed else "no exit code is known"
    meaning = EXITS.get(code, "")
    if name := _signal(code):
        meaning = f"ended by {name}, as on a request to stop" if name == "SIGTERM" else f"killed by {name}"
    if oom_killed:
        meaning = "killed by the kernel: out of memory"
    return f"exit code {code}" + (f": {meaning}" if meaning else "")


def exit_brief(code: int, oom_killed: bool) -> str:
    """ "exit 137 (out of memory)": the number, and what is known beyond it in a word or three."""
    words = {0: "", 125: "the engine could not run it", 126: "not executable", 127: "command not found"}
    word = "out of memory" if oom_killed else words.get(code, "") or _signal(code)
    return f"exit {code}" + (f" ({word})" if word else "")


def _signal(code: int) -> str:
    """The signal that an exit code tells of; "" for others."""
    if not 128 < code < 128 + 65:
        return ""
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return f"signal {code - 128}"


def plural(number: int, noun: str, nouns: str = "") -> str:
    """`nouns` where an s does not make it."""
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or noun + 's'}"


def size(count: int) -> str:
    """Bytes as people say them: "312 bytes", "30 MB"; a thousand of each makes one of the next."""
    for unit, least in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= least:
            return f"{count / least:.1f} {unit}" if count < 10 * least else f"{count / least:.0f} {unit}"
    return plural(count, "byte")


def clean(text: str) -> str:
    """One line of foreign text made fit for a terminal: control and direction characters are shown, never obeyed."""
    return _CONTROLS.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    number = ord(found[0])
    if found[0] == "\t":
        return " "
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"
