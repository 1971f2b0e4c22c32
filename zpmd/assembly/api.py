"""How programs come in: whose tokens are believed, and with which certificate. What is wrong is said at the start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from ssl import SSLContext

from zpmd.errors import ConfigError
from zpmd.interfaces.rest import json_web_tokens, tls
from zpmd.interfaces.rest.authentication import Authenticator
from zpmd.interfaces.rest.json_web_tokens import Signer
from zpmd.model.service import Problem
from zpmd.ports import Tokens
from zpmd.settings import Api, Jwt

CREDENTIAL = "api.jwt"


def authenticator(api: Api, tokens: Tokens, now: Callable[[], float], credentials: Path | None) -> Authenticator:
    """Raises ConfigError where the key of JSON Web Tokens cannot be used."""
    return Authenticator(tokens, now, None if api.jwt is None else _signer(api.jwt, credentials))


def tls_context(api: Api) -> SSLContext | None:
    """None without TLS. Raises ConfigError."""
    if not api.listen or api.tls_cert is None or api.tls_key is None:
        return None
    try:
        return tls.context(api.tls_cert, api.tls_key)
    except tls.UnusableCertificate as error:
        raise _wrong(api.tls_cert, "api.tls_cert", str(error)) from None


def _signer(jwt: Jwt, credentials: Path | None) -> Signer:
    path = jwt.key_file or (credentials / CREDENTIAL if credentials is not None else None)
    if path is None:
        text = f"no key for JSON Web Tokens: set api.jwt.key_file, or LoadCredential={CREDENTIAL}:PATH"
        raise _wrong(Path("zpmd.yaml"), "api.jwt", text)
    try:
        return json_web_tokens.signer(path.read_bytes(), jwt.algorithm, jwt.issuer, jwt.audience)
    except OSError as error:
        raise _wrong(path, "api.jwt.key_file", f"cannot read it: {error.strerror}") from None
    except json_web_tokens.UnusableKey as error:
        raise _wrong(path, "api.jwt.key_file", str(error)) from None


def _wrong(file: Path, path: str, message: str) -> ConfigError:
    return ConfigError((Problem(file=str(file), line=0, column=0, path=path, message=message),))
