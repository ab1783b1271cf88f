-- The roll-up: what a publication changed in each day, month and year of a measure, by key. Added to what stands there:
-- the pieces of the parcels touched as known after the publication, minus those known before it. With before left out
-- (null) the whole is built anew.
--
-- A stock changes on the day from which a piece is held and on the day from which it is no longer; a flow on its day.
-- A parcel is one parcel however many portions it has. "parcels" counts it in each of its sub-districts,
-- "parcels_once" in one of them only, so that a total over sub-districts counts it once. Both are only right for one
-- span of days at a time: between two days on which anything of the parcel begins or ends.
-- A parcel that a flow counts several times cannot be counted by sums: its rows stand by themselves (grain 'parcel').
-- New parcels (touched_parcels.sql) have one span, without end, so that their portions are summed as they are.
WITH piece AS (
    SELECT
        t.sign,
        m.measure,
        p.parcel_id,
        -- The pieces of a flow stand for their event, those of a stock for the parcel.
        CASE WHEN m.is_stock THEN 0 ELSE p.event_id END AS event_id,
        p.programme,
        p.land_category,
        p.layer,
        p.sub_district,
        p.held_from,
        p.held_to,
        p.counted_square_metres AS counted,
        coalesce(p.declared_square_metres, 0) AS declared,
        coalesce(p.document_square_metres, 0) AS document,
        p.plane_square_metres AS plane,
        p.ellipsoidal_square_metres AS ellipsoidal
    FROM (VALUES (1, CAST(:after AS timestamptz)), (-1, CAST(:before AS timestamptz))) AS t (sign, known_at)
    CROSS JOIN
        (
            VALUES
            ('inventory', TRUE), ('banked', TRUE), ('bank_entries', FALSE), ('supplied', FALSE), ('handed_over', FALSE),
            ('supply_total', FALSE)
        ) AS m (measure, is_stock)
    CROSS JOIN
        LATERAL matching_piece(
            known_at => t.known_at,
            measure => m.measure,
            first_day => CAST('-infinity' AS date),
            last_day => CAST('infinity' AS date),
            parcels => CAST(:parcels AS bigint[]),
            -- Entries under the category of the report's day are answered from the pieces, not from here.
            category_on => CAST('9999-12-31' AS date)
        ) AS p
    WHERE t.known_at IS NOT NULL
),

held AS (
    SELECT
        p.*,
        count(*) OVER (PARTITION BY p.parcel_id, p.measure, p.sign, p.event_id) AS pieces,
        min(p.event_id) OVER (PARTITION BY p.parcel_id, p.measure, p.sign)
        <> max(p.event_id) OVER (PARTITION BY p.parcel_id, p.measure, p.sign) AS comes_again
    FROM piece AS p
),

-- Where there are several pieces: the days on which anything of it begins or ends, and the spans between them.
day AS (
    SELECT DISTINCT
        h.sign,
        h.measure,
        h.parcel_id,
        h.event_id,
        d.day
    FROM held AS h
    CROSS JOIN LATERAL (VALUES (h.held_from), (h.held_to)) AS d (day)
    WHERE h.pieces > 1
),

span AS (
    SELECT
        d.*,
        lead(d.day) OVER (PARTITION BY d.sign, d.measure, d.parcel_id, d.event_id ORDER BY d.day) AS span_to
    FROM day AS d
),

state AS (
    SELECT
        h.sign,
        h.measure,
        h.programme,
        h.land_category,
        h.layer,
        h.sub_district,
        s.day AS span_from,
        s.span_to,
        CASE WHEN h.comes_again THEN h.parcel_id END AS parcel_id,
        sum(h.counted) AS counted,
        sum(h.declared) AS declared,
        sum(h.document) AS document,
        sum(h.plane) AS plane,
        sum(h.ellipsoidal) AS ellipsoidal,
        row_number() OVER (
            PARTITION BY h.sign, h.measure, h.parcel_id, h.event_id, h.sub_district, s.day ORDER BY h.land_category
        ) AS in_place,
        row_number() OVER (
            PARTITION BY h.sign, h.measure, h.parcel_id, h.event_id, s.day ORDER BY h.sub_district
        ) AS in_all
    FROM held AS h
    INNER JOIN span AS s
        ON
            h.sign = s.sign AND h.measure = s.measure AND h.parcel_id = s.parcel_id AND h.event_id = s.event_id
            AND h.held_from <= s.day AND h.held_to > s.day
    WHERE h.pieces > 1
    GROUP BY
        h.sign, h.measure, h.parcel_id, h.event_id, h.comes_again, s.day, s.span_to, h.programme, h.land_category,
        h.layer, h.sub_district
    UNION ALL
    SELECT
        h.sign,
        h.measure,
        h.programme,
        h.land_category,
        h.layer,
        h.sub_district,
        h.held_from,
        h.held_to,
        CASE WHEN h.comes_again THEN h.parcel_id END,
        h.counted,
        h.declared,
        h.document,
        h.plane,
        h.ellipsoidal,
        1,
        1
    FROM held AS h
    WHERE h.pieces = 1
),

