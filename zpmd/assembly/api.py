"""How people and programs come in: what serves them, whose tokens are believed, and with which certificate. What is
wrong is said at the start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from ssl import SSLContext

from zpmd import permission
from zpmd.credentials import given
from zpmd.daemon.meters import Meters
from zpmd.daemon.recorder import Recorder, settle
from zpmd.errors import ConfigError
from zpmd.interfaces.rest import json_web_tokens, tls
from zpmd.interfaces.rest.app import create_app
from zpmd.interfaces.rest.authentication import Authenticator
from zpmd.interfaces.rest.expiry import Expiry
from zpmd.interfaces.rest.json_web_tokens import Signer
from zpmd.interfaces.rest.parts import ApiParts
from zpmd.interfaces.rest.server import ApiServer
from zpmd.model.service import Problem
from zpmd.ports import Clock, Control, Tokens
from zpmd.settings import Api, Jwt, Settings
from zpmd.stores.embedded import EmbeddedStore

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


def expiry(api: Api) -> Expiry:
    """Of the certificate that is served with; of none where there is no TLS."""
    return Expiry(api.tls_cert if api.listen else None)


def server(
    settings: Settings,
    control: Control,
    authenticator: Authenticator,
    store: EmbeddedStore,
    meters: Meters,
    clock: Clock,
    tls: SSLContext | None,
) -> ApiServer:
    """Not started yet. What a former zpmd could not write into the audit is in it before anybody can ask for more."""
    settle(store.audit, store, clock.now())
    app = create_app(
        ApiParts(
            control=control,
            authenticator=authenticator,
            answers=store.answers,
            recorder=Recorder(store.audit, store, clock.now, meters.unrecorded),
            meters=meters,
            state_dir=settings.state_dir,
            socket=settings.socket,
            now=clock.now,
            patches=settings.patches,
            api=settings.api,
            resync_seconds=settings.resync_seconds,
        )
    )
    return ApiServer(app, settings.socket, settings.socket_group, settings.api, tls)


def _signer(jwt: Jwt, credentials: Path | None) -> Signer:
    path = jwt.key_file or given(credentials, CREDENTIAL)
    if path is None:
        text = f"no key for JSON Web Tokens: set api.jwt.key_file, or LoadCredential={CREDENTIAL}:PATH"
        raise _wrong(Path("zpmd.yaml"), "api.jwt", text)
    try:
        return json_web_tokens.signer(path.read_bytes(), jwt.algorithm, jwt.issuer, jwt.audience)
    except OSError as error:
        raise _wrong(path, "api.jwt.key_file", f"cannot read it: {permission.explained(error)}") from None
    except json_web_tokens.UnusableKey as error:
        raise _wrong(path, "api.jwt.key_file", str(error)) from None


def _wrong(file: Path, path: str, message: str) -> ConfigError:
    return ConfigError((Problem(file=str(file), line=0, column=0, path=path, message=message),))
