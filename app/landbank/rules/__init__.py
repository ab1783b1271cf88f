"""Recognition rules, versioned data: which entries count, by which date, square metres and category."""
