-- The outlines of some portions' parcel versions, and the places that each portion lies in.
-- "alone": the version has no other portion under the same boundaries, so the portion's outline is the parcel's.
SELECT
    o.id,
    ST_AsBinary(v.geom) AS outline,
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
    ) AS alone
FROM unnest(CAST(:ids AS bigint[])) AS a (id)
INNER JOIN portion AS o ON a.id = o.id
INNER JOIN parcel_version AS v ON o.parcel_version_id = v.id
