-- A version for every new or changed row (as classify.sql tells them).
-- It holds from the row's effective date, else the document's, else the upload's. A boundary change comes after what it
-- changes: where the row tells no later date (but, say, that of the entry once more), it holds from the upload's.
INSERT INTO parcel_version (
    parcel_id, version, geom, name, programme, project_code, role, layer, land_category, land_use_scheme, land_use_code,
    cadastral_code, declared_square_metres, document_square_metres, plane_square_metres, ellipsoidal_square_metres,
    source_crs, method, effective_date, content_sha256, attributes, upload_id, upload_row, recorded_from
)
SELECT
    p.id,
    1 + coalesce((SELECT max(v.version) FROM parcel_version AS v WHERE v.parcel_id = p.id), 0),
    s.geom::geometry,
    s.name,
    s.programme,
    s.project_code,
    s.role,
    s.layer,
    s.land_category,
    s.land_use_scheme,
    s.land_use_code,
    s.cadastral_code,
    s.declared_e4 * 0.0001,
    s.document_e4 * 0.0001,
    s.plane_e4 * 0.0001,
    s.ellipsoidal_e4 * 0.0001,
    :source_crs,
    :method,
    CASE
        WHEN b.row IS NULL OR coalesce(s.effective_date, s.document_date) > b.present_from
            THEN coalesce(s.effective_date, s.document_date, :upload_date)
        ELSE greatest(:upload_date, b.present_from)
    END,
    s.content_sha256,
    s.attributes::jsonb,
    s.upload_id,
    s.row,
    :recorded_at
FROM staged_row AS s
INNER JOIN parcel AS p ON s.code = p.code
LEFT JOIN LATERAL (
    SELECT
        c.row,
        (
            SELECT v.effective_date
            FROM parcel_version AS v
            WHERE v.parcel_id = p.id AND v.recorded_to IS NULL AND v.part_of_id IS NULL
            ORDER BY v.version DESC
            LIMIT 1
        ) AS present_from
    FROM unnest(CAST(:boundary_rows AS bigint[])) AS c (row)
    WHERE c.row = s.row
) AS b ON TRUE
WHERE
    s.upload_id = :upload_id AND NOT s.row = ANY(CAST(:left_out AS bigint[]))
    AND s.content_sha256 IS DISTINCT FROM (
        SELECT newest.content_sha256
        FROM parcel_version AS newest
        WHERE newest.parcel_id = p.id AND newest.recorded_to IS NULL AND newest.part_of_id IS NULL
        ORDER BY newest.version DESC
        LIMIT 1
    )
ORDER BY s.row
