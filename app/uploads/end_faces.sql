-- The faces of clusters that are drawn anew: ended, and kept for what was known before.
UPDATE overlap_face
SET recorded_to = :recorded_at
WHERE
    recorded_to IS NULL
    AND id IN (
        SELECT m.face_id
        FROM overlap_face_member AS m
        WHERE m.parcel_version_id = ANY(CAST(:versions AS bigint[]))
    )
