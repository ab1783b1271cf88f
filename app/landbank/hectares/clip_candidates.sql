-- Portions whose parcel version meets a box, as known at a moment. A parcel whose envelope lies in the box is inside
-- whole; of the others the outlines are handed over, to be cut outside the database.
-- "alone": the version has no other portion under the same boundaries, so the portion's outline is the parcel's.
SELECT
    o.id AS portion_id,
    v.id AS version_id,
    o.plane_square_metres AS plane,
    o.ellipsoidal_square_metres AS ellipsoidal,
    o.district,
    o.sub_district,
    o.community,
    greatest(o.boundary_from, least(o.boundary_to - 1, CAST(:today AS date))) AS boundary_day,
    NOT EXISTS (
        SELECT 1
        FROM portion AS other
        WHERE
            other.parcel_version_id = v.id AND other.id <> o.id
            AND other.recorded_from <= :known_at AND (other.recorded_to IS NULL OR other.recorded_to > :known_at)
            AND other.boundary_from < o.boundary_to AND other.boundary_to > o.boundary_from
    ) AS alone,
    CASE WHEN NOT ST_CoveredBy(ST_Envelope(v.geom), b.box) THEN ST_AsBinary(v.geom) END AS outline
FROM (SELECT ST_GeomFromWKB(:box, :srid) AS box) AS b
INNER JOIN parcel_version AS v ON b.box && v.geom
INNER JOIN portion AS o
    ON
        v.id = o.parcel_version_id AND o.recorded_from <= :known_at
        AND (o.recorded_to IS NULL OR o.recorded_to > :known_at)
