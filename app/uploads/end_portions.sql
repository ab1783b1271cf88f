-- The portions of those versions, however they have been cut since.
UPDATE portion
SET recorded_to = :recorded_at
WHERE
    recorded_to IS NULL
    AND parcel_version_id IN (SELECT v.id FROM parcel_version AS v WHERE v.recorded_from = :made_at)
