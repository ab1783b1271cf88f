-- The same rows and total as hectares.sql for a stock, from the roll-up: a stock at a day is the sum of all changes up
-- to it. Overlaps are not here: they come from hectares.sql over the few parcels that overlap.
WITH change AS (
    SELECT
        h.on_date,
        h.programme,
        h.land_category,
        h.sub_district,
        coalesce(t.top, h.land_category) AS top,
        CASE coalesce(CAST(:basis AS text), 'counted')
            WHEN 'declared' THEN h.declared_square_metres
            WHEN 'document' THEN h.document_square_metres
            WHEN 'plane' THEN h.plane_square_metres
            WHEN 'ellipsoidal' THEN h.ellipsoidal_square_metres
            ELSE h.counted_square_metres
        END AS square_metres,
        -- Within one sub-district a parcel counts there; over several of them, once.
        CASE WHEN :in_one_sub_district THEN h.parcels ELSE h.parcels_once END AS parcels_in_total,
        CASE WHEN :by_sub_district OR :in_one_sub_district THEN h.parcels ELSE h.parcels_once END AS parcels
    FROM hectares_rollup AS h
    LEFT JOIN top_category(:known_at) AS t ON h.land_category = t.code
    WHERE
        h.measure = :measure
        AND h.recorded_at <= :known_at
        AND h.on_date <= :last_day
        AND (CAST(:programme AS text[]) IS NULL OR h.programme = ANY(CAST(:programme AS text[])))
        AND (
            CAST(:category AS text[]) IS NULL
            OR h.land_category = ANY(CAST(:category AS text[]))
            OR t.top = ANY(CAST(:category AS text[]))
        )
        AND (CAST(:subcategory AS text[]) IS NULL OR h.land_category = ANY(CAST(:subcategory AS text[])))
        AND (
            CAST(:sub_district AS text[]) IS NULL
            OR coalesce(h.sub_district, 'none') = ANY(CAST(:sub_district AS text[]))
        )
        AND (CAST(:layer AS text[]) IS NULL OR h.layer = ANY(CAST(:layer AS text[])))
),

reading AS (
    SELECT CAST(:last_day AS date) AS taken_on
    UNION
    SELECT
        least(
            CAST(s.first_day + CAST('1 ' || CAST(:step AS text) AS interval) AS date) - 1, CAST(:last_day AS date)
        )
    FROM (
        SELECT date_trunc(CAST(:step AS text), CAST(min(c.on_date) AS timestamp)) AS first_of_all FROM change AS c
    ) AS f
    CROSS JOIN
        LATERAL generate_series(
            f.first_of_all, CAST(:last_day AS date), CAST('1 ' || CAST(:step AS text) AS interval)
        ) AS s (first_day)
    WHERE :by_year OR :by_month
),

summed AS (
    SELECT
        CASE WHEN :by_category THEN c.top END AS category,
        CASE WHEN :by_subcategory THEN c.land_category END AS subcategory,
        CASE WHEN :by_sub_district THEN c.sub_district END AS sub_district,
        CASE WHEN :by_programme THEN c.programme END AS programme,
        CASE WHEN :by_year THEN to_char(r.taken_on, 'YYYY') END AS year,
        CASE WHEN :by_month THEN to_char(r.taken_on, 'YYYY-MM') END AS month,
        sum(c.square_metres) AS square_metres,
        sum(c.parcels) AS parcels
    FROM change AS c
    INNER JOIN reading AS r ON c.on_date <= r.taken_on
    GROUP BY 1, 2, 3, 4, 5, 6
)

SELECT
    FALSE AS is_total,
    s.category,
    s.subcategory,
    s.sub_district,
    NULL AS community,
    s.programme,
    NULL AS project,
    s.year,
    s.month,
    CAST(NULL AS int) AS part,
    s.square_metres,
    CAST(s.parcels AS bigint) AS parcels,
    CAST(0 AS numeric) AS overlap_square_metres
FROM summed AS s
WHERE s.parcels > 0
UNION ALL
SELECT
    TRUE,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    coalesce(sum(c.square_metres), 0),
    CAST(coalesce(sum(c.parcels_in_total), 0) AS bigint),
    0
FROM change AS c
