-- Which leaf of the tree each new parcel lies in: one statement for all of them.
INSERT INTO tree_parcel (parcel_id, leaf_id)
SELECT
    p.parcel_id,
    p.leaf_id
FROM unnest(CAST(:parcels AS bigint[]), CAST(:leaves AS bigint[])) AS p (parcel_id, leaf_id)
