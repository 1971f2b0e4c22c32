"""When the certificate of the API ends: told in the log in time, and once a day from then on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from zpmd.messages import Message, tell
from zpmd.model.events import Snapshot

DAY_SECONDS = 86_400.0
WARN_SECONDS = 21 * DAY_SECONDS


class Expiry:
    """Of the certificate that is served: it is read once, as the server does. `passed` is called after every pass."""

    def __init__(self, certificate: Path | None) -> None:
        self._certificate = certificate
        self._ends_at = ends_at(certificate) if certificate is not None else None
        self._told_at: float | None = None

    def passed(self, snapshot: Snapshot) -> None:
        now, ends = snapshot.at, self._ends_at
        if ends is None or ends - now > WARN_SECONDS:
            return
        if self._told_at is not None and 0 <= now - self._told_at < DAY_SECONDS:
            return
        self._told_at = now
        day = datetime.fromtimestamp(ends, UTC).date()
        when = f"ends on {day}, in {int((ends - now) // DAY_SECONDS)} days" if ends > now else f"has ended on {day}"
        tell(Message.CERTIFICATE_ENDS, f"api: the certificate {self._certificate} {when}")


def ends_at(certificate: Path) -> float | None:
    """The instant at which the first certificate of the file ends; None where it cannot be told."""
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp()
    except (OSError, ValueError):
        return None
