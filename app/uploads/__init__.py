"""A file comes in, findings come out, rows are committed or undone."""
