"""The simulated world: the real loop on a host that exists in memory, in virtual time, under any misfortune.

Lives here: the host (what is there), the site (a host that is driven, with a daemon that lives and dies on it), the
moves that can happen to it, the laws that hold after each, sessions made of moves, and what `zpmd simulate` prints.
Never here: a decision of zpmd's. The loop, chronicle, desire, control and planner are the real ones.
May import: daemon, engines, sources, stores, ports, errors, planning, model. Known to __main__ and to tests alone.
Read host.py and site.py first; then moves.py, which is the whole list of what can happen; then invariants.py.
"""
