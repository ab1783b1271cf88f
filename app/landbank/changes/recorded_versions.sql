-- The parcel versions that some publications recorded, and what each changed of the version known before it.
SELECT
    v.recorded_from AS recorded_at,
    p.code AS parcel,
    v.version,
    v.retired,
    older.id IS NULL OR older.retired AS is_first,
    older.land_category IS NULL OR older.land_category <> v.land_category AS other_category,
    older.geom IS NULL OR ST_AsEWKB(older.geom) <> ST_AsEWKB(v.geom) AS other_outline
FROM parcel_version AS v
INNER JOIN parcel AS p ON v.parcel_id = p.id
LEFT JOIN LATERAL (
    SELECT
        w.id,
        w.retired,
        w.land_category,
        w.geom
    FROM parcel_version AS w
    WHERE
        w.parcel_id = v.parcel_id AND w.recorded_from < v.recorded_from
        AND (w.recorded_to IS NULL OR w.recorded_to >= v.recorded_from)
    ORDER BY w.version DESC
    LIMIT 1
) AS older ON TRUE
WHERE v.recorded_from > :from_known AND v.recorded_from <= :to_known
ORDER BY v.id
