"""The dashboard's files: what a browser is told about them, and what they may not have in them."""

from __future__ import annotations

import configparser
import fnmatch
import re

import httpx
import pytest

from tests.architecture.checkout import ROOT
from tests.unit.interfaces.given import Surface
from zpmd.interfaces.rest import pages

FOLDER = ROOT / "zpmd/interfaces/dashboard"
FILES = sorted(p for p in FOLDER.iterdir() if p.suffix in (".html", ".js", ".css", ".svg"))


def test_the_page_is_for_everybody_and_names_the_hash_of_its_files(surface: Surface, api: httpx.Client) -> None:
    answer = api.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    linked = re.findall(r'(?:src|href)="(/ui/[^"]+)"', answer.text)
    assert {address.rpartition("/")[2] for address in linked} == {
        "app.js",
        "loading.js",
        "theme.js",
        "style.css",
        "icon.svg",
    }
    for address in linked:
        file = api.get(address)
        assert file.status_code == 200
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_page_that_is_still_the_same_is_not_sent_again(surface: Surface, api: httpx.Client) -> None:
    first = api.get("/")
    again = api.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_file_of_another_version_is_not_found(surface: Surface, api: httpx.Client) -> None:
    assert api.get("/ui/0123456789abcdef0123/app.js").status_code == 404
    assert api.get(f"/ui/{pages.read().version}/__init__.py").status_code == 404
    assert api.get(f"/ui/{pages.read().version}/index.html").status_code == 404


@pytest.mark.parametrize("path", ["/", f"/ui/{pages.read().version}/app.js"])
def test_a_browser_is_told_to_load_nothing_from_elsewhere_and_to_be_framed_by_nobody(
    surface: Surface, api: httpx.Client, path: str
) -> None:
    headers = api.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("file", FILES, ids=lambda p: p.name)
def test_nothing_of_the_page_is_inline_or_made_of_text(file) -> None:  # type: ignore[no-untyped-def]
    text = file.read_text()
    banned = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|javascript:|\sstyle=|\son\w+=\""
    )
    assert re.findall(banned, text) == []
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []
    assert "<style" not in text
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_every_module_that_is_imported_is_there() -> None:
    names = {p.name for p in FILES}
    imported = {m for p in FILES for m in re.findall(r'from "\./([\w.]+)"', p.read_text())}
    assert imported
    assert imported - names == set()


def test_a_wheel_holds_every_file_of_the_page() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    globs = [glob.strip() for glob in setup["options.package_data"]["zpmd.interfaces.dashboard"].split(",")]
    assert [p.name for p in FILES if not any(fnmatch.fnmatch(p.name, glob) for glob in globs)] == []
