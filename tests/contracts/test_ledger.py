"""How every store keeps the ledger of patches, and what was measured of services. One suite for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.contracts.stores import Open
from zpmd.errors import StoreError
from zpmd.model.memory import Timing
from zpmd.model.patch import Archive, CarriedImage, Change, Manifest, Move, Patch, Stage, Step
from zpmd.model.service import Group
from zpmd.ports import Store

MANIFEST = Manifest(
    id="hotfix-1042",
    description="Fixes the lögin loop",
    tag="v2.3.1",
    services=(Change(service="zona_user", image="zona/user:v2.3.1"), Change(service="zona_siem")),
    groups=(Group.CORE,),
    images=(
        Archive(
            file="images/zona_user.tar",
            size=12345,
            sha256="ab" * 32,
            images=(CarriedImage(reference="zona/user:v2.3.1", ids=("sha256:" + "cd" * 32,)),),
        ),
    ),
    expires=1_800_000_000.5,
    requires=("hotfix-1041",),
)
SEEN = Patch(number=0, name="hotfix-1042.zpatch", stage=Stage.SEEN, owner="root", times=((Stage.SEEN, 5.25),))
ROLLING = replace(
    SEEN,
    stage=Stage.ROLLING,
    id="hotfix-1042",
    sha256="ef" * 32,
    size=20_000_000_000,
    signer="0123456789ABCDEF",
    manifest=MANIFEST,
    copy="/var/lib/zpmd/patches/1/bundle",
    times=((Stage.SEEN, 5.25), (Stage.ROLLING, 9.5)),
    moves=(Move(service="zona_user", image="zona/user:v2.3.1", bases=("zona/user:v2.3.0",)),),
    steps=(Step(service="zona_user", at=9.5, generation=4, was="zona/user:v2.3.0", clock=9.5),),
    baseline=("zona_siem", "zona_user"),
)


def at_once_and_later(store: Store, reopen: Open) -> Iterator[Store]:
    """A store that was written to, and what a restart makes of it."""
    yield store
    yield reopen()


def kept(store: Store, stage: Stage, id: str = "p") -> int:
    number = store.begin_patch(SEEN)
    store.keep_patch(replace(SEEN, number=number, stage=stage, id=id))
    return number


def test_drops_are_counted_from_one_and_no_number_is_given_twice(reopen: Open) -> None:
    assert [reopen().begin_patch(replace(SEEN, number=77)) for _ in range(3)] == [1, 2, 3]
    assert [patch.number for patch in reopen().memory().patches] == [1, 2, 3]


def test_a_row_comes_back_as_it_was_kept_last(reopen: Open) -> None:
    store = reopen()
    number = store.begin_patch(SEEN)
    assert store.memory().patches == (replace(SEEN, number=number),)
    assert reopen().memory().patches == (replace(SEEN, number=number),)
    rolling = replace(ROLLING, number=number)
    store = reopen()
    store.keep_patch(rolling)
    for again in at_once_and_later(store, reopen):
        assert again.memory().patches == again.ledger() == (rolling,)


def test_a_row_that_nobody_began_is_not_kept(reopen: Open) -> None:
    store = reopen()
    store.keep_patch(replace(ROLLING, number=5))
    for again in at_once_and_later(store, reopen):
        assert again.memory().patches == again.ledger() == ()


def test_the_loops_word_leaves_alone_what_was_asked_and_where_the_file_went(reopen: Open) -> None:
    store = reopen()
    number = kept(store, Stage.APPLIED)
    store.file_patch(number, "/var/spool/zpmd/applied/p.zpatch")
    store.ask_revert([number], "uid:0(root)")
    store.keep_patch(replace(ROLLING, number=number, stage=Stage.ROLLING_BACK, asked="", filed="elsewhere"))
    for again in at_once_and_later(store, reopen):
        (patch,) = again.memory().patches
        assert (patch.stage, patch.asked) == (Stage.ROLLING_BACK, "uid:0(root)")
        assert patch.filed == "/var/spool/zpmd/applied/p.zpatch"
    reopen().keep_patch(replace(ROLLING, number=number, stage=Stage.REVERTED))
    (patch,) = reopen().ledger()
    assert (patch.stage, patch.asked) == (Stage.REVERTED, "uid:0(root)"), "the asking is history"
    assert patch.ended


def test_a_file_that_is_filed_again_is_where_it_was_put_last(reopen: Open) -> None:
    store = reopen()
    number = kept(store, Stage.APPLIED)
    store.file_patch(number, "applied")
    store.file_patch(number, "rolled-back")
    store.file_patch(number + 1, "nobody's")
    for again in at_once_and_later(store, reopen):
        assert [patch.filed for patch in again.ledger()] == ["rolled-back"]


def test_all_that_were_asked_for_are_taken_back_or_none(reopen: Open) -> None:
    store = reopen()
    one, two = kept(store, Stage.APPLIED), kept(store, Stage.APPLIED)
    with pytest.raises(StoreError, match="cannot revert drop 9: the ledger has no such row"):
        store.ask_revert([one, 9, two], "me")
    for again in at_once_and_later(store, reopen):
        assert [patch.asked for patch in again.memory().patches] == ["", ""]
    store = reopen()
    store.ask_revert([two, one], "me")
    for again in at_once_and_later(store, reopen):
        assert [patch.reverting for patch in again.memory().patches] == [True, True]


def test_the_ledger_is_asked_by_number_of_rows_and_by_patch(reopen: Open) -> None:
    store = reopen()
    for n in range(6):
        kept(store, Stage.ROLLED_BACK, id=("odd", "even")[n % 2])
    for again in at_once_and_later(store, reopen):
        assert [patch.number for patch in again.ledger()] == [6, 5, 4, 3, 2, 1]
        assert [patch.number for patch in again.ledger(limit=2)] == [6, 5]
        assert [patch.number for patch in again.ledger(id="odd", limit=2)] == [5, 3]
        assert again.ledger(id="nobody") == ()


def test_what_matters_stays_and_of_history_the_newest(reopen: Open) -> None:
    store = reopen()
    applied, rolling = kept(store, Stage.APPLIED), kept(store, Stage.ROLLING)
    over = [kept(store, Stage.QUARANTINED) for _ in range(205)]
    for again in at_once_and_later(store, reopen):
        assert [patch.number for patch in again.memory().patches] == [applied, rolling, *over[-200:]]
        assert [patch.number for patch in again.ledger(limit=1000)] == [*reversed(over), rolling, applied]
        assert again.ledger(limit=1000)[-3].stage is Stage.QUARANTINED
        again.file_patch(over[0], "quarantine")
        assert again.ledger(limit=1000)[-3].filed == "quarantine"


def test_history_is_bounded(reopen: Open) -> None:
    store = reopen()
    applied = kept(store, Stage.APPLIED)
    for _ in range(1005):
        store.begin_patch(replace(SEEN, stage=Stage.QUARANTINED))
    for again in at_once_and_later(store, reopen):
        numbers = [patch.number for patch in again.ledger(limit=5000)]
        assert numbers == [*range(1006, 6, -1), applied]


def test_patches_once_given_do_not_change(store: Store) -> None:
    writes: list[Callable[[int], object]] = [
        lambda number: store.keep_patch(replace(ROLLING, number=number)),
        lambda number: store.file_patch(number, "applied"),
        lambda number: store.ask_revert([number], "me"),
        lambda number: store.begin_patch(SEEN),
        lambda number: store.keep_timing("redis", Timing(stop_seconds=1.0)),
    ]
    number = store.begin_patch(SEEN)
    for write in writes:
        before = store.memory()
        patches = before.patches
        assert store.memory() is before, "an unchanged memory costs nothing"
        write(number)
        assert before.patches is patches
        assert store.memory() != before


def test_timings_are_kept_until_their_service_has_left(reopen: Open) -> None:
    store = reopen()
    store.keep_timing("redis", Timing(stop_seconds=9.0))
    store.keep_timing("redis", Timing(stop_seconds=0.5, ready_seconds=2.25))
    store.keep_timing("gone", Timing(ready_seconds=1.0))
    for again in at_once_and_later(store, reopen):
        assert dict(again.memory().timings) == {
            "redis": Timing(stop_seconds=0.5, ready_seconds=2.25),
            "gone": Timing(ready_seconds=1.0),
        }
    store = reopen()
    store.begin_patch(ROLLING)
    store.forget({"redis"}, set())
    for again in at_once_and_later(store, reopen):
        assert set(again.memory().timings) == {"redis"}
        assert len(again.memory().patches) == 1, "a ledger is not forgotten with the services that it names"
