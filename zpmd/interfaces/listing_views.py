"""The shapes of what the API gives beside what zpmctl shows. Values, without behaviour; the rules of views.py hold."""

from __future__ import annotations

from dataclasses import dataclass

from zpmd.interfaces.views import EntryView, HoldView, ServiceView, WaitingView


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesView:
    """Services, as in status. `number` and `at` are those of the pass that saw them."""

    number: int
    at: float
    now: float
    services: tuple[ServiceView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentView:
    """What operators asked of one service, and what holds still. `scaled` is null where its file says how many;
    `generation` is 0 where no restart was asked for; `suspended` is who has suspended a job."""

    service: str
    stopped: bool
    scaled: int | None
    generation: int
    approved: bool
    suspended: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentsView:
    """Services of which something was asked. `down` is `no`, `containers` or `volumes`."""

    now: float
    down: str
    services: tuple[IntentView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldsView:
    """Holds that have not ended; `service` is `*` for one of everything."""

    now: float
    holds: tuple[HoldView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalsView:
    """Services whose removal waits for an approval, with why; and those that have one."""

    now: float
    held: tuple[WaitingView, ...]
    approved: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalView:
    """A page of the journal, the oldest entry first. `more`: there are others beyond it, in the direction of the
    question."""

    entries: tuple[EntryView, ...]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthView:
    """The process answers; more is not said."""

    status: str = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyView:
    """`reasons` say why it is not ready, to those who may see the status."""

    ready: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """`api` is what paths begin with."""

    version: str
    api: str = "v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadView:
    """A patch file that was taken in. `file` is what it is called in `incoming`; `zpmctl patch show FILE` has its
    story."""

    detail: str
    at: float
    file: str
    size: int
    sha256: str
