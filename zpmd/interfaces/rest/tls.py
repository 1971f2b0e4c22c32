"""TLS of the API: a certificate and its key, version 1.2 at the least."""

from __future__ import annotations

import ssl
from pathlib import Path

from zpmd.permission import explained


class UnusableCertificate(ValueError):
    """It cannot be served with; the text says why."""


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Raises UnusableCertificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_RENEGOTIATION
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise UnusableCertificate(f"cannot read {path}: {explained(error)}") from None
    try:
        # A key with a password would have this ask for one, on a terminal that is not there.
        made.load_cert_chain(certificate, key, password=lambda: b"")
    except (ssl.SSLError, ValueError) as error:
        why = getattr(error, "reason", None) or str(error)
        raise UnusableCertificate(f"{certificate} and {key} are no certificate and its key: {why}") from None
    return made
