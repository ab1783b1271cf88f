-- Road and rail parcels of the inventory on a day that come near the parcels given: what may lie between them.
-- max_gap is in metres of the storage CRS.
SELECT DISTINCT
    v.id AS version_id,
    ST_AsBinary(v.geom) AS outline
FROM parcel_version AS one
INNER JOIN parcel_version AS v ON ST_DWithin(one.geom, v.geom, CAST(:max_gap AS double precision))
INNER JOIN
    matching_piece(
        known_at => :known_at, measure => 'inventory', first_day => CAST(:as_of AS date),
        last_day => CAST(:as_of AS date), category => ARRAY['road_rail'], layer => :layer
    ) AS m
    ON v.id = m.version_id
WHERE one.id = ANY(CAST(:versions AS bigint[]))
