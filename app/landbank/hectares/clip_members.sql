-- The parcels that cover some overlap faces.
SELECT DISTINCT v.parcel_id
FROM unnest(CAST(:ids AS bigint[])) AS a (id)
INNER JOIN overlap_face_member AS m ON a.id = m.face_id
INNER JOIN parcel_version AS v ON m.parcel_version_id = v.id
