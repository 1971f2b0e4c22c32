"""What a request must be before any endpoint sees it: no parameter that nobody knows or that is there twice, a body of
the media type that is asked for, and JSON that is JSON.

Python and FastAPI would take much more: a key twice, NaN, integers of any length, text that is no Unicode, a parameter
with a typing mistake.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn, get_origin

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

JSON = "application/json"
DIGITS_MOST = 18
"""Of an integer in a body: a float has no more, and the store's integers have one more."""


class StrictRequest(Request):
    """Its JSON is JSON."""

    async def json(self) -> Any:
        text = self._text(await self.body())
        found = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_integer,
        )
        if "\\u" in text:
            try:
                json.dumps(found, ensure_ascii=False).encode()
            except UnicodeEncodeError:
                raise json.JSONDecodeError("half of a surrogate pair is no character", text, 0) from None
        return found

    @staticmethod
    def _text(body: bytes) -> str:
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise json.JSONDecodeError("it is no UTF-8", "", 0) from None


@dataclass(frozen=True, slots=True)
class Takes:
    """What one route takes: the names of its query parameters, and whether it has a body, of JSON then."""

    parameters: frozenset[str]
    often: frozenset[str]
    """Those that may be given more than once."""
    body: bool

    @staticmethod
    def of(route: APIRoute) -> Takes:
        found: dict[str, Any] = {}
        for field in route.dependant.query_params:
            own = getattr(field.field_info.annotation, "model_fields", None)
            found |= {field.alias: field.field_info} if own is None else own
        often = {name for name, one in found.items() if get_origin(one.annotation) is list}
        return Takes(frozenset(found), frozenset(often), route.body_field is not None)

    async def check(self, request: Request) -> None:
        """Raises RequestValidationError, and 415."""
        given = [name for name, _ in request.query_params.multi_items()]
        errors = [
            {"type": "unknown", "loc": ("query", name), "msg": "Extra inputs are not permitted", "input": None}
            for name in dict.fromkeys(given)
            if name not in self.parameters
        ] + [
            {"type": "twice", "loc": ("query", name), "msg": "it is there more than once", "input": None}
            for name in self.parameters - self.often
            if given.count(name) > 1
        ]
        if errors:
            raise RequestValidationError(errors)
        if self.body and not _is_json(request) and await request.body():
            raise HTTPException(415, f"the body of this is {JSON}, and the header Content-Type says so")


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == JSON


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise json.JSONDecodeError(f"the key {key!r} is there twice", key, 0)
        found[key] = value
    return found


def _no_constant(text: str) -> NoReturn:
    raise json.JSONDecodeError(f"{text} is not JSON", text, 0)


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > DIGITS_MOST:
        raise json.JSONDecodeError(f"an integer has at most {DIGITS_MOST} digits", text[:DIGITS_MOST], 0)
    return int(text)
