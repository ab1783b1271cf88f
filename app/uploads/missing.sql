-- Parcels that the newest committed file of this name brought in and that the present file lacks.
SELECT count(*) AS missing
FROM (
    SELECT DISTINCT p.code
    FROM upload AS u
    INNER JOIN publication AS b ON u.publication_id = b.id
    INNER JOIN parcel_version AS v ON b.recorded_at = v.recorded_from
    INNER JOIN parcel AS p ON v.parcel_id = p.id
    WHERE
        u.filename = :filename AND u.collection = :collection AND u.state = 'committed' AND v.recorded_to IS NULL
        AND NOT EXISTS (
            SELECT 1
            FROM parcel_version AS gone
            WHERE
                gone.parcel_id = v.parcel_id AND gone.retired AND gone.recorded_to IS NULL AND gone.version >= v.version
        )
) AS before
LEFT JOIN staged_row AS s ON before.code = s.code AND s.upload_id = :upload_id
WHERE s.id IS NULL
