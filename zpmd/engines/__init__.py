"""What is: each engine observes, applies to and watches one container engine.

Lives here: the Docker engine (docker.py over dockerd/), and what is pure of it: labels.py, context.py, references.py.
Never here: decisions. An engine does the one action that it is given, or says why it could not.
May import: zpmd.ports, zpmd.errors, zpmd.model, and the engine's client library. Only assembly imports an engine.
A container, volume or network without our owner label is never changed: every mutation starts from a label or an id of
ours.
"""
