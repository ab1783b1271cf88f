-- Parcel versions whose portions do not sum to them exactly, on some day of the place boundaries: by which basis, what
-- the portions sum to, and what the parcel has. Nothing stated must be nothing stated in the portions too.
WITH held AS (
    SELECT o.*
    FROM portion AS o
    WHERE o.recorded_from <= :known_at AND (o.recorded_to IS NULL OR o.recorded_to > :known_at)
),

day AS (
    SELECT DISTINCT
        h.parcel_version_id,
        h.boundary_from AS on_day
    FROM held AS h
),

summed AS (
    SELECT
        d.parcel_version_id,
        sum(h.plane_square_metres) AS plane,
        sum(h.ellipsoidal_square_metres) AS ellipsoidal,
        sum(h.declared_square_metres) AS declared,
        sum(h.document_square_metres) AS document
    FROM day AS d
    INNER JOIN held AS h
        ON d.parcel_version_id = h.parcel_version_id AND d.on_day >= h.boundary_from AND d.on_day < h.boundary_to
    GROUP BY d.parcel_version_id, d.on_day
)

SELECT DISTINCT
    v.id,
    p.code AS parcel,
    b.basis,
    b.found,
    b.expected
FROM parcel_version AS v
INNER JOIN parcel AS p ON v.parcel_id = p.id
LEFT JOIN summed AS s ON v.id = s.parcel_version_id
CROSS JOIN
    LATERAL (
        VALUES
        ('plane', s.plane, v.plane_square_metres),
        ('ellipsoidal', s.ellipsoidal, v.ellipsoidal_square_metres),
        ('declared', s.declared, v.declared_square_metres),
        ('document', s.document, v.document_square_metres)
    ) AS b (basis, found, expected)
WHERE
    v.recorded_from <= :known_at AND (v.recorded_to IS NULL OR v.recorded_to > :known_at)
    -- The version that retires a parcel has none.
    AND NOT v.retired
    AND b.found IS DISTINCT FROM b.expected
ORDER BY v.id, b.basis
