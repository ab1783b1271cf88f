-- Statistics of what is derived, after all of it was replaced: until autovacuum came, the planner took the roll-up and
-- the tree for what they had been before.
ANALYZE hectares_key, hectares_rollup, tree_key, tree_node, tree_parcel
