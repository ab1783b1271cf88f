"""The whole bank looked over: what is stored is computed anew from the outlines and the ledger, and compared."""
