"""JSON Web Tokens: who is believed, and the ways in which others have been taken in."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from zpmd.interfaces.rest.access import Principal, Scope
from zpmd.interfaces.rest.json_web_tokens import EDDSA, HS256, Signer, UnusableKey, signer

SECRET = b"a secret of this site, and no other one"
PRIVATE = Ed25519PrivateKey.generate()
PUBLIC = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
ISSUER, AUDIENCE = "https://login.example.com", "zpmd"
BOTH = pytest.mark.parametrize("algorithm", [HS256, EDDSA])


def believed(algorithm: str) -> Signer:
    return signer({HS256: SECRET, EDDSA: PUBLIC}[algorithm], "", ISSUER, AUDIENCE)


def claims(**more: Any) -> dict[str, Any]:
    made = {"sub": "ann", "iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 600, "scope": "read operate"}
    return {name: value for name, value in {**made, **more}.items() if value is not None}


def signed(algorithm: str, said: dict[str, Any], key: Any = None, **header: Any) -> str:
    return jwt.encode(said, key or {HS256: SECRET, EDDSA: PRIVATE}[algorithm], algorithm=algorithm, headers=header)


def forged(header: dict[str, Any], said: dict[str, Any], signature: bytes = b"") -> str:
    """What no library makes."""
    parts = (json.dumps(header).encode(), json.dumps(said).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@BOTH
def test_a_good_token_says_who_comes(algorithm: str) -> None:
    said = claims(tenant="acme", scope="openid read operate email")
    assert believed(algorithm).principal(signed(algorithm, said)) == Principal(
        name="jwt:ann", scopes=frozenset({Scope.READ, Scope.OPERATE}), tenant="acme", expires_at=said["exp"] + 10.0
    )


@BOTH
def test_a_token_without_scopes_has_none(algorithm: str) -> None:
    found = believed(algorithm).principal(signed(algorithm, claims(scope=None)))
    assert found is not None
    assert (found.scopes, found.tenant) == (frozenset(), "")


@BOTH
@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": None},
        {"exp": 1_000_000_000},
        {"exp": "soon"},
        pytest.param({"exp": 10**400}, id="exp without end"),
        {"nbf": 99_999_999_999},
        {"iss": None},
        {"iss": "https://login.example.org"},
        {"iss": [ISSUER]},
        {"aud": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"sub": None},
        {"sub": ""},
        {"sub": "ann\nroot"},
        {"sub": "x" * 300},
        {"scope": ["read"]},
        {"tenant": ""},
        {"tenant": 7},
        {"tenant": ["acme"]},
        {"tenant": "acme\n"},
    ],
    ids=str,
)
def test_a_claim_that_is_missing_or_wrong_makes_it_nobody_s(algorithm: str, wrong: dict[str, Any]) -> None:
    said = claims(**wrong)
    key = {HS256: SECRET, EDDSA: PRIVATE}[algorithm]
    text = jwt.PyJWS().encode(json.dumps(said).encode(), key, algorithm=algorithm)
    assert believed(algorithm).principal(text) is None


@BOTH
def test_an_expiry_in_a_list_of_audiences_is_fine(algorithm: str) -> None:
    assert believed(algorithm).principal(signed(algorithm, claims(aud=["another", AUDIENCE]))) is not None


@BOTH
@pytest.mark.parametrize("none", ["none", "None", "NONE", "nOnE", ""])
def test_no_algorithm_is_no_signature(algorithm: str, none: str) -> None:
    for signature in (b"", b"x"):
        assert believed(algorithm).principal(forged({"alg": none, "typ": "JWT"}, claims(), signature)) is None
    assert believed(algorithm).principal(forged({"typ": "JWT"}, claims())) is None


def test_the_public_key_is_no_secret() -> None:
    """The old confusion of algorithms: whoever has the public key signs with it, as if it were a secret of HS256."""
    import hashlib
    import hmac

    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=")
    raw = PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    for secret in (PUBLIC, PUBLIC.rstrip(), raw):
        mac = hmac.new(secret, header + b"." + body, hashlib.sha256).digest()
        text = b".".join((header, body, base64.urlsafe_b64encode(mac).rstrip(b"="))).decode()
        assert believed(EDDSA).principal(text) is None


@pytest.mark.parametrize(("mine", "theirs"), [(HS256, EDDSA), (EDDSA, HS256)])
def test_a_token_of_another_algorithm_is_nobody_s(mine: str, theirs: str) -> None:
    assert believed(mine).principal(signed(theirs, claims())) is None


@BOTH
def test_another_s_signature_is_nobody_s(algorithm: str) -> None:
    other = {HS256: b"another secret, which is as long as it has to be", EDDSA: Ed25519PrivateKey.generate()}[algorithm]
    assert believed(algorithm).principal(signed(algorithm, claims(), other)) is None


@BOTH
def test_a_key_that_a_token_brings_along_is_not_used(algorithm: str) -> None:
    mine = Ed25519PrivateKey.generate()
    x = base64.urlsafe_b64encode(mine.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).rstrip(b"=").decode()
    for header in (
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": x}},
        {"jku": "http://127.0.0.1:1/"},
        {"kid": "../../dev/null"},
    ):
        text = jwt.encode(claims(), mine, algorithm=EDDSA, headers=header)
        assert believed(algorithm).principal(text) is None


@BOTH
def test_no_bit_of_a_signature_can_be_changed(algorithm: str) -> None:
    head, _, signature = signed(algorithm, claims()).rpartition(".")
    for place in range(len(signature) - 1):
        other = "A" if signature[place] != "A" else "B"
        assert believed(algorithm).principal(f"{head}.{signature[:place]}{other}{signature[place + 1 :]}") is None


@BOTH
@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "e30.e30.", "....", "é.é.é", "[" * 3000, "e30." * 900])
def test_what_is_no_token_is_nobody_s(algorithm: str, text: str) -> None:
    assert believed(algorithm).principal(text) is None


@pytest.mark.parametrize(
    ("content", "algorithm", "complaint"),
    [
        (b"short", "", "it has 5 bytes: HS256 takes 32"),
        (SECRET, EDDSA, "no public key in PEM"),
        (PUBLIC, HS256, "HS256 takes a secret"),
        (PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "", "private key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "", "cannot be read"),
        (ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "", "no Ed25519 key"),
        (ed448.Ed448PrivateKey.generate().public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "", "no Ed25519 key"),
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_used_is_refused(content: bytes, algorithm: str, complaint: str) -> None:
    with pytest.raises(UnusableKey, match=complaint):
        signer(content, algorithm, ISSUER, AUDIENCE)
