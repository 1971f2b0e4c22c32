"""What a patch file is, and how it comes in: read, checked, made, signed; noticed, copied, put away.

Lives here: the manifest, the bundle, its archives, minisign's signatures, and the drop directory.
Never here: whether and when a patch is applied (planning/), or a change of a container.
May import: sources, stores, ports, planning, model, and how engines write references (engines.references);
zpmd.interfaces may import it, for `zpmctl patch build`.
"""
