-- Parcels that share land with another one, as known at a moment: only their pieces can overlap.
SELECT DISTINCT v.parcel_id
FROM overlap_face AS f
INNER JOIN overlap_face_member AS m ON f.id = m.face_id
INNER JOIN parcel_version AS v ON m.parcel_version_id = v.id
WHERE f.recorded_from <= :known_at AND (f.recorded_to IS NULL OR f.recorded_to > :known_at)
