"""Tests of zpmd.drafting: from what an engine says to service files that say the same."""
