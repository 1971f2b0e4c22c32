"""The result file of a patch: all that a release engineer asks afterwards, and can send to somebody. Pure.

Secrets are masked: what a service said when it failed is in it, and it leaves the host.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise

from zpmd.model.events import Entry
from zpmd.model.observed import Dossier
from zpmd.model.patch import Patch, Stage, Step
from zpmd.redaction import redact

SUFFIX = ".result.json"
REASON = "reason.json"
"""Its name in the folder of a quarantined file."""
FAILED = frozenset({Stage.ROLLED_BACK, Stage.ROLLBACK_FAILED})

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]


def content(row: Patch, file: str, dossiers: Iterable[Dossier], entries: Iterable[Entry]) -> bytes:
    """The JSON text. `file` is where the file is now, or what has become of it; the evidence is of the culprit, since
    the patch began."""
    result: dict[str, Value] = {
        "id": row.id,
        "number": row.number,
        "outcome": row.stage.value,
        "reason": row.reason,
        "culprit": row.culprit,
        "file": row.name,
        "now_at": file,
        "sha256": row.sha256,
        "size": row.size,
        "dropped_by": row.owner,
        "signer": row.signer,
        "description": row.manifest.description if row.manifest else "",
        "requested": [change.service for change in row.manifest.services] if row.manifest else [],
        "seen": _first(row, Stage.SEEN),
        "began": _first(row, Stage.SWITCHED),
        "ended": moment(row.times[-1][1]) if row.times else None,
        "stages": _stages(row),
        "services": [_service(step) for step in row.steps],
    }
    if row.stage in FAILED or row.culprit:
        result["evidence"] = [_evidence(dossier) for dossier in dossiers]
    result["journal"] = [_line(entry) for entry in entries]
    text = json.dumps(masked(result), indent=1, ensure_ascii=False)
    # what is no character (a service may print anything) becomes an escape, which JSON knows by the same letters
    return f"{text}\n".encode(errors="backslashreplace")


def masked(value: Value) -> Value:
    match value:
        case str():
            return redact(value)
        case list():
            return [masked(item) for item in value]
        case dict():
            return {key: masked(item) for key, item in value.items()}
    return value


def moment(at: float | None) -> str | None:
    """An instant of Unix seconds in UTC, to the millisecond."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _first(row: Patch, stage: Stage) -> str | None:
    return moment(next((at for reached, at in row.times if reached is stage), None))


def _stages(row: Patch) -> list[Value]:
    """Each stage, when it was reached, and how long it lasted in seconds; the last one lasts. A pass decides as
    of its beginning, so a stage may be dated a little before the one that was written meanwhile."""
    lasted: list[float | None] = [round(max(0.0, after - at), 3) for (_, at), (_, after) in pairwise(row.times)]
    times = zip(row.times, [*lasted, None], strict=False)
    return [{"stage": stage.value, "at": moment(at), "seconds": seconds} for (stage, at), seconds in times]


def _service(step: Step) -> Value:
    return {
        "service": step.service,
        "from": step.was,
        "to": step.image,
        "began": moment(step.at),
        "well": moment(step.done_at),
        "seconds": None if step.done_at is None else round(step.done_at - step.at, 3),
        "back": moment(step.back_at),
    }


def _evidence(dossier: Dossier) -> Value:
    return {
        "service": dossier.service,
        "replica": dossier.slot,
        "container": dossier.container_id,
        "image": dossier.image,
        "at": moment(dossier.at),
        "exit_code": dossier.exit_code,
        "oom_killed": dossier.oom_killed,
        "error": dossier.error,
        "health_output": list(dossier.health_output),
        "log_tail": list(dossier.log_tail),
    }


def _line(entry: Entry) -> Value:
    return {
        "at": moment(entry.at),
        "what": f"{entry.verb} {entry.subject}",
        "text": entry.text,
        "actor": entry.actor,
        "result": entry.result.value if entry.result else None,
        "detail": entry.detail,
    }
