"""What a name means, and the stories of tenants and patches."""

from __future__ import annotations

import pytest

from zpmd.errors import NotFound, Refused
from zpmd.interfaces.why.subject import Names, Subject, subject

KNOWN = Names(
    services=("redis", "acme", "zona_user", "fix"),
    tenants=("acme", "globex"),
    patches=("fix", "hotfix-1042"),
    remembered=lambda name: name == "gone",
    dropped=lambda name: name == "old-patch",
)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("redis", Subject(kind="service", name="redis")),
        ("service:acme", Subject(kind="service", name="acme")),
        ("redis/2", Subject(kind="slot", name="redis", slot=2)),
        ("service:redis/2", Subject(kind="slot", name="redis", slot=2)),
        ("globex", Subject(kind="tenant", name="globex")),
        ("tenant:acme", Subject(kind="tenant", name="acme")),
        ("hotfix-1042", Subject(kind="patch", name="hotfix-1042")),
        ("patch:fix", Subject(kind="patch", name="fix")),
        ("gone", Subject(kind="service", name="gone")),
        ("gone/1", Subject(kind="slot", name="gone", slot=1)),
        ("old-patch", Subject(kind="patch", name="old-patch")),
    ],
)
def test_a_name_means_what_it_is_the_name_of(asked: str, meant: Subject) -> None:
    assert subject(asked, KNOWN) == meant


@pytest.mark.parametrize(
    ("asked", "error", "text"),
    [
        ("acme", Refused, "acme is a service and a tenant: say `service:acme` or `tenant:acme`"),
        ("fix", Refused, "fix is a service and a patch: say `service:fix` or `patch:fix`"),
        ("reddis", NotFound, "no service, tenant or patch reddis: did you mean redis?"),
        ("reddis/3", NotFound, "no service, tenant or patch reddis/3: did you mean redis/3?"),
        ("globx", NotFound, "no service, tenant or patch globx: did you mean tenant:globex?"),
        ("hotfix-1024", NotFound, "no service, tenant or patch hotfix-1024: did you mean patch:hotfix-1042?"),
        ("tenant:redis", NotFound, "no tenant redis"),
        ("patch:hotfix", NotFound, "no patch hotfix: did you mean patch:hotfix-1042?"),
        ("xyz", NotFound, "no service, tenant or patch xyz"),
        ("redis/x", NotFound, "no service, tenant or patch redis/x: did you mean redis?"),
        ("redis/²", NotFound, "no service, tenant or patch redis/²: did you mean redis?"),
    ],
)
def test_nothing_is_guessed(asked: str, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        subject(asked, KNOWN)
    assert str(raised.value) == text
