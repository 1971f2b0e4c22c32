"""Ports of integrations, by example: who gets which, who keeps it, and what is said."""

from __future__ import annotations

from dataclasses import replace

from zpmd.model.tenant import IntegrationKey, PortLease
from zpmd.planning.leasing import Claim, Leasing, lease

A, B, C = (IntegrationKey("acme", n) for n in (1, 2, 3))
NOW, COOLDOWN = 1000.0, 100.0


def held(key: IntegrationKey, port: int, released_at: float | None = None) -> PortLease:
    return PortLease(key=key, port=port, leased_at=1.0, released_at=released_at)


def leased(
    *claims: Claim | IntegrationKey,
    known: tuple[PortLease, ...] = (),
    adopted: dict[IntegrationKey, int] | None = None,
    taken: dict[int, str] | None = None,
    now: float = NOW,
) -> Leasing:
    wanted = [c if isinstance(c, Claim) else Claim(c, 9100, 9199) for c in claims]
    return lease(wanted, {one.key: one for one in known}, adopted or {}, taken or {}, now, COOLDOWN)


def ports(leasing: Leasing) -> dict[IntegrationKey, int]:
    return {key: one.port for key, one in leasing.leases.items()}


def test_the_lowest_free_port_goes_to_the_first() -> None:
    done = leased(B, A)
    assert ports(done) == {A: 9100, B: 9101}
    assert done.changed == (replace(held(A, 9100), leased_at=NOW), replace(held(B, 9101), leased_at=NOW))


def test_a_lease_is_kept_whatever_else_changes() -> None:
    known = (held(B, 9100),)
    done = leased(A, Claim(B, 9500, 9600, needs=False), known=known, adopted={B: 9150}, taken={9100: "a stranger"})
    assert ports(done) == {A: 9101, B: 9100}
    assert done.leases[B] is known[0]


def test_who_is_not_to_run_is_given_none() -> None:
    assert leased(Claim(A, 9100, 9199, needs=False)).leases == {}


def test_a_recorded_port_is_taken_over_where_it_is_to_be_had() -> None:
    assert ports(leased(A, B, adopted={B: 9100})) == {A: 9101, B: 9100}
    assert ports(leased(A, adopted={A: 80})) == {A: 9100}
    assert ports(leased(A, known=(held(B, 9107, released_at=NOW),), adopted={A: 9107}))[A] == 9100


def test_a_recorded_port_of_somebody_who_is_not_here_is_given_last() -> None:
    assert ports(leased(Claim(A, 9100, 9101), adopted={C: 9100})) == {A: 9101}
    assert ports(leased(Claim(A, 9100, 9100), adopted={C: 9100})) == {A: 9100}


def test_what_others_hold_is_passed_over_and_told() -> None:
    done = leased(A, B, adopted={B: 9150}, taken={9100: "service web", 9150: "a foreign listener", 9199: "never asked"})
    assert ports(done) == {A: 9101, B: 9102}
    assert done.skipped == ((9100, "service web"), (9150, "a foreign listener"))


def test_a_released_port_cools_down_and_is_taken_up_again() -> None:
    gone = leased(B, known=(held(A, 9100),))
    assert gone.leases[A].released_at == NOW
    assert ports(gone)[B] == 9101
    back = leased(A, B, known=tuple(gone.leases.values()), now=NOW + COOLDOWN - 1)
    assert back.changed == (held(A, 9100),)


def test_after_the_cool_down_a_lease_is_forgotten_and_its_port_goes_on() -> None:
    done = leased(B, known=(held(A, 9100, released_at=NOW - COOLDOWN),))
    assert (done.forgotten, ports(done)) == ((A,), {B: 9100})


def test_a_clock_that_was_ahead_does_not_prolong_a_cool_down() -> None:
    done = leased(known=(held(A, 9100, released_at=NOW + 1e9),))
    assert done.leases[A].released_at == NOW


def test_a_full_range_is_a_trouble_of_that_row_alone() -> None:
    full = (9100, 9101)
    done = leased(Claim(A, *full), Claim(B, *full, row="65f1"), C, taken={9101: "a foreign listener"})
    assert ports(done) == {A: 9100, C: 9102}
    assert [str(t) for t in done.shortages] == [
        "integrations 65f1 of tenant acme: port: no port is free in 9100-9101, 1 of them held by others: widen the"
        " range of its template"
    ]


def test_of_two_leases_on_one_port_the_one_in_use_stands() -> None:
    done = leased(B, C, known=(held(A, 9100), held(B, 9100), replace(held(C, 9100), leased_at=2.0)))
    assert ports(done) == {B: 9100, C: 9101}
    assert done.forgotten == (A,)
