"""What would change a wait: for each reason, whether it passes by itself and what an operator can do. A table."""

from __future__ import annotations

from zpmd.model.cause import Code
from zpmd.model.plan import State

BELOW = "see its last words below"

ADVICE: dict[Code, tuple[bool, str]] = {
    Code.BACKOFF: (True, "zpmd starts it by itself; `zpmctl start {service}` does it now"),
    Code.CRASH_LOOP: (True, f"zpmd goes on trying; {BELOW}; `zpmctl start {{service}}` skips the wait"),
    Code.GAVE_UP: (False, "its restart policy allows no more; `zpmctl start {service}` tries again"),
    Code.DEPENDENCY: (True, "it goes on by itself as soon as that is so"),
    Code.GROUP: (True, "it goes on by itself as soon as that is so"),
    Code.HELD: (False, "`zpmctl release {service}` ends the hold"),
    Code.STOPPED: (False, "`zpmctl start {service}` starts it"),
    Code.STOP_ORDER: (True, "it goes on by itself as soon as that is so"),
    Code.ROLLING: (True, "the rollout goes on by itself"),
    Code.ROLLOUT_PAUSED: (False, "correct its definition; `zpmctl restart {service}` tries the same one again"),
    Code.ROLLED_BACK: (False, "correct its definition; `zpmctl restart {service}` tries the same one again"),
    Code.MASS_REMOVAL: (False, "`zpmctl approve` if the removal is meant; if not, put the files or the rows back"),
    Code.NAME_TAKEN: (False, "rename or remove the other container: zpmd never touches what is not its own"),
    Code.IMAGE_MISSING: (False, "make the image available: pull, build or load it"),
    Code.EXTERNAL_MISSING: (False, "create it, or take `external: true` out of the file"),
    Code.PREREQUISITE: (True, "it goes on by itself as soon as that is there"),
    Code.RETRY: (True, "zpmd tries again by itself"),
    Code.STARTING: (True, "it has been started and is given its time to become ready"),
    Code.IN_FLIGHT: (True, "it is under way"),
    Code.ENGINE_UNKNOWN: (False, "zpmd changes nothing until the engine answers: `zpmctl doctor`"),
    Code.SOURCE_UNKNOWN: (False, "`zpmctl status` names the source and its problems"),
    Code.WATCH_SUSPENDED: (True, "`zpmctl restart {service}` puts what is there into effect now, and watches again"),
    Code.WATCH_UNKNOWN: (True, "it is looked at again by itself; mend the path, or change `develop.watch`"),
    Code.RUNS_FULL: (True, "it begins when a run of another job has ended"),
    Code.OVERLAP: (True, "it begins when the run before it has ended"),
    Code.DEGRADED_GATE: (True, "the others went on without it"),
    Code.PATCH_WAITS: (True, "it goes on by itself; `zpmctl patch show ID` follows it"),
}


def advice(code: str, service: str) -> tuple[bool, str]:
    """(whether it passes by itself, what can be done)."""
    by_itself, text = ADVICE.get(Code(code), (True, "it goes on by itself"))
    return by_itself, text.format(service=service)


def from_afar(advised: str, service: str) -> str:
    """What is advised about a service, said where its own story is not."""
    return advised.replace(BELOW, f"`zpmctl why {service}` has its last words")


STANDING: dict[State, Code] = {
    State.STOPPED: Code.STOPPED,
    State.HELD: Code.HELD,
    State.ROLLED_BACK: Code.ROLLED_BACK,
    State.PAUSED: Code.ROLLOUT_PAUSED,
}
"""States that last until somebody changes them, though nothing waits: what helps is what helps against the wait."""


def standing_advice(state: str, service: str) -> str:
    """What ends a state that lasts until somebody changes it; "" for any other."""
    code = STANDING.get(State(state))
    return advice(code, service)[1] if code is not None else ""
