-- Land that several of the parcel versions given cover, as faces with those that cover each: taken off their sum.
SELECT
    f.id AS face_id,
    f.ellipsoidal_square_metres AS square_metres,
    array_agg(DISTINCT m.parcel_version_id) AS versions
FROM overlap_face AS f
INNER JOIN overlap_face_member AS m ON f.id = m.face_id
WHERE
    m.parcel_version_id = ANY(CAST(:versions AS bigint[]))
    AND f.recorded_from <= :known_at AND (f.recorded_to IS NULL OR f.recorded_to > :known_at)
    AND CAST(:as_of AS date) >= f.boundary_from AND CAST(:as_of AS date) < f.boundary_to
GROUP BY f.id, f.ellipsoidal_square_metres
HAVING count(DISTINCT m.parcel_version_id) > 1
