"""The question "how many hectares, where, of what": one value asks it, one SQL file answers it."""
