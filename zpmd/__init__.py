"""zpmd: a supervisor that keeps the services of a Docker appliance as its files say.

Read the packages in this order: model (nouns), planning (decisions), ports (what the shell must provide),
sources / engines / stores (the outside world), daemon (the loop), interfaces (how people see it), assembly.
Imports go one way, down that list; `setup.cfg` holds the contracts and `tests/architecture` runs them.
"""

__version__ = "0.1.0"
