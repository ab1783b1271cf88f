-- A last version of parcels that are there no longer: as the newest one was, and retired from a day on. It has no
-- portions, so nothing of it is ever counted, and it ends the version before it. No file has its content: a parcel that
-- comes back is a changed one.
INSERT INTO parcel_version (
    parcel_id, version, geom, name, programme, project_code, role, layer, land_category, land_use_scheme, land_use_code,
    cadastral_code, declared_square_metres, document_square_metres, plane_square_metres, ellipsoidal_square_metres,
    source_crs, method, effective_date, content_sha256, attributes, upload_id, recorded_from, retired
)
SELECT DISTINCT ON (v.parcel_id)
    v.parcel_id,
    1 + (SELECT max(w.version) FROM parcel_version AS w WHERE w.parcel_id = v.parcel_id),
    v.geom,
    v.name,
    v.programme,
    v.project_code,
    v.role,
    v.layer,
    v.land_category,
    v.land_use_scheme,
    v.land_use_code,
    v.cadastral_code,
    v.declared_square_metres,
    v.document_square_metres,
    v.plane_square_metres,
    v.ellipsoidal_square_metres,
    v.source_crs,
    v.method,
    :today,
    sha256('retired'),
    v.attributes,
    :upload_id,
    :recorded_at,
    TRUE
FROM parcel_version AS v
WHERE v.parcel_id = ANY(CAST(:parcels AS bigint[])) AND v.recorded_to IS NULL AND v.part_of_id IS NULL
ORDER BY v.parcel_id ASC, v.version DESC
