"""The dashboard's files: the page at `/`, and what it is made of under an address that has the hash of all of it.

Rules:
1. A file under its hash never changes, so browsers keep it for good; the page names the hash, and is asked for
   each time.
2. The page can run, load and send nothing but what comes from here, and no other page can hold or read it: headers that
   a browser enforces say so. Nothing here is anybody's secret: these files are for everybody, whoever may see the data.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from zpmd.interfaces import dashboard

PAGE = "index.html"
BASE = "{{base}}"
"""In the page: where its other files are."""
TYPES = MappingProxyType(
    {"html": "text/html; charset=utf-8", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)
FOR_GOOD = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Site:
    """The files by name, read once; `version` is the hash of all of them."""

    version: str
    page: bytes
    files: MappingProxyType[str, bytes]


def read() -> Site:
    """Raises OSError where the package was installed without its files."""
    folder = resources.files(dashboard)
    found = {f.name: f.read_bytes() for f in folder.iterdir() if f.name.rpartition(".")[2] in TYPES}
    whole = hashlib.sha256()
    for name, content in sorted(found.items()):
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    version = whole.hexdigest()[:20]
    page = (folder / PAGE).read_text(encoding="utf-8").replace(BASE, f"/ui/{version}").encode()
    found.pop(PAGE)
    return Site(version=version, page=page, files=MappingProxyType(found))


def router() -> APIRouter:
    made = APIRouter(include_in_schema=False)
    site = read()
    tag = f'"{site.version}"'

    @made.get("/")
    async def get_page(request: Request) -> Response:
        headers = {**HEADERS, "Cache-Control": "no-cache", "ETag": tag}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(site.page, headers=headers, media_type=TYPES["html"])

    @made.get("/ui/{version}/{name}")
    async def get_file(version: str, name: str) -> Response:
        content = site.files.get(name) if version == site.version else None
        if content is None:
            raise HTTPException(404, "no such file: load the page anew")
        headers = {**HEADERS, "Cache-Control": FOR_GOOD, "ETag": tag}
        return Response(content, headers=headers, media_type=TYPES[name.rpartition(".")[2]])

    return made
