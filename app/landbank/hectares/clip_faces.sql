-- Overlap faces that meet a rectangle, or lie in one of some places, as known at a moment; as clip_candidates.sql.
SELECT
    f.id,
    ST_XMin(CAST(f.geom AS box2d)) AS west,
    ST_YMin(CAST(f.geom AS box2d)) AS south,
    ST_XMax(CAST(f.geom AS box2d)) AS east,
    ST_YMax(CAST(f.geom AS box2d)) AS north,
    CAST(f.plane_square_metres * 10000 AS bigint) AS plane,
    CAST(f.ellipsoidal_square_metres * 10000 AS bigint) AS ellipsoidal,
    coalesce(
        f.district = ANY(CAST(:places AS text[])) OR f.sub_district = ANY(CAST(:places AS text[]))
        OR f.community = ANY(CAST(:places AS text[])), FALSE
    ) AS in_places
FROM (SELECT ST_MakeEnvelope(:west, :south, :east, :north, :srid) AS box) AS b
CROSS JOIN overlap_face AS f
WHERE
    f.recorded_from <= :known_at AND (f.recorded_to IS NULL OR f.recorded_to > :known_at)
    AND (
        b.box && f.geom
        OR f.district = ANY(CAST(:reach AS text[])) OR f.sub_district = ANY(CAST(:reach AS text[]))
        OR f.community = ANY(CAST(:reach AS text[]))
    )
