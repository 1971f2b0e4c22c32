"""What is remembered: operator intent, attempts, verdicts, journal, dossiers, last known good.

Lives here: implementations of ports.Store, each over one kind of storage.
Never here: a decision about what is remembered, or when; that is the loop's.
May import: ports, errors, model. Known to assembly alone.
"""
