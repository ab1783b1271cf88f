"""Hectares against targets: where a year stands, and where it is going."""
