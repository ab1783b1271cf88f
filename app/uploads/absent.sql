-- Parcels of a scope (a project's, or a sub-district's) that a staged file does not name: the file replaces the scope,
-- so they are there no longer. A parcel is a sub-district's when more of its land lies in that one than in any other.
-- banked: in the bank now, by an entry that holds and that no exit has followed, or by one that it carries on for the
-- parcels that it came from.
WITH newest AS (
    SELECT DISTINCT ON (v.parcel_id) v.*
    FROM parcel_version AS v
    WHERE v.recorded_to IS NULL AND v.part_of_id IS NULL
    ORDER BY v.parcel_id ASC, v.version DESC
),

carried AS MATERIALIZED (
    SELECT b.parcel_id
    FROM banked_land(clock_timestamp()) AS b
    WHERE b.ends_on IS NULL OR b.ends_on > :today
)

SELECT
    p.id AS parcel_id,
    p.code,
    EXISTS (
        SELECT 1
        FROM live_event(clock_timestamp()) AS entry
        WHERE
            entry.parcel_id = p.id AND entry.type = 'bank_entry'
            AND NOT EXISTS (
                SELECT 1
                FROM live_event(clock_timestamp()) AS leaving
                WHERE
                    leaving.parcel_id = p.id AND leaving.type = 'bank_exit'
                    AND (leaving.counted_on, leaving.event_id) > (entry.counted_on, entry.event_id)
            )
    )
    OR p.id IN (SELECT c.parcel_id FROM carried AS c) AS banked
FROM newest AS v
INNER JOIN parcel AS p ON v.parcel_id = p.id
LEFT JOIN retired(clock_timestamp()) AS gone ON p.id = gone.parcel_id
WHERE
    NOT v.retired AND gone.parcel_id IS NULL
    AND (CAST(:programme AS text) IS NULL OR v.programme = :programme)
    AND (CAST(:project AS text) IS NULL OR v.project_code = :project)
    AND (
        CAST(:sub_district AS text) IS NULL OR :sub_district = (
            SELECT o.sub_district
            FROM portion AS o
            WHERE
                o.parcel_version_id = v.id AND o.recorded_to IS NULL
                AND o.boundary_from <= :today AND o.boundary_to > :today
            GROUP BY o.sub_district
            ORDER BY sum(o.ellipsoidal_square_metres) DESC, o.sub_district
            LIMIT 1
        )
    )
    AND NOT EXISTS (SELECT 1 FROM staged_row AS s WHERE s.upload_id = :upload_id AND s.code = p.code)
ORDER BY p.code