daily AS (
    SELECT
        t.measure,
        d.on_day,
        t.programme,
        t.land_category,
        t.layer,
        t.sub_district,
        t.parcel_id,
        sum(d.way * t.counted) AS counted,
        sum(d.way * t.declared) AS declared,
        sum(d.way * t.document) AS document,
        sum(d.way * t.plane) AS plane,
        sum(d.way * t.ellipsoidal) AS ellipsoidal,
        sum(CASE WHEN t.in_place = 1 THEN d.way ELSE 0 END) AS parcels,
        sum(CASE WHEN t.in_all = 1 THEN d.way ELSE 0 END) AS parcels_once
    FROM state AS t
    CROSS JOIN LATERAL (VALUES (t.span_from, t.sign), (t.span_to, -t.sign)) AS d (on_day, way)
    -- What has no end may be stored as the last day of 9999; nobody asks for stocks that far.
    WHERE d.on_day < '9999-01-01'
    GROUP BY t.measure, d.on_day, t.programme, t.land_category, t.layer, t.sub_district, t.parcel_id
    UNION ALL
    SELECT
        'inventory',
        n.effective_date,
        n.programme,
        n.land_category,
        n.layer,
        n.sub_district,
        NULL,
        sum(n.ellipsoidal_square_metres),
        coalesce(sum(n.declared_square_metres), 0),
        coalesce(sum(n.document_square_metres), 0),
        sum(n.plane_square_metres),
        sum(n.ellipsoidal_square_metres),
        count(*) FILTER (WHERE n.in_place = 1),
        count(*) FILTER (WHERE n.in_all = 1)
    FROM (
        SELECT
            v.effective_date,
            v.programme,
            v.land_category,
            v.layer,
            o.*,
            row_number() OVER (PARTITION BY v.id, o.sub_district) AS in_place,
            row_number() OVER (PARTITION BY v.id ORDER BY o.sub_district) AS in_all
        FROM unnest(CAST(:new_parcels AS bigint[])) AS a (id)
        INNER JOIN parcel_version AS v ON a.id = v.parcel_id AND v.recorded_from = :after
        INNER JOIN portion AS o ON v.id = o.parcel_version_id AND o.recorded_from = :after
    ) AS n
    GROUP BY n.effective_date, n.programme, n.land_category, n.layer, n.sub_district
),

new_key AS (
    INSERT INTO hectares_key (programme, land_category, layer, sub_district)
    SELECT DISTINCT
        d.programme,
        d.land_category,
        d.layer,
        d.sub_district
    FROM daily AS d
    ON CONFLICT DO NOTHING
    RETURNING id, programme, land_category, layer, sub_district
),

known_key AS (
    SELECT
        k.id,
        k.programme,
        k.land_category,
        k.layer,
        coalesce(k.sub_district, '') AS sub_district
    FROM hectares_key AS k
    UNION ALL
    SELECT
        n.id,
        n.programme,
        n.land_category,
        n.layer,
        coalesce(n.sub_district, '')
    FROM new_key AS n
)

INSERT INTO hectares_rollup AS r (
    measure, grain, first_day, key_id, parcel_id, counted_square_metres, declared_square_metres, document_square_metres,
    plane_square_metres, ellipsoidal_square_metres, parcels, parcels_once
)
SELECT
    d.measure,
    g.grain,
    g.first_day,
    k.id,
    d.parcel_id,
    sum(d.counted),
    sum(d.declared),
    sum(d.document),
    sum(d.plane),
    sum(d.ellipsoidal),
    sum(d.parcels),
    sum(d.parcels_once)
FROM daily AS d
INNER JOIN known_key AS k
    ON
        d.programme = k.programme AND d.land_category = k.land_category AND d.layer = k.layer
        AND coalesce(d.sub_district, '') = k.sub_district
CROSS JOIN
    LATERAL (
        VALUES
        (CASE WHEN d.parcel_id IS NULL THEN 'day' ELSE 'parcel' END, d.on_day),
        (CASE WHEN d.parcel_id IS NULL THEN 'month' END, CAST(date_trunc('month', d.on_day) AS date)),
        (CASE WHEN d.parcel_id IS NULL THEN 'year' END, CAST(date_trunc('year', d.on_day) AS date))
    ) AS g (grain, first_day)
WHERE g.grain IS NOT NULL
GROUP BY d.measure, g.grain, g.first_day, k.id, d.parcel_id
HAVING
    sum(d.counted) <> 0
    OR sum(d.declared) <> 0
    OR sum(d.document) <> 0
    OR sum(d.plane) <> 0
    OR sum(d.ellipsoidal) <> 0
    OR sum(d.parcels) <> 0
    OR sum(d.parcels_once) <> 0
-- Neighbours in time lie beside each other on disk, as they are read.
ORDER BY d.measure, g.grain, g.first_day, k.id
ON CONFLICT (measure, grain, first_day, key_id, parcel_id) DO UPDATE SET
    counted_square_metres = r.counted_square_metres + excluded.counted_square_metres,
    declared_square_metres = r.declared_square_metres + excluded.declared_square_metres,
    document_square_metres = r.document_square_metres + excluded.document_square_metres,
    plane_square_metres = r.plane_square_metres + excluded.plane_square_metres,
    ellipsoidal_square_metres = r.ellipsoidal_square_metres + excluded.ellipsoidal_square_metres,
    parcels = r.parcels + excluded.parcels,
    parcels_once = r.parcels_once + excluded.parcels_once
