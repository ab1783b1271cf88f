"""Lineage: parcels split, merged and given new boundaries, with entry date and credit kept."""
