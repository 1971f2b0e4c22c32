"""The Control that routes are given: for each request what its principal may see and touch, without a route's doing.

A route that is written tomorrow and asks this Control cannot give one tenant what is another's. What works for several
requests at once (one answer made for many readers) takes `whole(control)`, and narrows it for each of them with
zpmd.interfaces.narrowing.
"""

from __future__ import annotations

from typing import Any, cast

from starlette.exceptions import HTTPException

from zpmd.interfaces.rest.access import ASKING
from zpmd.interfaces.tenant_control import TenantControl
from zpmd.ports import Control


class Own:
    """Looks up, by name, what the principal of the request at hand has of a Control."""

    def __init__(self, control: Control) -> None:
        self._whole = control

    def __getattr__(self, name: str) -> Any:
        who = ASKING.get()
        if who is None:
            raise HTTPException(401, "nobody is known to ask")
        if not who.tenant:
            return getattr(self._whole, name)
        narrow = TenantControl(self._whole, who.tenant)
        if name.startswith("_") or not hasattr(narrow, name):
            raise HTTPException(403, f"this is about the whole site; {who.name} is for the tenant {who.tenant} alone")
        return getattr(narrow, name)


def own(control: Control) -> Control:
    return cast(Control, Own(control))


def whole(control: Control) -> Control:
    """All of it, whoever asks."""
    return control._whole if isinstance(control, Own) else control
