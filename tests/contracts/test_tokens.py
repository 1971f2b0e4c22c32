"""What every store of API keys is held to: the one on disk, and the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contracts.stores import FixedClock
from zpmd.errors import Refused
from zpmd.model.token import ApiToken, Scope
from zpmd.ports import Tokens
from zpmd.stores import tokens
from zpmd.stores.embedded import EmbeddedStore
from zpmd.stores.tokens import MemoryTokens

Open = Callable[[], Tokens]
NOON = 1_700_049_600.0


@pytest.fixture(params=["embedded", "memory"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same store again, as a restart of the daemon does."""
    opened: list[EmbeddedStore] = []
    memory = MemoryTokens()

    def open_again() -> Tokens:
        if request.param == "memory":
            return memory
        while opened:
            opened.pop().close()
        opened.append(EmbeddedStore(tmp_path / "zpmd.db", journal_entries=100, clock=FixedClock()))
        return opened[-1].tokens

    yield open_again
    for store in opened:
        store.close()


def token(number: int, **more: object) -> ApiToken:
    made = ApiToken(
        id=f"{number:08x}",
        digest=f"{number:064x}",
        name=f"program {number}",
        scopes=(Scope.OPERATE, Scope.READ),
        made_at=NOON + number,
        made_by="root",
    )
    return replace(made, **more)  # type: ignore[arg-type]


def test_what_is_kept_is_there_after_a_restart(reopen: Open) -> None:
    plain, narrow = token(1), token(2, tenant="acme", expires_at=NOON + 60)
    reopen().keep(narrow)
    reopen().keep(plain)
    assert reopen().all() == (plain, narrow)
    assert reopen().find(plain.id) == plain
    assert reopen().find("ffffffff") is None


def test_a_revocation_is_for_ever(reopen: Open) -> None:
    reopen().keep(token(1))
    assert reopen().revoke(token(1).id, NOON + 5) == token(1, revoked_at=NOON + 5)
    assert reopen().revoke(token(1).id, NOON + 9) == token(1, revoked_at=NOON + 5)
    assert reopen().find(token(1).id) == token(1, revoked_at=NOON + 5)
    assert reopen().revoke("ffffffff", NOON) is None


def test_the_last_use_is_remembered_once_a_minute(reopen: Open) -> None:
    store = reopen()
    store.keep(token(1))
    for at in (NOON, NOON + 1, NOON + 59):
        store.used(token(1).id, at)
    assert store.find(token(1).id) == token(1, used_at=NOON)
    store.used(token(1).id, NOON + 60)
    store.used("ffffffff", NOON)
    assert reopen().find(token(1).id) == token(1, used_at=NOON + 60)


def test_no_id_is_given_twice(reopen: Open) -> None:
    reopen().keep(token(1))
    with pytest.raises(Refused, match="is taken"):
        reopen().keep(token(1, name="another"))
    assert reopen().all() == (token(1),)


def test_of_too_many_only_useless_ones_go(reopen: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST", 3)
    store = reopen()
    for one in (token(1, expires_at=NOON + 2), token(2), token(3)):
        store.keep(one)
    store.keep(token(4))
    assert [one.id for one in store.all()] == [token(n).id for n in (2, 3, 4)]
    with pytest.raises(Refused, match="revoke one that nobody needs"):
        store.keep(token(5))
    store.revoke(token(3).id, NOON + 6)
    store.keep(token(5))
    assert [one.id for one in reopen().all()] == [token(n).id for n in (2, 4, 5)]


def test_of_the_useless_ones_the_newest_stay(reopen: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "USELESS_MOST", 2)
    store = reopen()
    for number in range(1, 6):
        store.keep(token(number))
        store.revoke(token(number).id, NOON + number)
    store.keep(token(6))
    assert [one.id for one in reopen().all()] == [token(n).id for n in (4, 5, 6)]
