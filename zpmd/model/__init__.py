"""Nouns: the frozen values that the whole program speaks in.

Lives here: what a service, a replica, a plan, a decision *is*, and the canonical hash of a spec.
Never here: I/O, clocks, randomness, threads, logging, third-party imports.
May import: nothing but the standard library's value types and its own siblings.

Everywhere below, an instant is a float of Unix seconds (UTC) and a duration a float of seconds.
"""
