-- The same rows and total as hectares.sql, from the roll-up: the days asked for are cut into whole years, whole months
-- and single days (grains, from_days, before_days), and what changed in each is added. A stock adds everything up to
-- its day. Overlaps are not here: they come from hectares.sql over the few parcels that overlap.
WITH change AS (
    SELECT
        r.key_id,
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
        sum(r.parcels) AS parcels,
        sum(r.parcels_once) AS parcels_once
    FROM
        unnest(CAST(:grains AS text[]), CAST(:from_days AS date[]), CAST(:before_days AS date[]))
            AS a (grain, from_day, before_day)
    INNER JOIN hectares_rollup AS r
        ON a.grain = r.grain AND a.from_day <= r.first_day AND a.before_day > r.first_day
    WHERE r.measure = :measure
    GROUP BY 1, 2, 3
),

keyed AS (
    SELECT
        c.parcel_id,
        c.period,
        c.square_metres,
        CASE WHEN :by_category THEN coalesce(t.top, k.land_category) END AS category,
        CASE WHEN :by_subcategory THEN k.land_category END AS subcategory,
        CASE WHEN :by_sub_district THEN k.sub_district END AS sub_district,
        CASE WHEN :by_programme THEN k.programme END AS programme,
        -- Within one sub-district a parcel counts there; over several of them, once.
        CASE WHEN :by_sub_district OR :in_one_sub_district THEN c.parcels ELSE c.parcels_once END AS parcels,
        CASE WHEN :in_one_sub_district THEN c.parcels ELSE c.parcels_once END AS parcels_in_total
    FROM change AS c
    INNER JOIN hectares_key AS k ON c.key_id = k.id
    LEFT JOIN top_category(:known_at) AS t ON k.land_category = t.code
    WHERE
        asked_for(k.programme, :programme)
        AND (asked_for(k.land_category, :category) OR asked_for(coalesce(t.top, k.land_category), :category))
        AND asked_for(k.land_category, :subcategory)
        AND asked_for(k.sub_district, :sub_district)
        AND asked_for(k.layer, :layer)
),

summed AS (
    SELECT
        k.category,
        k.subcategory,
        k.sub_district,
        k.programme,
        k.period,
        sum(k.square_metres) AS square_metres,
        coalesce(sum(k.parcels) FILTER (WHERE k.parcel_id IS NULL), 0) + count(DISTINCT k.parcel_id) AS parcels
    FROM keyed AS k
    GROUP BY 1, 2, 3, 4, 5
),

-- A stock by year or month has a row for each period, also where nothing changed in it.
period AS (
    SELECT CAST(s.first_day AS date) AS period
    FROM (SELECT min(k.period) AS first_of_all FROM keyed AS k) AS f
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
        s.category,
        s.subcategory,
        s.sub_district,
        s.programme,
        s.period,
        sum(sum(s.square_metres)) OVER so_far AS square_metres,
        sum(sum(s.parcels)) OVER so_far AS parcels
    FROM (
        SELECT s.*
        FROM summed AS s
        UNION ALL
        SELECT DISTINCT
            s.category,
            s.subcategory,
            s.sub_district,
            s.programme,
            p.period,
            CAST(0 AS numeric),
            CAST(0 AS numeric)
        FROM summed AS s
        CROSS JOIN period AS p
    ) AS s
    GROUP BY 1, 2, 3, 4, 5
    WINDOW so_far AS (
        PARTITION BY s.category, s.subcategory, s.sub_district, s.programme, CASE WHEN NOT :is_stock THEN s.period END
        ORDER BY s.period
    )
)

SELECT
    FALSE AS is_total,
    s.category,
    s.subcategory,
    s.sub_district,
    NULL AS community,
    s.programme,
    NULL AS project,
    CASE WHEN :by_year THEN to_char(s.period, 'YYYY') END AS year,
    CASE WHEN :by_month THEN to_char(s.period, 'YYYY-MM') END AS month,
    CAST(NULL AS int) AS part,
    s.square_metres,
    CAST(s.parcels AS bigint) AS parcels,
    CAST(0 AS numeric) AS overlap_square_metres
FROM level AS s
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
    coalesce(sum(k.square_metres), 0),
    CAST(
        coalesce(sum(k.parcels_in_total) FILTER (WHERE k.parcel_id IS NULL), 0) + count(DISTINCT k.parcel_id) AS bigint
    ),
    0
FROM keyed AS k
