-- What cannot be in an append-only ledger written under one lock.
--   check_event_order      an event recorded earlier than one with a smaller number, or at no publication
--   check_event_version    an event on another parcel's version
--   check_reversal         a reversal of a reversal, of another parcel's event, or of a later one
--   check_rule_years       a programme without a rule for some year, or with two
SELECT
    f.code,
    f.parcel,
    f.event
FROM (
    SELECT
        'check_event_order' AS code,
        p.code AS parcel,
        e.id AS event
    FROM (
        SELECT
            r.*,
            max(r.recorded_at) OVER (ORDER BY r.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS latest
        FROM land_event AS r
    ) AS e
    INNER JOIN parcel AS p ON e.parcel_id = p.id
    LEFT JOIN publication AS at ON e.recorded_at = at.recorded_at
    WHERE e.recorded_at < e.latest OR at.id IS NULL
    UNION ALL
    SELECT
        'check_event_version',
        p.code,
        e.id
    FROM land_event AS e
    INNER JOIN parcel AS p ON e.parcel_id = p.id
    INNER JOIN parcel_version AS v ON e.parcel_version_id = v.id
    WHERE e.parcel_id <> v.parcel_id
    UNION ALL
    SELECT
        'check_reversal',
        p.code,
        e.id
    FROM land_event AS e
    INNER JOIN parcel AS p ON e.parcel_id = p.id
    INNER JOIN land_event AS x ON e.reverses_id = x.id
    WHERE x.type = 'reversal' OR x.parcel_id <> e.parcel_id OR x.id >= e.id
    UNION ALL
    SELECT
        'check_rule_years',
        g.programme,
        NULL
    FROM (
        SELECT
            n.programme,
            count(r.id) AS rules
        FROM unnest(ARRAY['consolidation', 'renewal']) AS n (programme)
        CROSS JOIN generate_series(1900, 2100) AS y (year)
        LEFT JOIN recognition_rule AS r
            ON
                n.programme = r.programme
                AND r.recorded_from <= :known_at AND (r.recorded_to IS NULL OR r.recorded_to > :known_at)
                AND coalesce(r.from_year, 0) <= y.year AND coalesce(r.to_year, 9999) >= y.year
        GROUP BY n.programme, y.year
    ) AS g
    WHERE g.rules <> 1
    GROUP BY g.programme
) AS f
ORDER BY f.code, f.parcel, f.event
