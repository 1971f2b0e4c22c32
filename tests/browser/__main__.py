"""Pictures of the dashboard for people to look at: `python -m tests.browser FOLDER`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import DESKTOP, PHONE, Page
from tests.browser.site import Site
from tests.lab.eventually import eventually
from zpmd.interfaces.rest.access import Scope


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        page = Page(Path(name))
        site = Site(Path(name), page.network)
        try:
            site.well()
            _take(site, page, folder)
        finally:
            site.close()
            page.close()


def _take(site: Site, page: Page, folder: Path) -> None:
    operator = site.token("night shift", *Scope)
    page.scheme("light")
    page.open(site.url)
    eventually(lambda: page.shown("#login"))
    page.picture(folder / "login.png")
    page.log_in(site.url, operator)
    page.says("#headline", "as wanted")
    page.picture(folder / "well-light.png")
    site.trouble()
    page.says("#headline", "need a look")
    page.says("#tenants", "acme")
    page.says("#events", "redis")
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        page.picture(folder / f"trouble-{scheme}.png")
    page.open(f"{site.url}#service=redis")
    page.says("#detail", "FATAL")
    for scheme in ("dark", "light"):
        page.scheme(scheme)
        page.picture(folder / f"detail-{scheme}.png")
    page.find('[data-verb="hold"]').click()
    page.picture(folder / "confirm.png")
    page.find("#confirm-no").click()
    page.resize(*PHONE, phone=True)
    page.picture(folder / "phone-detail.png")
    page.run("history.back()")
    page.open(f"{site.url}#")
    page.picture(folder / "phone.png")
    page.run("document.querySelector('.side').scrollIntoView()")
    page.picture(folder / "phone-side.png")
    page.resize(*DESKTOP)
    page.run("scrollTo(0, 0)")
    page.press("?")
    page.picture(folder / "keys.png")
    print(*page.complaints(), sep="\n")
    print(*sorted(folder.glob("*.png")), sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
