-- What stands on the versions that an operation made: later versions of the same parcels, splits and merges of them,
-- and events on them. An operation so built upon cannot be taken back on its own.
SELECT p.code
FROM parcel_version AS mine
INNER JOIN parcel AS p ON mine.parcel_id = p.id
WHERE
    mine.recorded_from = :made_at
    AND mine.part_of_id IS NULL
    AND (
        EXISTS (
            SELECT 1
            FROM parcel_version AS later
            WHERE
                later.parcel_id = mine.parcel_id AND later.version > mine.version AND later.recorded_to IS NULL
                AND later.part_of_id IS NULL
        )
        OR EXISTS (
            SELECT 1
            FROM lineage_link AS l
            INNER JOIN lineage_operation AS o ON l.operation_id = o.id
            WHERE
                l.parent_version_id = mine.id AND o.recorded_at > :made_at
                AND NOT EXISTS (SELECT 1 FROM lineage_operation AS x WHERE x.reverses_id = o.id)
        )
        OR EXISTS (
            SELECT 1
            FROM land_event AS e
            WHERE
                e.parcel_version_id = mine.id
                AND e.type <> 'reversal'
                AND NOT EXISTS (SELECT 1 FROM land_event AS r WHERE r.reverses_id = e.id)
        )
    )
ORDER BY p.code
