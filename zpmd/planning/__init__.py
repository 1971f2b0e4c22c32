"""Decisions: pure functions from what should be, what is and what is remembered to one wave of actions.

Lives here: the planner and its policies (order, backoff, rollout, removal, prerequisites), one idea a file.
Never here: I/O, clocks (`now` is an argument), randomness, logging, engines' or Compose's own words.
May import: zpmd.model and siblings.
Read planner.py first; then slots.py and tending.py, which are the heart of it.
"""
