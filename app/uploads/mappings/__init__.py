"""Field mappings kept under a name, for the next file of the same make."""
