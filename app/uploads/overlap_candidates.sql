-- Stored versions that a publication's are near (near_stored.sql), and all that hangs together with those by overlaps:
-- what the faces of the touched clusters must be drawn anew from.
WITH RECURSIVE cluster AS (
    SELECT near.id
    FROM unnest(CAST(:near AS bigint[])) AS near (id)
    UNION
    SELECT other.id
    FROM cluster
    CROSS JOIN
        LATERAL (
            SELECT o.second_version_id AS id
            FROM parcel_overlap AS o
            WHERE o.first_version_id = cluster.id
            UNION ALL
            SELECT o.first_version_id
            FROM parcel_overlap AS o
            WHERE o.second_version_id = cluster.id
        ) AS other
    INNER JOIN parcel_version AS v ON other.id = v.id AND v.recorded_to IS NULL
)

SELECT
    v.id,
    v.layer,
    ST_AsBinary(v.geom) AS geom
FROM cluster
INNER JOIN parcel_version AS v ON cluster.id = v.id
ORDER BY v.id
