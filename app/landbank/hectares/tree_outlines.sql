-- The outlines of some parcel versions, portion by portion as place boundaries were on a day, with their whole square
-- metres; otherwise as clip_outlines.sql.
SELECT
    o.id,
    v.id AS version_id,
    CAST(o.plane_square_metres * 10000 AS bigint) AS plane,
    CAST(o.ellipsoidal_square_metres * 10000 AS bigint) AS ellipsoidal,
    ST_AsBinary(v.geom) AS outline,
    o.district,
    o.sub_district,
    o.community,
    greatest(o.boundary_from, least(o.boundary_to - 1, CAST(:today AS date))) AS boundary_day,
    count(*) OVER (PARTITION BY v.id) = 1 AS alone
FROM unnest(CAST(:versions AS bigint[])) AS a (id)
INNER JOIN parcel_version AS v ON a.id = v.id
INNER JOIN portion AS o
    ON
        v.id = o.parcel_version_id AND o.recorded_from <= :known_at
        AND (o.recorded_to IS NULL OR o.recorded_to > :known_at)
        AND o.boundary_from <= :day AND o.boundary_to > :day
