"""The whole API against its own description: schemathesis makes requests that fit it and requests that do not, and
every answer has to be one that the description promises.

The seed is fixed, so that a failure comes again. `ZPMD_FUZZ_EXAMPLES=200` does it with far more requests.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.unit.interfaces.given import NOON, Surface, replica, service, standing
from tests.unit.interfaces.given_jobs import TWO_O_CLOCK, facts, job, keep, run, scheduled
from tests.unit.interfaces.given_rows import tenancy
from zpmd.interfaces import api_keys
from zpmd.interfaces.rest import access
from zpmd.interfaces.rest.app import document
from zpmd.interfaces.rest.writes import KEY as KEY_HEADER
from zpmd.interfaces.rest.writes import KEY_FORM
from zpmd.model.events import Entry, Result
from zpmd.model.job import Ending
from zpmd.model.memory import Hold
from zpmd.model.observed import World
from zpmd.model.service import Group
from zpmd.model.token import ApiToken
from zpmd.settings import Api

EXAMPLES = int(os.environ.get("ZPMD_FUZZ_EXAMPLES", "4"))
UNLIMITED = Api(address_requests_per_minute=10**9, token_requests_per_minute=10**9, failures_per_minute=10**9)
SEMANTIC = ["2xx", "401", "403", "404", "409", "412", "503"]
"""What a request that fits its description may be answered with: things stand in its way, or the plan has moved."""


REFUSED = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422"]
"""What one that does not fit may be answered with: whatever is wrong with it first."""

ID, KEY = api_keys.mint()
SCHEMA = schemathesis.openapi.from_dict(
    document(),
    config=schemathesis.Config.from_dict(
        {
            "seed": 6,
            "generation": {"max-examples": EXAMPLES, "database": "none"},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": SEMANTIC},
                "negative_data_rejection": {"expected-statuses": REFUSED},
            },
            # A manifest and the name of a patch file are text to the description, and have rules of their own.
            "operations": [
                {
                    "include-operation-id": ["plan_patch", "upload_patch"],
                    "checks": {"positive_data_acceptance": {"expected-statuses": [*SEMANTIC, "422"]}},
                }
            ],
        }
    ),
)


class Stage:
    """Where the surface is, once it is there: schemathesis wants to know the application before any test begins."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


STAGE = SCHEMA.app = Stage()


@pytest.fixture(scope="module", autouse=True)
def surface(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surface]:
    folder = tmp_path_factory.mktemp("api")
    (folder / "incoming").mkdir()
    made = Surface(folder, UNLIMITED)
    peopled(made)
    STAGE.app = made.app
    yield made
    made.close()


def peopled(surface: Surface) -> None:
    """A site in the middle of its day; and a key that may do everything. What goes on and on ends at once."""
    surface.app.state.stopping.set()
    world = World(replicas=(replica("redis", group=Group.SYSTEM), replica("zona_user"), replica("zona_user", 2)))
    surface.engine.world = world
    surface.engine.lines = {r.id: [b"one\n", b"two\xff\n"] for r in world.replicas}
    surface.store.hold(Hold(service="zona_user", owner="root", reason="its disk", since=NOON))
    surface.store.set_scale("redis", 2)
    entry = surface.store.begin(
        Entry(id=0, at=NOON, kind="action", verb="start", subject="redis/1", service="redis", code="died", text="x")
    )
    surface.store.finish(entry, Result.OK, "", 0.5, "c1")
    jobs = facts(services=(job("report", zone="Europe/Berlin"), service("redis", Group.SYSTEM)))
    keep(surface, run(), run(due=TWO_O_CLOCK + 60, ending=Ending.MISSED_DOWN))
    standings = (standing("redis", Group.SYSTEM), standing("zona_user", ready=2, desired=2), scheduled("report"))
    surface.publish(
        plan=replace(jobs["plan"], standings=standings), desired=jobs["desired"], world=world, tenancy=tenancy()
    )
    surface.store.tokens.keep(
        ApiToken(
            id=ID,
            digest=api_keys.digest(KEY),
            name="fuzz",
            scopes=tuple(sorted(access.Scope)),
            tenant="",
            made_at=NOON,
            made_by="root",
            expires_at=None,
        )
    )


NUMBERS = itertools.count()


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
def test_every_answer_is_one_that_the_description_promises(case: schemathesis.Case) -> None:
    key = case.headers.get(KEY_HEADER)
    if isinstance(key, str) and re.match(KEY_FORM, key):
        case.headers[KEY_HEADER] = f"{key[:200]}-{next(NUMBERS)}"  # one that comes again means another request
    case.call_and_validate(headers={"Authorization": f"Bearer {KEY}"}, timeout=120)
