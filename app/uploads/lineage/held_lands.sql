-- The land versions whose credit a parcel holds or could hold: its own versions, and those that it took over in a split
-- or a merge. same_outline: drawn and measured as the parcel's present version.
SELECT
    v.id AS version_id,
    ST_AsBinary(v.geom) AS wkb,
    v.parcel_id = :parcel_id AS own,
    ST_AsBinary(v.geom) = ST_AsBinary(present.geom)
    AND v.plane_square_metres = present.plane_square_metres
    AND v.ellipsoidal_square_metres = present.ellipsoidal_square_metres AS same_outline,
    v.parcel_id <> :parcel_id OR EXISTS (
        SELECT 1
        FROM land_event AS e
        WHERE
            e.parcel_version_id = v.id
            AND e.type = 'bank_entry'
            AND NOT EXISTS (SELECT 1 FROM land_event AS r WHERE r.reverses_id = e.id)
    ) AS credited
FROM parcel_version AS v
INNER JOIN parcel_version AS present ON present.id = :version_id
WHERE
    (v.parcel_id = :parcel_id AND v.recorded_to IS NULL AND v.part_of_id IS NULL)
    OR v.id IN (
        SELECT h.land_version_id
        FROM carried_land(clock_timestamp()) AS h
        WHERE h.parcel_id = :parcel_id AND h.held_to IS NULL
    )
ORDER BY v.id
