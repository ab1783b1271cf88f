-- Every node of the tree without its sums and parcels, packed for app/landbank/hectares/tree.py: a record for each, of
-- big-endian numbers. parent_id is 0 for a root; settled is a day number.
SELECT
    string_agg(
        int8send(n.id) || int8send(coalesce(n.parent_id, 0)) || int8send(n.level) || int8send(n.settled)
        || float8send(n.west) || float8send(n.south) || float8send(n.east) || float8send(n.north),
        CAST('' AS bytea)
    ) AS records
FROM tree_node AS n
