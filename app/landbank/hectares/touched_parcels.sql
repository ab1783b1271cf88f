-- The parcels of which a publication changed anything that is counted, and those that carry their land on.
WITH touched AS (
    SELECT v.parcel_id
    FROM parcel_version AS v
    WHERE v.recorded_from = :recorded_at OR v.recorded_to = :recorded_at
    UNION
    SELECT e.parcel_id
    FROM land_event AS e
    WHERE e.recorded_at = :recorded_at
    UNION
    SELECT v.parcel_id
    FROM portion AS o
    INNER JOIN parcel_version AS v ON o.parcel_version_id = v.id
    WHERE o.recorded_from = :recorded_at OR o.recorded_to = :recorded_at
    UNION
    SELECT p.id
    FROM lineage_operation AS o
    INNER JOIN lineage_link AS l ON coalesce(o.reverses_id, o.id) = l.operation_id
    CROSS JOIN LATERAL (VALUES (l.parent_parcel_id), (l.child_parcel_id)) AS p (id)
    WHERE o.recorded_at = :recorded_at
)

SELECT t.parcel_id
FROM touched AS t
UNION
SELECT h.parcel_id
FROM touched AS t
INNER JOIN carried_land(:recorded_at) AS h ON t.parcel_id = ANY(h.path)
