"""The page in a real browser: what it shows, and what one can do with it."""

from __future__ import annotations

import time

import pytest

from tests.browser.chromium import PHONE, Keys, Page
from tests.browser.site import Site
from tests.lab.eventually import eventually
from zpmd.interfaces.rest.access import Scope
from zpmd.model.plan import State


def test_a_wrong_token_says_so_and_a_right_one_shows_the_answer(site: Site, page: Page) -> None:
    site.well()
    page.log_in(site.url, "zpmd_0badc0de")
    page.says("#login-error", "not known")
    assert not page.shown("#page")
    page.find("#token").send_keys(site.token("ann", Scope.READ), Keys.ENTER)
    page.says("#headline", "All 23 services are as wanted")
    page.says("#connection", "live")
    assert page.text("#who") == "token:ann · may look"
    assert page.run("return document.cookie + Object.keys(localStorage) + Object.keys(sessionStorage)") == ""
    assert page.run("return document.querySelector('#token').value") == ""


def test_what_is_wrong_is_the_headline_with_its_reasons_below(site: Site, page: Page) -> None:
    site.well()
    page.log_in(site.url, site.token("ann", Scope.READ))
    page.says("#headline", "as wanted")
    site.trouble()
    page.says("#headline", "2 services need a look: redis and zona_playbook")
    assert "out of memory" in page.text("#attention")
    assert page.text('[data-service="redis"] .state') == "crash-loop"
    page.says("#waiting", "waits for redis to be healthy")
    page.says("#waiting", "root cause: redis is in a crash loop")
    page.says("#flight", "31 of 86 MB")
    page.says("#patches", "1 of 3 services")
    page.says("#patches", "services is missing")
    page.says("#jobs", "metadb_schema")
    page.says("#tenants", "connected")
    page.says("#events", "root: it is to be stopped, and to stay so")
    assert page.complaints() == []


def test_a_session_that_has_ended_comes_back_to_the_door(site: Site, page: Page) -> None:
    site.well()
    page.log_in(site.url, site.token("ann", *Scope, seconds=3600))
    page.says("#headline", "as wanted")
    page.find('[data-service="kafka"] .name').click()
    page.says("#detail", "Stop")
    page.find('[data-verb="stop"]').click()
    assert page.shown("#confirm-yes")
    site.surface.clock.at += 3601
    # by script: a look that the page takes by itself may be the first to hear of it, and hides the button
    page.run("document.querySelector('#confirm-yes').click()")
    eventually(lambda: page.shown("#login"), 10, "the form to log in")
    page.says("#login-why", "has ended")
    assert not page.shown("#page")
    assert site.surface.store.memory().intent.stopped == frozenset()


def test_one_walks_by_keyboard_alone_to_a_service_holds_it_and_comes_back(site: Site, page: Page) -> None:
    site.well()
    page.log_in(site.url, site.token("ann", *Scope))
    page.says("#services", "zona_user")
    page.press("?")
    assert page.shown("#keys")
    page.press(Keys.ESCAPE)
    page.press("/")
    assert page.focused() == "filter-text"
    page.press("zona_u")
    page.says("#filter-count", "1 of 23 services")
    page.press(Keys.ARROW_DOWN)
    assert page.focused() == "zona_user"
    page.press(Keys.ENTER)
    assert page.focused() == "detail-title"
    page.says("#detail", "zona_user runs since")
    for _ in range(5):
        page.press(Keys.TAB)
        if page.focused().startswith("Hold"):
            break
    assert page.focused().startswith("Hold")
    page.press(Keys.ENTER)
    assert page.text("#confirm-title") == "Hold zona_user?"
    page.press("<b>disk</b> change", Keys.ENTER)
    page.says("#asked", "accepted")
    (held,) = site.surface.store.memory().intent.holds
    assert (held.service, held.owner, held.reason) == ("zona_user", "token:ann", "<b>disk</b> change")
    site.well()
    page.says("#asked", "it is held")
    page.says("#detail", "held by token:ann: <b>disk</b> change")
    page.says("#detail", "Release")
    page.press(Keys.ESCAPE)
    assert not page.shown("#detail")
    assert page.focused() == "zona_user"
    assert page.complaints() == []


def test_a_stop_is_accepted_first_and_done_when_it_is_seen(site: Site, page: Page) -> None:
    site.well()
    page.log_in(site.url, site.token("ann", *Scope))
    page.says("#services", "kafka")
    page.open(f"{site.url}#service=kafka")
    page.says("#detail", "Stop")
    page.find('[data-verb="stop"]').click()
    assert page.text("#confirm-title") == "Stop kafka?"
    page.find("#confirm-yes").click()
    page.says("#asked", "accepted")
    site.well()
    page.says("#asked", "1 replica still running")
    site.with_service("kafka", state=State.STOPPED, ready=0, desired=0)
    page.says("#asked", "it is stopped")
    assert page.text('[data-service="kafka"] .state') == "stopped"


