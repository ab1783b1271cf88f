-- What the tree holds of parcels that a publication brought in and that have no events (touched_parcels.sql), in
-- Hilbert order, each column as one array; otherwise as tree_parcels.sql.
SELECT
    array_agg(n.parcel_id) AS parcel,
    array_agg(n.version_id) AS version,
    array_agg(ST_XMin(n.box)) AS west,
    array_agg(ST_YMin(n.box)) AS south,
    array_agg(ST_XMax(n.box)) AS east,
    array_agg(ST_YMax(n.box)) AS north,
    array_agg(n.effective_date - CAST('0001-01-01' AS date) + 1) AS settled,
    array_agg(n.programme) AS programme,
    array_agg(n.land_category) AS land_category,
    array_agg(n.layer) AS layer,
    array_agg(n.plane) AS plane,
    array_agg(n.ellipsoidal) AS ellipsoidal
FROM (
    SELECT
        v.parcel_id,
        v.id AS version_id,
        CAST(v.geom AS box2d) AS box,
        v.effective_date,
        v.programme,
        v.land_category,
        v.layer,
        CAST(v.plane_square_metres * 10000 AS bigint) AS plane,
        CAST(v.ellipsoidal_square_metres * 10000 AS bigint) AS ellipsoidal
    FROM unnest(CAST(:parcels AS bigint[])) AS a (id)
    INNER JOIN parcel_version AS v ON a.id = v.parcel_id AND v.recorded_from = :recorded_at
    ORDER BY v.geom
) AS n
