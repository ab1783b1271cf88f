-- Overlaps among some stored versions.
SELECT
    o.first_version_id AS one,
    o.second_version_id AS other
FROM parcel_overlap AS o
WHERE
    o.first_version_id = ANY(CAST(:versions AS bigint[]))
    AND o.second_version_id = ANY(CAST(:versions AS bigint[]))
ORDER BY o.first_version_id, o.second_version_id
