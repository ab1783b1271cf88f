-- Portions whose parcel version meets a rectangle, or lies in one of some places, as known at a moment: their whole
-- square metres and their own rectangle. Which of them lie inside the shape is decided outside the database, and only
-- of those across its edge are the outlines read (clip_outlines.sql).
-- parcels: only what counts for these; left out: everything.
-- reach: places whose portions are wanted wherever they are; places: those that need no shape around them.
SELECT
    o.id,
    ST_XMin(CAST(v.geom AS box2d)) AS west,
    ST_YMin(CAST(v.geom AS box2d)) AS south,
    ST_XMax(CAST(v.geom AS box2d)) AS east,
    ST_YMax(CAST(v.geom AS box2d)) AS north,
    CAST(o.plane_square_metres * 10000 AS bigint) AS plane,
    CAST(o.ellipsoidal_square_metres * 10000 AS bigint) AS ellipsoidal,
    coalesce(
        o.district = ANY(CAST(:places AS text[])) OR o.sub_district = ANY(CAST(:places AS text[]))
        OR o.community = ANY(CAST(:places AS text[])), FALSE
    ) AS in_places
FROM (SELECT ST_MakeEnvelope(:west, :south, :east, :north, :srid) AS box) AS b
CROSS JOIN parcel_version AS v
INNER JOIN portion AS o
    ON
        v.id = o.parcel_version_id AND o.recorded_from <= :known_at
        AND (o.recorded_to IS NULL OR o.recorded_to > :known_at)
WHERE
    (
        b.box && v.geom
        OR o.district = ANY(CAST(:reach AS text[])) OR o.sub_district = ANY(CAST(:reach AS text[]))
        OR o.community = ANY(CAST(:reach AS text[]))
    )
    AND (
        CAST(:parcels AS bigint[]) IS NULL
        OR v.id IN (
            SELECT c.version_id
            FROM counted_piece(:known_at) AS c
            WHERE c.parcel_id = ANY(CAST(:parcels AS bigint[]))
        )
    )
