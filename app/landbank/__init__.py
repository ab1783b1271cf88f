"""Land events, targets, recognition rules, hectares and progress."""
