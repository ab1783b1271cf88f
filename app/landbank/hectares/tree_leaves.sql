-- Which leaf of the tree each of some parcels lies in; those that it does not hold yet are left out.
SELECT
    t.parcel_id,
    t.leaf_id
FROM unnest(CAST(:parcels AS bigint[])) AS a (id)
INNER JOIN tree_parcel AS t ON a.id = t.parcel_id
