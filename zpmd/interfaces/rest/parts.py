"""What the API is made of; assembly hands it in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zpmd.daemon.meters import Meters
from zpmd.daemon.recorder import Recorder
from zpmd.interfaces.rest.authentication import Authenticator
from zpmd.ports import Answers, Control
from zpmd.settings import Api, Patches


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """`patches` are the settings of the drop directory, `api` those of the API itself; `now` is wall time."""

    control: Control
    authenticator: Authenticator
    answers: Answers
    recorder: Recorder
    meters: Meters
    state_dir: Path
    socket: Path
    now: Callable[[], float] = time.time
    patches: Patches = Patches()
    api: Api = Api()
    resync_seconds: float = 30.0
