"""The zh/en catalogue: one JSON file a slice, read as one by app.errors."""
