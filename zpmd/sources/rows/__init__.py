"""Documents of the product's database, as BSON or YAML gives them, to rows of the model. Pure, linear, never raises.

Lives here: what each collection's fields must be (`kinds`), how one value is taken (`fields`), and what rows say
together: duplicates, order (`together`). Other programs write the documents, over years: what is wrong with one of them
is a `RowTrouble` with collection, row and field, and stops none of the others. Never the value of a secret.
Never here: MongoDB, files, and what a bad row means for a service (planning/rows.py).

One database is `understand`-ed at a time, and the parts are put `together`: where tenants have databases of their own,
a change in one of them has only that one understood again.
"""

from zpmd.sources.rows.kinds import COLLECTIONS, OWN_COLLECTIONS
from zpmd.sources.rows.together import Documents, Part, read, together, understand

__all__ = ["COLLECTIONS", "OWN_COLLECTIONS", "Documents", "Part", "read", "together", "understand"]
