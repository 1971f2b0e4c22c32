"""The shell: the one loop that owns all state, its mailbox, its workers and watchers.

Lives here: threads, signals, sleeping, and the order of a pass (load, observe, plan, check, dispatch, publish).
Never here: a decision (planning), an engine's or a file's own words (engines, sources).
May import: ports, errors, planning, model; concrete parts are handed in by assembly.
"""
