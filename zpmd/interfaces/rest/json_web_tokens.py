"""JSON Web Tokens of somebody else's making: signed with a key that the settings name, and believed for a while.

Rules:
1. The algorithm follows from the kind of key, never from the token: a secret is for HS256, an Ed25519 public key in PEM
   for EdDSA. What looks like a key of one kind is never used as one of the other.
2. Signature, issuer, audience and expiry are checked in every token, and have to be in it.
3. Nothing is remembered of a token: it cannot be revoked, so it should be short-lived.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from zpmd.interfaces.rest.access import Principal
from zpmd.model.token import Scope
from zpmd.redaction import KNOWN

HS256, EDDSA = "HS256", "EdDSA"
SECRET_BYTES = 32
"""What RFC 7518 wants of a key for HS256, at the least."""
LEEWAY_SECONDS = 10
REQUIRED = ["exp", "iss", "aud", "sub"]
SUBJECT = re.compile(r"[^\x00-\x20\x7f-\x9f]{1,200}")
TENANT = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,255}")


class UnusableKey(ValueError):
    """The key cannot be used; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Whose tokens are believed."""

    algorithm: str
    key: bytes | Ed25519PublicKey = field(repr=False)
    issuer: str
    audience: str

    def principal(self, text: str) -> Principal | None:
        """Who comes with this token; None where it is not one of this signer's, or is not good now."""
        try:
            claims = jwt.decode(
                text,
                self.key,
                algorithms=[self.algorithm],
                issuer=self.issuer,
                audience=self.audience,
                leeway=LEEWAY_SECONDS,
                options={"require": REQUIRED},
            )
            expires_at = float(claims["exp"]) + LEEWAY_SECONDS
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError):
            return None
        subject, scope, tenant = claims["sub"], claims.get("scope", ""), claims.get("tenant")
        if not (isinstance(subject, str) and SUBJECT.fullmatch(subject) and isinstance(scope, str)):
            return None
        if tenant is not None and not (isinstance(tenant, str) and TENANT.fullmatch(tenant)):
            return None  # never taken for the whole site
        asked = frozenset(scope.split(" "))
        return Principal(
            name=f"jwt:{subject}",
            scopes=frozenset(each for each in Scope if each.value in asked),
            tenant=tenant or "",
            expires_at=expires_at,
        )


def signer(content: bytes, algorithm: str, issuer: str, audience: str) -> Signer:
    """`content` of the file of the key; `algorithm` "" for the one that its kind says. Raises UnusableKey."""
    if b"-----BEGIN" not in content:
        secret = content.rstrip(b"\r\n")
        if algorithm == EDDSA:
            raise UnusableKey("it is no public key in PEM, which EdDSA takes (`openssl pkey -pubout`)")
        if len(secret) < SECRET_BYTES:
            raise UnusableKey(f"it has {len(secret)} bytes: HS256 takes {SECRET_BYTES} random ones at the least")
        KNOWN.learn([secret.decode(errors="replace")])  # should anybody ever say it where we write things down
        return Signer(algorithm=HS256, key=secret, issuer=issuer, audience=audience)
    if algorithm == HS256:
        raise UnusableKey("it is a key in PEM, and HS256 takes a secret: write `algorithm: EdDSA`, or another key")
    if b"PRIVATE KEY" in content:
        raise UnusableKey("it is a private key: zpmd takes the public one (`openssl pkey -pubout`)")
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableKey("it cannot be read as a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise UnusableKey("it is no Ed25519 key (`openssl genpkey -algorithm ed25519`)")
    return Signer(algorithm=EDDSA, key=key, issuer=issuer, audience=audience)
