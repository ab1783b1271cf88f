"""Districts, sub-districts, communities, land categories and the crosswalks to national codes."""
