"""Files that services watch (`develop.watch`): looked at, and put into effect on the services of a source.

Read in this order: patterns (what counts), trees (what a path holds), looking (the thread that looks, for everybody who
watches the same), layer (a source whose services carry what they watch). When a change counts is decided in
zpmd.planning.filewatch; no decision is made here.
Lives here: reading and noticing. Never here: the Compose vocabulary, anything of an engine.
May import: zpmd.model, zpmd.planning, zpmd.ports, and the watching of zpmd.sources.
"""
