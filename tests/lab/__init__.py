"""The lab: real components for tests, each in a fresh folder of its own, ended by whoever started it.

Lives here: starting, breaking and clearing a Docker Engine; waiting for a state; keeping artifacts of failed tests.
Never here: assertions about zpmd, and anything that the product needs at run time.
"""
