"""Scope: how many projects there are and how large their boundaries are. Never counted as land banked."""