def test_who_may_only_look_has_no_buttons(site: Site, page: Page) -> None:
    site.well()
    page.log_in(site.url, site.token("wall", Scope.READ))
    page.says("#services", "kafka")
    page.open(f"{site.url}#service=kafka")
    page.says("#detail", "kafka runs since")
    assert page.all("[data-verb]") == []


def test_who_is_for_one_tenant_sees_that_tenant_alone(site: Site, page: Page) -> None:
    site.well()
    page.log_in(site.url, site.token("acme", Scope.READ, Scope.OPERATE, tenant="acme"))
    page.says("#headline", "All 3 services are as wanted")
    page.says("#tenants", "acme")
    site.trouble()
    page.says("#connection", "live")
    page.find('[data-service="jira-acme-2"] .name').click()
    page.says("#detail", "jira-acme-2 runs")
    assert page.text("#who") == "token:acme · tenant acme"
    seen = page.run("return document.documentElement.textContent")
    assert [name for name in ("beta", "redis", "zona_user", "hotfix-1042") if name in seen] == []
    assert page.complaints() == []


EVIL = '<script>document.title="owned"</script><img src=x onerror=alert(1)>" onmouseover="alert(2)'


def test_foreign_text_is_text_wherever_it_is_shown(site: Site, page: Page) -> None:
    site.evil(EVIL)
    page.log_in(site.url, site.token("ann", *Scope))
    page.says("#attention", EVIL)
    page.says('[data-service="redis"] .why', EVIL)
    page.says("#waiting", EVIL)
    page.says("#events", EVIL)
    page.says("#tenants", EVIL)
    page.open(f"{site.url}#service=redis")
    page.says("#detail pre", EVIL)
    page.says("#detail details", EVIL)
    assert page.all("body script, img, [onmouseover], [onerror]") == []
    assert "owned" not in page.driver.title
    assert page.complaints() == []


def test_nothing_is_asked_of_another_origin_and_the_page_complains_of_nothing(site: Site, page: Page) -> None:
    site.trouble()
    page.log_in(site.url, site.token("ann", *Scope))
    page.says("#patches", "1 of 3 services")
    page.open(f"{site.url}#service=redis")
    page.says("#detail", "FATAL")
    page.find("#theme-button").click()
    asked = page.requests()
    assert [address for address in asked if not address.startswith((site.url, "about:", "data:"))] == []
    assert any("/v1/feed" in address for address in asked)
    assert page.complaints() == []


def test_the_feed_is_taken_up_again_when_zpmd_comes_back(site: Site, page: Page) -> None:
    site.well()
    page.open(site.forwarded)
    page.says("#headline", "as wanted")
    assert not page.shown("#login")
    site.stop()
    page.says("#connection", "No news")
    assert page.run("return 'stale' in document.body.dataset")
    site.trouble()
    site.restart()
    page.says("#connection", "live", 20)
    page.says("#headline", "2 services need a look", 20)
    page.says("#events", "killed by the kernel")


WATCH_CHANGES = """
window.changes = 0;
const all = {childList: true, characterData: true, attributes: true, subtree: true};
new MutationObserver((seen) => { window.changes += seen.length; }).observe(document.querySelector("#services"), all);
"""


def test_250_services_with_1000_replicas_are_shown_filtered_and_updated_in_place(site: Site, page: Page) -> None:
    site.many(250, 4)
    page.log_in(site.url, site.token("ann", Scope.READ))
    page.says("#headline", "All 250 services are as wanted")
    assert len(page.all("#services tr[data-service]")) == 250
    page.run(WATCH_CHANGES)
    site.many(250, 4, failed="service-117")
    page.says("#headline", "1 service needs a look: service-117")
    assert page.run("return changes") < 20  # nodes of one row and its group, of 250
    page.press("/")
    page.press("service-24")
    page.says("#filter-count", "11 of 250 services")
    page.press(Keys.ESCAPE)
    page.run(
        "document.querySelector('#filter-state').value = 'trouble';"
        "document.querySelector('#filter-state').dispatchEvent(new Event('change'))"
    )
    page.says("#filter-count", "1 of 250 services")
    assert "state=trouble" in page.driver.current_url


def test_the_address_keeps_what_is_open_and_filtered_and_back_closes_it(site: Site, page: Page) -> None:
    site.well()
    page.log_in(site.url, site.token("ann", Scope.READ))
    page.says("#services", "kafka")
    page.press("/")
    page.press("kaf")
    page.says("#filter-count", "1 of 23 services")  # the row is where it stays
    page.find('[data-service="kafka"] .name').click()
    eventually(lambda: page.driver.current_url.endswith("#service=kafka&q=kaf"), 5, "an address with both")
    page.driver.refresh()
    page.says("#detail", "kafka runs since")
    page.says("#filter-count", "1 of 23 services")
    page.driver.back()
    eventually(lambda: not page.shown("#detail"), 5, "a detail that is closed")


