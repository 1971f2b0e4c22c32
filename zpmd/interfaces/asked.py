"""What the API accepts: request bodies and query strings. A field that is not named here is refused."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from zpmd.model.plan import State
from zpmd.model.service import Group
from zpmd.model.tenant import Status
from zpmd.model.token import Scope

Service = Annotated[str, Field(min_length=1, max_length=255)]
Word = Annotated[str, Field(min_length=1, max_length=255)]
REPLICAS_MOST = 1000
INSTANT_MOST = 253_402_300_799
"""The year 9999: engines read no later one."""
HOLD_SECONDS_MOST = 366 * 86_400
ID_MOST = 2**63 - 1
"""What the store can count to."""
TOKEN_SECONDS_MOST = 10 * 366 * 86_400


PAGE_MOST = 500
DROPS_MOST = 1000


def _whole(number: object) -> object:
    """To JSON 3.0 is an integer, as 3 is."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


WAIT_FORM = r"^([0-9]|[1-9][0-9]|[12][0-9]{2}|300)s?$"


def _seconds(text: object) -> object:
    if isinstance(text, str) and not re.match(WAIT_FORM, text):
        raise ValueError("write seconds up to 300, as 30 or 30s")
    return text.removesuffix("s") if isinstance(text, str) else text


Wait = Annotated[
    float, Field(ge=0), BeforeValidator(_seconds), WithJsonSchema({"type": "string", "pattern": WAIT_FORM})
]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Asked):
    """The body of a verb that takes no fields: absent, or {}."""


class ScaleBody(Asked):
    replicas: Annotated[int, Field(ge=0, le=REPLICAS_MOST, strict=True), BeforeValidator(_whole)] | None
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


class VerbQuery(Asked):
    wait: Wait | None = None
    """Seconds, `30` or `30s`: answer when it is true, or when this is over."""


class ServicesQuery(Asked):
    group: Group | None = None
    state: State | None = None
    tenant: Word | None = None


class LinesQuery(Asked):
    """With `after` the page begins there; without, it is the newest that fit. `since` and `until` are instants."""

    after: Annotated[int, Field(ge=0, le=ID_MOST)] | None = None
    before: Annotated[int, Field(ge=0, le=ID_MOST)] | None = None
    since: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    until: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    service: Service | None = None
    kind: Literal["action", "note"] | None = None
    code: Word | None = None
    actor: Word | None = None
    limit: Annotated[int, Field(ge=1, le=PAGE_MOST)] = 100


class UploadQuery(Asked):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    """The name of the file, as it would be dropped."""


class JournalQuery(Asked):
    service: Service | None = None
    since_id: Annotated[int, Field(ge=0, le=ID_MOST)] = 0
    since: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    limit: Annotated[int, Field(ge=1, le=PAGE_MOST)] = 100
    follow: bool = False


class AuditQuery(Asked):
    """The first rows after a number; without one, the newest."""

    after: Annotated[int, Field(ge=0, le=ID_MOST)] | None = None
    limit: Annotated[int, Field(ge=1, le=PAGE_MOST)] = 100


class FeedQuery(Asked):
    after: Annotated[int, Field(ge=0, le=ID_MOST)] | None = None
    """The id of the entry to go on from; null: from now on. A `Last-Event-ID` goes before it."""


Place = Annotated[int, Field(ge=1, le=INSTANT_MOST)]
"""Of a replica from 1; of a job's run the instant that it is due at."""


class LogsQuery(Asked):
    slot: Place | None = None
    tail: Annotated[int, Field(ge=0, le=100_000)] = 100
    follow: bool = False
    since: Annotated[float, Field(ge=0, le=INSTANT_MOST, allow_inf_nan=False)] | None = None
    """Not before this instant."""


class MergedLogsQuery(Asked):
    """`service` is a name, or a name and a slot: `redis/1`; it may be given often. `group`: also all of this group."""

    service: Annotated[list[Service], Field(max_length=1000)] = []
    group: Group | None = None
    tail: Annotated[int, Field(ge=0, le=100_000)] = 100
    """Of each replica."""
    follow: bool = False
    since: Annotated[float, Field(ge=0, le=INSTANT_MOST, allow_inf_nan=False)] | None = None


class DossiersQuery(Asked):
    """Without a service: the newest of all."""

    service: Service | None = None
    slot: Place | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 10


class WaitQuery(Asked):
    after: Annotated[int, Field(ge=0, le=ID_MOST)] = 0
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


class JobsQuery(Asked):
    group: Group | None = None
    tenant: Word | None = None


class RunsQuery(Asked):
    """`bad`: only runs that somebody has to look at. `since`: only those due at this instant or later. `before` is the
    `before` of the last page, an instant."""

    limit: Annotated[int, Field(ge=1, le=PAGE_MOST)] = 100
    before: Annotated[int, Field(ge=0, le=INSTANT_MOST)] | None = None
    since: Annotated[float, Field(ge=0, le=INSTANT_MOST, allow_inf_nan=False)] | None = None
    bad: bool = False


class AllRunsQuery(RunsQuery):
    before_job: Service | None = None
    """The `before_job` of the last page; without it, the page begins with what is due earlier than `before`."""


class NextQuery(Asked):
    count: Annotated[int, Field(ge=1, le=100)] = 10


class PatchesQuery(Asked):
    """The ledger has no pages: it holds no more than may be asked for at once."""

    limit: Annotated[int, Field(ge=1, le=DROPS_MOST)] = 100


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
