"""Compose files: from text to desired state, by the Compose Specification.

Read in this order: desired (the entrance), files (reading, variables, include, extends), merging, vocabulary (every key
and its fate), service with process / network / mounts / deploy (one service), objects (what services refer to), checks
(what shows only between services).
Lives here: the meaning of Compose files. Pure: files come through a port, nothing is written.
May import: zpmd.model, and the YAML and reading modules of zpmd.sources.
"""
