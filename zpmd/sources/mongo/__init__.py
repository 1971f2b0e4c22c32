"""The product's database as MongoDB: its rows, followed as they change, and the replica set that it is.

Files: `client` (how it is reached, and what went wrong in words), `session` (which database holds whose rows),
`streams` (noticing changes), `registry` (the rows; a ports.Registry), `portmirror` (its record of ports), and the
replica set: `direct`, `looking`, `replicaset`, `replicaset_documents`.
"""
