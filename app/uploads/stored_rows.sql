-- The rows that a committed upload stored, each beside the version of its parcel that it followed; as staged_rows.sql.
-- Rows that changed nothing left no trace but their number.
SELECT
    v.upload_row AS row,
    p.code,
    CASE WHEN w.id IS NULL THEN 'new' ELSE 'changed' END AS fate,
    CASE
        WHEN w.id IS NOT NULL
            THEN to_jsonb(w) - ARRAY['id', 'parcel_id', 'geom', 'content_sha256']
    END AS before,
    to_jsonb(v) - ARRAY['id', 'parcel_id', 'geom', 'content_sha256'] AS after,
    CASE WHEN moved.outline THEN CAST(ST_AsGeoJSON(ST_Transform(w.geom, 4326)) AS jsonb) END AS outline_before,
    CASE WHEN moved.outline THEN CAST(ST_AsGeoJSON(ST_Transform(v.geom, 4326)) AS jsonb) END AS outline_after
FROM parcel_version AS v
INNER JOIN parcel AS p ON v.parcel_id = p.id
LEFT JOIN LATERAL (
    SELECT x.*
    FROM parcel_version AS x
    WHERE x.parcel_id = v.parcel_id AND x.version < v.version AND x.part_of_id IS NULL
    ORDER BY x.version DESC
    LIMIT 1
) AS w ON TRUE
CROSS JOIN LATERAL (SELECT w.geom IS NULL OR ST_AsEWKB(w.geom) <> ST_AsEWKB(v.geom) AS outline) AS moved
WHERE
    v.upload_id = :upload_id AND v.recorded_from = :recorded_at AND v.upload_row > :after_row AND NOT v.retired
    AND (CAST(:fate AS text) IS NULL OR CASE WHEN w.id IS NULL THEN 'new' ELSE 'changed' END = :fate)
ORDER BY v.upload_row
LIMIT :page
