"""`api:` of the settings file into `Api`. Tokens are not sent in the clear: only loopback goes without TLS."""

from __future__ import annotations

import ipaddress
import re

from zpmd.settings import Api, Jwt
from zpmd.sources.nodes import shortened
from zpmd.sources.reading import Cursor, Fate, Key, Section, honoured
from zpmd.sources.settings_paths import written_path

API: Section = honoured(
    "address_requests_per_minute", "body_seconds", "failures_per_minute", "header_seconds", "jwt", "listen",
    "max_connections", "tls_cert", "tls_key", "token_requests_per_minute",
)  # fmt: skip
JWT: Section = {
    **honoured("algorithm", "audience", "issuer", "key_file"),
    "key": Key(
        Fate.REFUSED,
        "a key does not belong into this file: write it into a file of its own (mode 0600) and name that as key_file, "
        "or give it as the systemd credential api.jwt",
    ),
}
ALGORITHMS = ("HS256", "EdDSA")
LISTEN = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9][A-Za-z0-9._-]{0,252}):(?P<port>[0-9]{1,5})")
RATE_MOST = 1_000_000


def api(cursor: Cursor) -> Api:
    f = cursor.fields(API)
    default = Api()
    listen = _listen(f["listen"])
    cert, key = written_path(f["tls_cert"]), written_path(f["tls_key"])
    if (cert is None) != (key is None):
        f["tls_key" if cert is None else "tls_cert"].problem_at_key("tls_cert and tls_key belong together: write both")
    if listen and cert is None and key is None and not _loopback(listen):
        f["listen"].problem(f"{listen} is not loopback, and there is no TLS: write tls_cert and tls_key, or 127.0.0.1")
    return Api(
        listen=listen,
        tls_cert=cert,
        tls_key=key,
        jwt=_jwt(f["jwt"]),
        max_connections=f["max_connections"].integer(low=2, high=100_000, default=default.max_connections),
        header_seconds=f["header_seconds"].number(low=0.1, high=300, default=default.header_seconds),
        body_seconds=f["body_seconds"].number(low=0.1, high=300, default=default.body_seconds),
        address_requests_per_minute=f["address_requests_per_minute"].integer(
            low=4, high=RATE_MOST, default=default.address_requests_per_minute
        ),
        token_requests_per_minute=f["token_requests_per_minute"].integer(
            low=4, high=RATE_MOST, default=default.token_requests_per_minute
        ),
        failures_per_minute=f["failures_per_minute"].integer(
            low=1, high=RATE_MOST, default=default.failures_per_minute
        ),
    )


def _listen(cursor: Cursor) -> str:
    text = cursor.text()
    if not text:
        return ""
    found = LISTEN.fullmatch(text)
    if found is None or int(found["port"]) > 65_535:
        cursor.problem(f"{shortened(text)!r} is no place to listen: write host:port, as 127.0.0.1:8443 or [::]:8443")
        return ""
    return text


def _loopback(listen: str) -> bool:
    host = listen.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _jwt(cursor: Cursor) -> Jwt | None:
    """None where the key is not written."""
    if not cursor.written:
        return None
    f = cursor.fields(JWT)
    for name in ("issuer", "audience"):
        if not f[name].text():
            cursor.problem_at_key(f"has no {name}: every token is held to one; write that of your tokens")
    return Jwt(
        issuer=f["issuer"].text(),
        audience=f["audience"].text(),
        algorithm=f["algorithm"].word({name: name for name in ALGORITHMS}, ""),
        key_file=written_path(f["key_file"]),
    )
