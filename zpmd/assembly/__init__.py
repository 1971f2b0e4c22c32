"""The composition root: builds the concrete parts and wires them. The one package that knows them all.

What lives here: daemon.py, the list of what zpmd is made of; rows.py, how it comes to tenants and integrations.
What never does: a decision. May import: everything. Imported by: zpmd.__main__ alone.
"""

from zpmd.assembly.daemon import run

__all__ = ["run"]
