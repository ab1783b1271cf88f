"""Contiguous land (连片): banked and candidate parcels that lie close together, as blocks."""
