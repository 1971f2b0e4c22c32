"""The parts of the Docker engine adapter, one idea a file; `zpmd.engines.docker.DockerEngine` puts them together.

wire.py speaks HTTP and knows versions, faults.py turns every failure into one verdict and one line, observing.py reads
the world, replicas.py, hooks.py, resources.py and pulls.py act on it, events.py and logs.py hold streams open.
All JSON stays in here: what leaves is values of zpmd.model.
"""
