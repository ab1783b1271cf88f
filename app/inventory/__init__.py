"""Renewal units, consolidation projects, parcels, their versions and portions."""
