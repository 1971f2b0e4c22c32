"""The laws of leasing, over any sequence of rows that come, go and return while time passes."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.rows_worlds import keys
from zpmd.model.tenant import IntegrationKey, PortLease
from zpmd.planning.leasing import Claim, Leasing, lease

COOLDOWN = 100.0
RANGES = st.sampled_from([(9100, 9103), (9102, 9110), (9100, 9199)])

claims = st.dictionaries(keys, st.tuples(RANGES, st.booleans())).map(
    lambda found: [Claim(key, low, high, needs) for key, ((low, high), needs) in found.items()]
)
adoptions = st.dictionaries(keys, st.integers(9098, 9112), max_size=4)
foreign = st.dictionaries(st.integers(9100, 9108), st.just("a stranger listens"), max_size=4)
steps = st.lists(st.tuples(claims, adoptions, foreign, st.floats(0, 150)), max_size=8)


@given(steps)
def test_leases_over_a_sequence_of_changes(
    sequence: list[tuple[list[Claim], dict[IntegrationKey, int], dict[int, str], float]],
) -> None:
    now = 1000.0
    known: dict[IntegrationKey, PortLease] = {}
    left: dict[int, tuple[IntegrationKey, float]] = {}
    for wanted, adopted, taken, passes in sequence:
        now += passes
        done = lease(wanted, known, adopted, taken, now, COOLDOWN)
        claimed = {c.key for c in wanted}
        ports = [one.port for one in done.leases.values()]
        assert len(ports) == len(set(ports)), "two leases have one port"
        for key, one in done.leases.items():
            assert (one.released_at is None) == (key in claimed), f"{key} is released, and claims it, or neither"
            if key in known:
                assert one.port == known[key].port, f"{key} has been moved"
            else:
                assert one.port not in taken, f"{key} got a port of somebody else"
            former, since = left.get(one.port, (key, now))
            assert former == key or now - since >= COOLDOWN, f"{one.port} went to {key} within the cool-down"
        held = known.keys() & claimed
        assert held <= done.leases.keys(), "a lease in use was lost"
        needing = {c.key for c in wanted if c.needs}
        assert needing - done.leases.keys() == {s.key for s in done.shortages}
        told = {one.key: one for one in done.changed}
        assert {**{k: v for k, v in known.items() if k not in done.forgotten}, **told} == dict(done.leases)
        left = {o.port: (k, o.released_at) for k, o in done.leases.items() if o.released_at is not None} | {
            o.port: (k, now) for k, o in done.leases.items() if o.released_at is None
        }
        known = dict(done.leases)


@given(claims, claims, adoptions, foreign, st.integers())
def test_the_order_means_nothing_and_leasing_again_changes_nothing(
    earlier: list[Claim], wanted: list[Claim], adopted: dict[IntegrationKey, int], taken: dict[int, str], seed: int
) -> None:
    known = lease(earlier, {}, adopted, taken, 1.0, COOLDOWN).leases
    done = lease(wanted, known, adopted, taken, 2.0, COOLDOWN)
    mixed = random.Random(seed).sample(wanted, len(wanted))
    assert lease(mixed, dict(reversed(known.items())), adopted, taken, 2.0, COOLDOWN) == done
    again = lease(wanted, done.leases, adopted, taken, 2.0, COOLDOWN)
    assert (again.leases, again.changed, again.forgotten) == (done.leases, (), ())


@given(claims, foreign)
def test_new_ports_are_the_lowest_that_are_free(wanted: list[Claim], taken: dict[int, str]) -> None:
    done: Leasing = lease(wanted, {}, {}, taken, 1.0, COOLDOWN)
    given_ports = {one.port for one in done.leases.values()}
    for claim in wanted:
        if claim.key in done.leases:
            lower = range(claim.low, done.leases[claim.key].port)
            assert all(port in given_ports or port in taken for port in lower)
    assert {port for port, _ in done.skipped} <= taken.keys()
