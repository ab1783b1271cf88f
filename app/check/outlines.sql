-- The outlines of parcel versions as stored, with the square metres stored beside them, page by page: those held for
-- true at a moment, or those of the given ids. shared: not measured, but shared out from what parents of a split or a
-- merge had. A part (part_of_id) is an account of credit: its square metres are that, whatever its outline.
SELECT
    v.id,
    p.code AS parcel,
    ST_AsBinary(v.geom) AS outline,
    v.plane_square_metres AS plane,
    v.ellipsoidal_square_metres AS ellipsoidal,
    v.method = 'shared' AS shared
FROM parcel_version AS v
INNER JOIN parcel AS p ON v.parcel_id = p.id
WHERE
    v.id > :after
    AND (
        (CAST(:ids AS bigint[]) IS NULL AND v.part_of_id IS NULL)
        OR v.id = ANY(CAST(:ids AS bigint[]))
    )
    AND v.recorded_from <= :known_at AND (v.recorded_to IS NULL OR v.recorded_to > :known_at)
ORDER BY v.id
LIMIT :page_size
