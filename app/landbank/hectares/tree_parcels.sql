-- What the tree holds of each parcel, in Hilbert order: what it is in the inventory and in the bank in the end, as
-- known at a moment; the day number from which that holds; and a rectangle around every outline by which it was ever
-- counted. A parcel whose end is not one version, once, in each measure is never settled: its pieces are counted.
WITH held AS (
    SELECT
        c.measure,
        c.parcel_id,
        c.version_id,
        c.event_id,
        c.programme,
        c.land_category,
        c.layer,
        c.starts_on,
        c.ends_on
    FROM counted_piece(:after) AS c
    WHERE
        c.measure IN ('inventory', 'banked')
        AND (CAST(:parcels AS bigint[]) IS NULL OR c.parcel_id = ANY(CAST(:parcels AS bigint[])))
    GROUP BY
        c.measure, c.parcel_id, c.version_id, c.event_id, c.programme, c.land_category, c.layer, c.starts_on, c.ends_on
),

kept AS (
    SELECT
        h.parcel_id,
        max(h.version_id) AS any_version_id,
        max(h.version_id) FILTER (WHERE h.ends_on IS NULL) AS version_id,
        coalesce(
            count(DISTINCT h.version_id) FILTER (WHERE h.ends_on IS NULL) > 1
            OR count(*) FILTER (WHERE h.ends_on IS NULL AND h.measure = 'inventory') > 1
            OR count(*) FILTER (WHERE h.ends_on IS NULL AND h.measure = 'banked') > 1, FALSE
        ) AS several,
        max(greatest(h.starts_on, coalesce(h.ends_on, h.starts_on))) AS settled,
        max(h.programme) FILTER (WHERE h.ends_on IS NULL AND h.measure = 'inventory') AS inventory_programme,
        max(h.land_category) FILTER (WHERE h.ends_on IS NULL AND h.measure = 'inventory') AS inventory_category,
        max(h.layer) FILTER (WHERE h.ends_on IS NULL AND h.measure = 'inventory') AS inventory_layer,
        max(h.programme) FILTER (WHERE h.ends_on IS NULL AND h.measure = 'banked') AS banked_programme,
        max(h.land_category) FILTER (WHERE h.ends_on IS NULL AND h.measure = 'banked') AS banked_category,
        max(h.layer) FILTER (WHERE h.ends_on IS NULL AND h.measure = 'banked') AS banked_layer,
        min(ST_XMin(CAST(v.geom AS box2d))) AS west,
        min(ST_YMin(CAST(v.geom AS box2d))) AS south,
        max(ST_XMax(CAST(v.geom AS box2d))) AS east,
        max(ST_YMax(CAST(v.geom AS box2d))) AS north
    FROM held AS h
    INNER JOIN parcel_version AS v ON h.version_id = v.id
    GROUP BY h.parcel_id
)

SELECT
    k.parcel_id,
    coalesce(k.version_id, 0) AS version_id,
    k.west,
    k.south,
    k.east,
    k.north,
    CASE WHEN k.several THEN 2147483647 ELSE k.settled - CAST('0001-01-01' AS date) + 1 END AS settled,
    k.inventory_programme,
    k.inventory_category,
    k.inventory_layer,
    k.banked_programme,
    k.banked_category,
    k.banked_layer,
    CAST(v.plane_square_metres * 10000 AS bigint) AS plane,
    CAST(v.ellipsoidal_square_metres * 10000 AS bigint) AS ellipsoidal
FROM kept AS k
INNER JOIN parcel_version AS v ON k.any_version_id = v.id
ORDER BY v.geom
