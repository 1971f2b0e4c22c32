"""`python -m zpmd.interfaces.ctl`, where zpmctl is not on the path."""

from zpmd.interfaces.ctl.program import main

main()
