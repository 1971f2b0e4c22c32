"""How people see it: read models of snapshots and journal, the REST API over the unix socket, zpmctl.

Lives here: pure read models (status, why, until), what serves them (api, server), and the command line over them.
Never here: a decision, an engine, a source or a store: all of it goes through ports.Control.
May import: ports, errors, model.
"""
