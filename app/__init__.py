"""Landbank: hectares in the land bank, by category and place, against targets."""

__version__ = "0.1.0"
