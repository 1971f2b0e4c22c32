"""What the API says of itself: OpenAPI 3.1, generated from the routes, and what holds for all of them added once.

FastAPI knows the paths, the parameters and the shapes. Added here are the problems that a route may answer with, by
what it takes and who may use it; the headers of writes; the tokens; and a line for people: the first of its docstring.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import zpmd
from zpmd.interfaces.rest.access import RULES
from zpmd.interfaces.rest.problems import SAFE
from zpmd.interfaces.rest.writes import ANY, KEY, KEY_FORM, MATCH, REPLAYED, TAG

DESCRIPTION = """\
What zpmd supervises, why it does what it does, and how to tell it something. Over its unix socket everything is
allowed, as the kernel says who asks; over TCP a token is needed, an API key or a JSON Web Token, with the scope that
the route names. Errors are `application/problem+json`. docs/api.md tells of writes, waiting and the feed.
"""
PROBLEMS = {
    400: "The body or the head of the request cannot be read",
    401: "A token is needed, or the one that came is not good",
    403: "The token's scopes do not include this, or it is for one tenant alone",
    404: "There is no such thing",
    408: "The body did not come in time",
    409: "It cannot be done as things stand; the detail says what would change that",
    412: "The plan is not the one that was looked at; the ETag is the one of now",
    413: "The body is too large",
    415: "The body is of another media type",
    422: "A field or parameter is not what it must be; `errors` points at every one",
    429: "Too many requests; Retry-After says when to ask again",
    500: "An error of zpmd; its log has the number",
    503: "What is needed for it does not answer now; Retry-After says when to ask again",
}
PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457. `code` is stable, `detail` is for people.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "description": "Every field that is wrong.",
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "A JSON pointer into what `in` names."},
                    "in": {"type": "string", "enum": ["body", "query", "path", "header"]},
                    "message": {"type": "string"},
                },
                "required": ["message"],
            },
        },
    },
    "required": ["type", "title", "status", "code", "detail"],
}
TAGS = {
    "status": "How things stand, and why",
    "services": "Services, and what they can be told",
    "everything": "What concerns all services",
    "journal": "What was done and noted",
    "jobs": "Services that run when they are due, and the ledger of their runs",
    "rows": "Tenants, integrations and their ports",
    "patches": "Patches, and their ledger",
    "daemon": "zpmd itself",
    "session": "Browsers: a cookie instead of a token in each request",
    "tokens": "API keys, and who one is",
    "product": "The endpoints of the product's other programs, by their names for things",
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Also puts it where `app.openapi()` gives it again."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="zpmd",
            version=zpmd.__version__,
            summary="A supervisor that keeps the services of a Docker appliance as its files say",
            description=DESCRIPTION,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            routes=app.routes,
            servers=[{"url": "/", "description": "Where this document is from"}],
        )
        for method, path, operation in operations(document):
            _complete(method, path, operation)
        _declare(document)
        app.openapi_schema = document
    return app.openapi_schema


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _complete(method: str, path: str, operation: dict[str, Any]) -> None:
    rule = RULES.get(f"{method} {path}")
    told = operation.get("description", "").partition("\n")
    if told[0]:
        operation["summary"], rest = told[0].rstrip("."), told[2].strip()
        operation.pop("description")
        if rest:
            operation["description"] = rest
    operation.setdefault("tags", ["daemon"])
    for parameter in operation.get("parameters", ()):
        _never_null(parameter["schema"])
    if rule is not None and rule.scope is not None:
        note = f"Takes the scope `{rule.scope}`."
        operation["description"] = f"{operation['description']}\n\n{note}" if "description" in operation else note
    else:
        operation["security"] = []
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    for status in sorted(_possible(method, path, operation)):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{_name(status)}"})
    if method not in SAFE and rule is not None and rule.scope is not None:
        operation.setdefault("parameters", []).extend(
            {"$ref": f"#/components/parameters/{name}"} for name in (KEY, MATCH)
        )
        for status, response in responses.items():
            if status.startswith("2"):
                response.setdefault("headers", {})[REPLAYED] = {"$ref": f"#/components/headers/{REPLAYED}"}


def _never_null(schema: dict[str, Any]) -> None:
    """What is not given is absent: a parameter has no way to be null."""
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1 and len(schema["anyOf"]) == 2:
        del schema["anyOf"]
        schema.update(choices[0])


def _possible(method: str, path: str, operation: dict[str, Any]) -> set[int]:
    """Statuses that this route may answer with when it does not do what was asked."""
    found = {422, 429, 500}
    rule = RULES.get(f"{method} {path}")
    if rule is None or rule.scope is not None or method not in SAFE:
        found |= {401, 403, 409, 503}
    parameters = {parameter.get("name") for parameter in operation.get("parameters", ())}
    if "{" in path or path.startswith("/service/") or "service" in parameters:
        found.add(404)
    if "requestBody" in operation:
        found |= {400, 413, 415}
    if "application/octet-stream" in str(operation.get("requestBody")):
        found.add(408)
    if method not in SAFE:
        found |= {400, 412, 413}
    return found


def _name(status: int) -> str:
    return f"Problem{status}"


def _declare(document: dict[str, Any]) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {
        _name(status): {"description": text, "content": content} | _headers(status) for status, text in PROBLEMS.items()
    }
    components["parameters"] = {
        KEY: {
            "name": KEY,
            "in": "header",
            "description": "The same key with the same request is done once, and answered alike for a day.",
            "schema": {"type": "string", "pattern": KEY_FORM, "minLength": 1, "maxLength": 255},
            "example": "6f1a1e0c-restart-zona_user",
        },
        MATCH: {
            "name": MATCH,
            "in": "header",
            "description": "The ETag of `GET /v1/plan`: only while the plan is that one. `*` is any.",
            "schema": {"anyOf": [{"const": ANY}, {"type": "string", "pattern": f"^{TAG}$"}]},
            "example": '"0123456789abcdef01234567"',
        },
    }
    components["headers"] = {
        REPLAYED: {"description": "It was done before, and this is its answer.", "schema": {"type": "string"}},
        "Retry-After": {"description": "Seconds", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
        "WWW-Authenticate": {"description": "How to come back", "schema": {"type": "string"}},
        "ETag": {"description": "The id of the plan", "schema": {"type": "string"}},
    }
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`zpmctl token create`) or a JSON Web Token. Not over the unix socket.",
        }
    }
    document["security"] = [{"bearer": []}]
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]


def _headers(status: int) -> dict[str, Any]:
    names = {401: "WWW-Authenticate", 412: "ETag", 429: "Retry-After", 503: "Retry-After"}
    if status not in names:
        return {}
    return {"headers": {names[status]: {"$ref": f"#/components/headers/{names[status]}"}}}