def test_on_a_phone_nothing_scrolls_sideways_and_targets_are_big(site: Site, page: Page) -> None:
    site.trouble()
    page.resize(*PHONE, phone=True)
    page.log_in(site.url, site.token("ann", *Scope))
    page.says("#patches", "1 of 3 services")
    wide = "return document.documentElement.scrollWidth"
    assert page.run(wide) == PHONE[0]
    small = (
        "return [...document.querySelectorAll('#services tr[data-service]')].filter((r) => r.offsetHeight < 44).length"
    )
    assert page.run(small) == 0
    page.find('[data-service="redis"]').click()
    page.says("#detail", "FATAL")
    assert page.run(wide) == PHONE[0]
    assert page.run("return document.querySelector('#detail').scrollWidth") == PHONE[0]
    assert page.run("return document.querySelector('main').inert")
    buttons = page.run("return [...document.querySelectorAll('#detail button')].map((b) => b.offsetHeight)")
    assert min(buttons) >= 44


CONTRAST = """
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const rgba = (colour) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
const ground = (e) => {
  for (; e; e = e.parentElement) {
    const c = rgba(getComputedStyle(e).backgroundColor);
    if (c[3] === 255) return c;
  }
  return [255, 255, 255, 255];
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let n; (n = walker.nextNode()); ) {
  const e = n.parentElement;
  if (!n.data.trim() || !e.checkVisibility() || e.closest("noscript, option, dialog:not([open])")) continue;
  const [a, b] = [luminance(rgba(getComputedStyle(e).color)), luminance(ground(e))].sort((x, y) => y - x);
  found.push([(a + 0.05) / (b + 0.05), e.tagName + "." + e.className + ": " + n.data.slice(0, 30)]);
}
return [found.length, found.filter(([ratio]) => ratio < 4.5)];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(site: Site, page: Page, scheme: str) -> None:
    page.scheme(scheme)
    site.trouble()
    page.log_in(site.url, site.token("ann", *Scope))
    page.says("#patches", "1 of 3 services")
    page.open(f"{site.url}#service=redis")
    page.says("#detail", "FATAL")
    counted, faint = page.run(CONTRAST)
    assert counted > 150
    assert faint == []
    ground = page.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in ground[4:-1].split(",")) > 384) == (scheme == "light")


def test_light_or_dark_is_chosen_and_kept(site: Site, page: Page) -> None:
    site.well()
    page.log_in(site.url, site.token("ann", Scope.READ))
    page.says("#headline", "as wanted")
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = page.run(ground)
    page.find("#theme-button").click()
    page.find("#theme-button").click()
    assert page.text("#theme-button") == "Theme: dark"
    assert page.run(ground) != light
    page.driver.refresh()
    page.says("#headline", "as wanted")
    assert page.run(ground) != light
    page.run("localStorage.clear()")


def test_a_screen_reader_finds_landmarks_names_and_a_live_answer(site: Site, page: Page) -> None:
    site.trouble()
    page.log_in(site.url, site.token("ann", *Scope))
    page.says("#patches", "1 of 3 services")
    tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {(n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n["ignored"]}
    assert {"main", "banner", "search"} <= {role for role, _ in named}
    assert ("table", "Services") in named
    assert ("rowheader", "redis") in named
    assert ("columnheader", "State") in named
    assert ("heading", "2 services need a look: redis and zona_playbook") in named
    assert [role for role, name in named if role in ("button", "textbox", "searchbox", "combobox") and not name] == []
    assert page.run("return document.querySelector('#headline').parentElement.getAttribute('aria-live')") == "polite"


def test_a_restart_of_zpmd_asks_for_the_token_again(site: Site, page: Page) -> None:
    site.well()
    page.log_in(site.url, site.token("ann", Scope.READ))
    page.says("#headline", "as wanted")
    site.stop()
    site.restart()
    eventually(lambda: page.shown("#login"), 20, "the form to log in")
    page.says("#login-why", "log in again")


def test_who_logs_out_sees_nothing_any_more(site: Site, page: Page) -> None:
    site.well()
    page.log_in(site.url, site.token("ann", Scope.READ))
    page.says("#services", "kafka")
    page.find("#logout").click()
    eventually(lambda: page.shown("#login"), 5, "the form to log in")
    page.driver.refresh()
    eventually(lambda: page.shown("#login"), 5, "the form to log in")
    assert "kafka" not in page.run("return document.documentElement.textContent")


def test_silence_is_told_and_ended_by_asking_anew(site: Site, page: Page) -> None:
    site.well()
    page.open(site.forwarded)
    page.says("#connection", "live")
    site.wire.hang()
    time.sleep(1.0)  # what was on its way has arrived: it would be news, at the time that is set below
    page.run("const now = Date.now; Date.now = () => now() + 25000")
    page.says("#connection", "No news for 2")
    page.run("const now = Date.now; Date.now = () => now() + 25000")
    site.wire.calm()
    site.trouble()
    page.says("#headline", "2 services need a look", 20)
    page.says("#connection", "live")
