"""The composition root: builds the concrete parts and wires them. The one package that knows them all.

Lives here: daemon.py, the list of what zpmd is made of; rows.py, how it comes to tenants and integrations;
patches.py, how patch files come in; api.py, how programs do; rehearsal.py, what decides, on a copy and without hands.
Never here: a decision, or anything that a part could do itself.
May import: everything. Only zpmd.__main__ imports it.
"""

from zpmd.assembly.daemon import run
from zpmd.assembly.rehearsal import rehearse

__all__ = ["rehearse", "run"]
