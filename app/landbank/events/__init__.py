"""The ledger's writing side: evidence documents and land events, and what keeps land from being banked twice."""
