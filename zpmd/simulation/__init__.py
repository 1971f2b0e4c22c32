"""The simulated world: the real loop on a host that exists in memory, in virtual time, under any misfortune.

Lives here: the host (engine, source, store, clocks, workers that a scheduler drives), the moves that can happen to it,
the invariants that hold after each of them, sessions made of moves, and what `zpmd simulate` prints.
Never here: a decision of zpmd's. The loop, chronicle, desire, control and planner are the real ones.
May import: daemon, engines, sources, stores, ports, errors, planning, model. Known to __main__ and to tests alone.
Read site.py first; then moves.py, which is the whole list of what can happen; then invariants.py.
"""
