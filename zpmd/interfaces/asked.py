"""What the API accepts: request bodies and query strings. A field that is not named here is refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from zpmd.model.service import Group
from zpmd.model.tenant import Status
from zpmd.model.token import Scope

Service = Annotated[str, Field(min_length=1, max_length=255)]
Word = Annotated[str, Field(min_length=1, max_length=255)]
REPLICAS_MOST = 1000
HOLD_SECONDS_MOST = 366 * 86_400
TOKEN_SECONDS_MOST = 10 * 366 * 86_400


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Asked):
    """The body of a verb that takes no fields: absent, or {}."""


class ScaleBody(Asked):
    replicas: Annotated[int, Field(ge=0, le=REPLICAS_MOST, strict=True)] | None
    """null: back to what the file says."""


class HoldBody(Asked):
    reason: Annotated[str, Field(max_length=500)] = ""
    for_seconds: Annotated[float, Field(gt=0, le=HOLD_SECONDS_MOST, allow_inf_nan=False)] | None = None
    """null: until it is released."""


class DownBody(Asked):
    volumes: Annotated[bool, Field(strict=True)] = False


class ServiceBody(Asked):
    """The body of the domain's `/service/start` and `/service/stop`."""

    serviceName: Service  # noqa: N815 - the domain's word


class JournalQuery(Asked):
    service: Service | None = None
    since_id: Annotated[int, Field(ge=0)] = 0
    since: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    follow: bool = False


class AuditQuery(Asked):
    """The first rows after a number; without one, the newest."""

    after: Annotated[int, Field(ge=0)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class LogsQuery(Asked):
    slot: Annotated[int, Field(ge=1, le=100_000)] | None = None
    tail: Annotated[int, Field(ge=0, le=100_000)] = 100
    follow: bool = False
    since: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Not before this instant."""


class MergedLogsQuery(Asked):
    """`service` is a name, or a name and a slot: `redis/1`; it may be given often. `group`: also all of this group."""

    service: Annotated[list[Service], Field(max_length=1000)] = []
    group: Group | None = None
    tail: Annotated[int, Field(ge=0, le=100_000)] = 100
    """Of each replica."""
    follow: bool = False
    since: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class DossiersQuery(Asked):
    """Without a service: the newest of all."""

    service: Service | None = None
    slot: Annotated[int, Field(ge=1, le=100_000)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 10


class WaitQuery(Asked):
    after: Annotated[int, Field(ge=0)] = 0
    timeout: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 30.0


class TenantsQuery(Asked):
    tenant: Word | None = None
    status: Status | None = None


class IntegrationsQuery(Asked):
    """`service` is a `serviceName`, or the whole name of one service. `state` as in IntegrationView."""

    tenant: Word | None = None
    status: Status | None = None
    state: Word | None = None
    service: Service | None = None


class PortsQuery(Asked):
    tenant: Word | None = None
    state: Literal["leased", "released"] | None = None
    service: Service | None = None


class PatchesQuery(Asked):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class PatchPlanBody(Asked):
    """A manifest as text, and the name of its file, or of the bundle that it is out of."""

    name: Word
    manifest: Annotated[str, Field(min_length=1)]


class RevertBody(Asked):
    with_later: Annotated[bool, Field(strict=True)] = False
    """Also the patches that were applied on top of it."""


class TokenBody(Asked):
    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._@:/+-]*$")]
    """For people; it need not be unique."""
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=4)]
    tenant: Word | None = None
    """null: as the maker, for one tenant or the whole site."""
    expires_in_seconds: Annotated[float, Field(gt=0, le=TOKEN_SECONDS_MOST, allow_inf_nan=False)] | None = None
    """null: as the maker's own; from the unix socket that is never."""
