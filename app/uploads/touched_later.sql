-- What later knowledge builds on the things that an upload made: newer versions of its parcels, splits and merges of
-- them, events of others on its versions, newer versions of its places and boundaries. An upload so built upon cannot
-- be undone on its own.
SELECT p.code
FROM parcel_version AS mine
INNER JOIN parcel AS p ON mine.parcel_id = p.id
WHERE
    mine.recorded_from = :recorded_at
    AND (
        EXISTS (
            SELECT 1 FROM parcel_version AS later
            WHERE later.parcel_id = mine.parcel_id AND later.version > mine.version AND later.recorded_to IS NULL
        )
        OR EXISTS (
            SELECT 1
            FROM lineage_link AS l
            INNER JOIN lineage_operation AS o ON l.operation_id = o.id
            WHERE
                l.parent_version_id = mine.id
                AND NOT EXISTS (SELECT 1 FROM lineage_operation AS x WHERE x.reverses_id = o.id)
        )
        OR EXISTS (
            SELECT 1 FROM land_event AS e
            WHERE
                e.parcel_version_id = mine.id
                AND e.upload_id IS DISTINCT FROM :upload_id
                AND e.type <> 'reversal'
                AND NOT EXISTS (SELECT 1 FROM land_event AS r WHERE r.reverses_id = e.id)
        )
    )
UNION ALL
SELECT place.code
FROM place
WHERE place.recorded_from = :recorded_at AND place.recorded_to IS NOT NULL
UNION ALL
SELECT project.code
FROM project_boundary AS boundary
INNER JOIN project ON boundary.project_id = project.id
WHERE boundary.recorded_from = :recorded_at AND boundary.recorded_to IS NOT NULL
UNION ALL
SELECT zone.code
FROM zone
WHERE zone.recorded_from = :recorded_at AND zone.recorded_to IS NOT NULL
ORDER BY code
