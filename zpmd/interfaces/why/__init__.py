"""Why: the causal story of a service, slot, tenant or patch, from the snapshot, the journal and the dossiers. Pure.

`subject` tells what a name means; `service`, `tenant` and `patch` tell the stories, that of a service from its `case`,
with its `replicas`; `chain` makes sentences of the journal, and `waits` follows what waits for what to where it ends.

Written for whoever is called at three in the morning: what is down, why, is it being handled, and by whom. The answer
is one line; the evidence comes after it.
"""

from zpmd.interfaces.why.replicas import entry_view as entry_view
from zpmd.interfaces.why.service import why as why
