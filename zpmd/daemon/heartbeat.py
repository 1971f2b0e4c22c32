"""What systemd hears of the passes: READY after the first, the keep-alive after each, and one line of status."""

from __future__ import annotations

from zpmd.daemon.systemd import Systemd
from zpmd.model.events import Reason, Snapshot
from zpmd.model.plan import State

GOOD = frozenset({State.RUNNING, State.COMPLETED, State.STOPPED})


class Heartbeat:
    """`passed` is called by the loop alone, so that a loop that hangs feeds no watchdog."""

    def __init__(self, systemd: Systemd) -> None:
        self._systemd = systemd
        self._ready = False
        self._last = ""

    def passed(self, snapshot: Snapshot) -> None:
        line = summary(snapshot)
        if not self._ready or Reason.RELOAD in snapshot.reasons:
            self._systemd.ready(line)
            self._ready = True
        elif line != self._last:
            self._systemd.status(line)
        self._last = line
        self._systemd.alive()


def summary(snapshot: Snapshot) -> str:
    """`17 of 19 services are up; not up: kafka (crash-loop), zona_siem (waiting)`."""
    if snapshot.observed.world is None:
        return f"the engine does not answer: {snapshot.observed.error}"
    standings = snapshot.plan.standings
    bad = [s for s in standings if s.state not in GOOD]
    line = f"{len(standings) - len(bad)} of {len(standings)} services are up"
    if bad:
        shown = ", ".join(f"{s.service} ({s.state})" for s in bad[:5])
        line += f"; not up: {shown}" + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
    wrong = [s.name for s in snapshot.sources if not s.ok] + (["store"] if snapshot.unwritable else [])
    return line + (f"; degraded: {', '.join(wrong)}" if wrong else "")
