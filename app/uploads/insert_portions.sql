-- The portions of the versions that this publication made. They were rounded once and sum to their parcel.
INSERT INTO portion (
    parcel_version_id, district, sub_district, community, boundary_from, boundary_to,
    declared_square_metres, document_square_metres, plane_square_metres, ellipsoidal_square_metres, recorded_from
)
SELECT
    v.id,
    s.district,
    s.sub_district,
    s.community,
    s.boundary_from,
    s.boundary_to,
    s.declared_e4 * 0.0001,
    s.document_e4 * 0.0001,
    s.plane_e4 * 0.0001,
    s.ellipsoidal_e4 * 0.0001,
    v.recorded_from
FROM staged_portion AS s
INNER JOIN parcel_version AS v ON s.row = v.upload_row AND v.recorded_from = :recorded_at AND NOT v.retired
WHERE s.upload_id = :upload_id
