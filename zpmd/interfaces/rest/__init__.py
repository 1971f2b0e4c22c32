"""The REST API: ports.Control over HTTP. Its routes (app, and a module for each part), who may use them (access), what
is answered when something goes wrong (problems), and what serves it (server).

A route translates, and decides nothing: what can be worked out of a snapshot is worked out in the read models beside.
"""
