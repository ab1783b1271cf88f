-- The roll-up keeps each change three times: by day, by month, by year. Where the days of a year or month do not add up
-- to its own row, one of them is wrong.
SELECT
    coalesce(d.measure, p.measure) AS measure,
    coalesce(d.grain, p.grain) AS grain,
    coalesce(d.first_day, p.first_day) AS first_day,
    coalesce(d.summed, 0) AS summed,
    coalesce(p.counted_square_metres, 0) AS kept
FROM (
    SELECT
        h.measure,
        g.grain,
        CAST(date_trunc(g.grain, CAST(h.first_day AS timestamp)) AS date) AS first_day,
        h.key_id,
        sum(h.counted_square_metres) AS summed,
        sum(h.ellipsoidal_square_metres) AS ellipsoidal,
        sum(h.parcels_once) AS parcels
    FROM hectares_rollup AS h
    CROSS JOIN unnest(ARRAY['month', 'year']) AS g (grain)
    WHERE h.grain = 'day'
    GROUP BY 1, 2, 3, 4
) AS d
FULL JOIN (
    SELECT h.* FROM hectares_rollup AS h
    WHERE h.grain IN ('month', 'year')
) AS p
    ON d.measure = p.measure AND d.grain = p.grain AND d.first_day = p.first_day AND d.key_id = p.key_id
WHERE
    (coalesce(d.summed, 0), coalesce(d.ellipsoidal, 0), coalesce(d.parcels, 0))
    <> (coalesce(p.counted_square_metres, 0), coalesce(p.ellipsoidal_square_metres, 0), coalesce(p.parcels_once, 0))
ORDER BY 1, 2, 3
