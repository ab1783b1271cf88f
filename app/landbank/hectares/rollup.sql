-- The same rows and total as hectares.sql, from the roll-up: the days asked for are cut into whole years, whole months
-- and single days (grains, from_days, before_days), and what changed in each is added. A stock adds everything up to
-- its day. Overlaps are not here: they come from hectares.sql over the few parcels that overlap.

-- Every key, whether it is asked for, and the line of the answer that it adds to. Lines are numbers: texts are compared
-- only here. Keys not asked for are left out after the join: the planner takes the filters to let through next to none
-- of them, and looked the roll-up up key by key.
WITH told AS (
    SELECT
        k.id,
        asked_for(k.programme, :programme)
        AND (asked_for(k.land_category, :category) OR asked_for(coalesce(t.top, k.land_category), :category))
        AND asked_for(k.land_category, :subcategory)
        AND asked_for(k.sub_district, :sub_district)
        AND asked_for(k.layer, :layer) AS is_asked_for,
        CASE WHEN :by_category THEN coalesce(t.top, k.land_category) END AS category,
        CASE WHEN :by_subcategory THEN k.land_category END AS subcategory,
        CASE WHEN :by_sub_district THEN k.sub_district END AS sub_district,
        CASE WHEN :by_programme THEN k.programme END AS programme
    FROM hectares_key AS k
    LEFT JOIN top_category(:known_at) AS t ON k.land_category = t.code
),

key AS (
    SELECT
        t.*,
        dense_rank() OVER (ORDER BY t.category, t.subcategory, t.sub_district, t.programme) AS line
    FROM told AS t
),

line AS (
    SELECT DISTINCT
        k.line,
        k.category,
        k.subcategory,
        k.sub_district,
        k.programme
    FROM key AS k
    WHERE k.is_asked_for
),

change AS (
    SELECT
        k.line,
        r.parcel_id,
        CAST(date_trunc(CAST(:step AS text), CAST(r.first_day AS timestamp)) AS date) AS period,
        sum(
            CASE
                WHEN CAST(:basis AS text) IS NULL THEN r.counted_square_metres
                ELSE
                    square_metres_by(
                        :basis, r.declared_square_metres, r.document_square_metres, r.plane_square_metres,
                        r.ellipsoidal_square_metres
                    )
            END
        ) AS square_metres,
        -- Within one sub-district a parcel counts there; over several of them, once.
        sum(CASE WHEN :by_sub_district OR :in_one_sub_district THEN r.parcels ELSE r.parcels_once END) AS parcels,
        sum(CASE WHEN :in_one_sub_district THEN r.parcels ELSE r.parcels_once END) AS parcels_in_total
    FROM
        unnest(CAST(:grains AS text[]), CAST(:from_days AS date[]), CAST(:before_days AS date[]))
            AS a (grain, from_day, before_day)
    INNER JOIN hectares_rollup AS r
        ON a.grain = r.grain AND a.from_day <= r.first_day AND a.before_day > r.first_day
    INNER JOIN key AS k ON r.key_id = k.id
    WHERE r.measure = :measure AND k.is_asked_for
    GROUP BY 1, 2, 3
),

-- Parcels that stand by themselves are in change once for each line and period, however often they come.
summed AS (
    SELECT
        c.line,
        c.period,
        sum(c.square_metres) AS square_metres,
        coalesce(sum(c.parcels) FILTER (WHERE c.parcel_id IS NULL), 0) + count(c.parcel_id) AS parcels
    FROM change AS c
    GROUP BY 1, 2
),

-- A stock by year or month has a row for each period, also where nothing changed in it.
period AS (
    SELECT CAST(s.first_day AS date) AS period
    FROM (SELECT min(c.period) AS first_of_all FROM change AS c) AS f
    CROSS JOIN
        LATERAL generate_series(
            CAST(f.first_of_all AS timestamp),
            CAST(:last_day AS date),
            CAST('1 ' || CAST(:step AS text) AS interval)
        ) AS s (first_day)
    WHERE :is_stock
),

level AS (
    SELECT
        s.line,
        s.period,
        sum(sum(s.square_metres)) OVER so_far AS square_metres,
        sum(sum(s.parcels)) OVER so_far AS parcels
    FROM (
        SELECT s.*
        FROM summed AS s
        UNION ALL
        SELECT
            n.line,
            p.period,
            CAST(0 AS numeric),
            CAST(0 AS numeric)
        FROM line AS n
        CROSS JOIN period AS p
    ) AS s
    GROUP BY 1, 2
    WINDOW so_far AS (PARTITION BY s.line, CASE WHEN NOT :is_stock THEN s.period END ORDER BY s.period)
)

SELECT
    FALSE AS is_total,
    n.category,
    n.subcategory,
    n.sub_district,
    NULL AS community,
    n.programme,
    NULL AS project,
    CASE WHEN :by_year THEN to_char(v.period, 'YYYY') END AS year,
    CASE WHEN :by_month THEN to_char(v.period, 'YYYY-MM') END AS month,
    CAST(NULL AS int) AS part,
    v.square_metres,
    CAST(v.parcels AS bigint) AS parcels,
    CAST(0 AS numeric) AS overlap_square_metres
FROM level AS v
INNER JOIN line AS n ON v.line = n.line
WHERE v.parcels > 0
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
    CAST(
        coalesce(sum(c.parcels_in_total) FILTER (WHERE c.parcel_id IS NULL), 0) + count(DISTINCT c.parcel_id) AS bigint
    ),
    0
FROM change AS c
