"""Targets: what was set for a year, in versions."""
