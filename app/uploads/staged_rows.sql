-- The rows of an upload that waits, each beside the newest version of its parcel: what a commit would bring or change.
-- before, after: what is said of the parcel; outlines as GeoJSON in lon, lat, only where the outline changes.
SELECT
    s.row,
    s.code,
    CASE
        WHEN v.id IS NULL THEN 'new'
        WHEN v.content_sha256 = s.content_sha256 THEN 'unchanged'
        ELSE 'changed'
    END AS fate,
    CASE
        WHEN v.id IS NOT NULL
            THEN to_jsonb(v) - ARRAY['id', 'parcel_id', 'geom', 'content_sha256']
    END AS before,
    to_jsonb(s) - ARRAY['id', 'geom', 'content_sha256'] || jsonb_build_object(
        'declared_square_metres', s.declared_e4 * 0.0001,
        'document_square_metres', s.document_e4 * 0.0001,
        'plane_square_metres', s.plane_e4 * 0.0001,
        'ellipsoidal_square_metres', s.ellipsoidal_e4 * 0.0001,
        'attributes', CAST(s.attributes AS jsonb)
    ) AS after,
    CASE WHEN moved.outline THEN CAST(ST_AsGeoJSON(ST_Transform(v.geom, 4326)) AS jsonb) END AS outline_before,
    CASE
        WHEN moved.outline
            THEN CAST(ST_AsGeoJSON(ST_Transform(CAST(s.geom AS geometry), 4326)) AS jsonb)
    END AS outline_after
FROM staged_row AS s
LEFT JOIN parcel AS p ON s.code = p.code
LEFT JOIN LATERAL (
    SELECT w.*
    FROM parcel_version AS w
    WHERE w.parcel_id = p.id AND w.recorded_to IS NULL AND w.part_of_id IS NULL
    ORDER BY w.version DESC
    LIMIT 1
) AS v ON TRUE
CROSS JOIN LATERAL (SELECT v.geom IS NULL OR ST_AsEWKB(v.geom) <> s.geom AS outline) AS moved
WHERE
    s.upload_id = :upload_id AND s.row > :after_row
    AND (
        CAST(:fate AS text) IS NULL
        OR CASE
            WHEN v.id IS NULL THEN 'new'
            WHEN v.content_sha256 = s.content_sha256 THEN 'unchanged'
            ELSE 'changed'
        END = :fate
    )
ORDER BY s.row
LIMIT :page
