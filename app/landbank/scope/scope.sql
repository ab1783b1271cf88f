-- Projects as known at a moment, each with the square metres of its boundaries by role (ellipsoidal).
-- Scope polygons say where a project is at work. They are never counted as land banked, and those of two projects may
-- overlap: sums of them are plain sums.
SELECT
    p.code AS project,
    p.programme,
    v.name,
    v.stage,
    v.key,
    v.batch,
    v.land_category AS category,
    coalesce(sum(b.ellipsoidal_square_metres) FILTER (WHERE b.boundary_role = 'study'), 0) AS study,
    coalesce(sum(b.ellipsoidal_square_metres) FILTER (WHERE b.boundary_role = 'unit'), 0) AS unit,
    coalesce(sum(b.ellipsoidal_square_metres) FILTER (WHERE b.boundary_role = 'demolition'), 0) AS demolition,
    coalesce(sum(b.ellipsoidal_square_metres) FILTER (WHERE b.boundary_role = 'implementation'), 0) AS implementation
FROM project AS p
INNER JOIN project_version AS v
    ON
        p.id = v.project_id AND v.recorded_from <= :known_at
        AND (v.recorded_to IS NULL OR v.recorded_to > :known_at)
LEFT JOIN project_boundary AS b
    ON
        p.id = b.project_id AND b.recorded_from <= :known_at
        AND (b.recorded_to IS NULL OR b.recorded_to > :known_at)
GROUP BY p.code, p.programme, v.name, v.stage, v.key, v.batch, v.land_category
ORDER BY p.code
