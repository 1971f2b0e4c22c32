"""A page of which a part does not come, as where a network of the operator's machine comes or goes meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import Response

from tests.browser.chromium import Page
from tests.browser.site import Site
from tests.lab.eventually import eventually
from zpmd.interfaces.rest.access import Scope

NO_NETWORK = """
const real = window.fetch, lost = [...arguments];
window.asked = [];
window.fetch = (path, options) => {
  const what = `${options.method} ${new URL(path, location).pathname}`;
  window.asked.push(what);
  if (!lost.includes(what)) return real(path, options);
  lost.splice(lost.indexOf(what), 1);
  return Promise.reject(new TypeError("lost"));
};
"""


def test_a_page_of_which_a_part_did_not_come_is_loaded_once_more_by_itself(site: Site, page: Page) -> None:
    asked = _losing(site, times=1)
    page.open(site.url)
    eventually(lambda: page.shown("#login"), 10, "the form to log in")
    assert not page.shown("#loading")
    assert asked == ["feed.js", "feed.js"]


def test_a_page_that_stays_in_parts_says_what_to_do_and_goes_on_as_soon_as_one_does_it(site: Site, page: Page) -> None:
    asked = _losing(site, times=2)
    page.open(site.url)
    eventually(lambda: asked == ["feed.js", "feed.js"], 10, "it was loaded once more")
    eventually(lambda: page.shown("#loading"), 10, "words in the place of the page")
    page.says("#loading", "load it again")
    assert asked == ["feed.js", "feed.js"]
    page.driver.refresh()
    eventually(lambda: page.shown("#login"), 10, "the form to log in")


def test_what_only_looks_is_asked_twice_and_what_does_something_once(site: Site, page: Page) -> None:
    site.well()
    page.log_in(site.url, site.token("ann", *Scope))
    page.says("#headline", "as wanted")
    page.run(NO_NETWORK, "GET /v1/services/kafka/why", "POST /v1/services/kafka/hold")
    page.find('[data-service="kafka"] .name').click()
    page.says("#detail", "kafka")
    eventually(lambda: page.run("return window.asked").count("GET /v1/services/kafka/why") == 2, 10, "the second look")
    page.find('[data-verb="hold"]').click()
    page.find("#confirm-yes").click()
    page.says("body", "zpmd does not answer")
    assert [what for what in page.run("return window.asked") if "POST" in what] == ["POST /v1/services/kafka/hold"]


def _losing(site: Site, times: int) -> list[str]:
    """So many answers with one of the page's files; what was asked for of it."""
    asked: list[str] = []

    async def losing(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        name = request.url.path.rpartition("/")[2]
        if name == "feed.js":
            asked.append(name)
            if len(asked) <= times:
                return Response(status_code=503)
        return await call_next(request)

    site.app.add_middleware(BaseHTTPMiddleware, dispatch=losing)
    return asked
