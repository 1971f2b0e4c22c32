"""How zpmd itself does: whether it answers, whether it works, and what `zpmctl doctor` finds."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from zpmd.daemon.recorder import faults
from zpmd.errors import EngineUnknown, ZpmdError
from zpmd.interfaces import audit, doctor, doctor_patches, listings
from zpmd.interfaces.listing_views import HealthView, ReadyView
from zpmd.interfaces.rest.access import Principal, Scope
from zpmd.interfaces.rest.own import whole
from zpmd.interfaces.rest.parts import ApiParts
from zpmd.interfaces.rest.problems import StrictRoute
from zpmd.interfaces.views import CheckView
from zpmd.model.events import Snapshot
from zpmd.ports import Control

SILENCES = 3
"""Resyncs after which a loop that has ended no pass is taken for dead; they have jitter, and passes take their time."""
SILENCE_SECONDS_LEAST = 60.0


def router(parts: ApiParts, control: Control) -> APIRouter:
    """`control` is what whoever asks may see of that in `parts`."""
    made = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["daemon"])
    longest_silence = max(SILENCES * parts.resync_seconds, SILENCE_SECONDS_LEAST)
    now, chain = parts.now, parts.recorder.audit

    @made.get("/health")
    async def get_health() -> HealthView:
        """The process answers."""
        return HealthView()

    @made.get("/ready", responses={503: {"model": ReadyView, "description": "It does not see, hear or remember"}})
    def get_ready(request: Request, response: Response) -> ReadyView:
        """Whether zpmd sees, hears and remembers; why not is told to those who may see the status."""
        ready = listings.readiness(_latest(whole(control)), now(), longest_silence)
        if not ready.ready:
            response.status_code = 503
        response.headers["Cache-Control"] = "no-store"
        who: Principal | None = getattr(request.state, "principal", None)
        told = who is not None and Scope.READ in who.scopes and not who.tenant
        return ready if told else ReadyView(ready=ready.ready)

    @made.get("/doctor")
    def get_doctor() -> list[CheckView]:
        """What is wrong with the host, the engine and the daemon, and what to do."""
        try:
            about = dict(control.about_engine())
            error = ""
        except EngineUnknown as unknown:
            about, error = {}, str(unknown)
        facts = doctor.look(parts.state_dir, parts.socket, about.get("root", ""), now)
        snapshot = _latest(control)
        return [
            *doctor.host_checks(facts),
            *doctor_patches.checks(doctor_patches.look(parts.patches), snapshot, now()),
            *doctor.engine_checks(about, error, now()),
            *doctor.daemon_checks(snapshot),
            audit.check(faults(chain), chain.head()),
        ]

    return made


def _latest(control: Control) -> Snapshot | None:
    try:
        return control.snapshot()
    except ZpmdError:
        return None
