-- Outlines of some stored versions.
SELECT
    v.id,
    v.layer,
    ST_AsBinary(v.geom) AS geom
FROM parcel_version AS v
WHERE v.id = ANY(CAST(:versions AS bigint[]))
ORDER BY v.id
