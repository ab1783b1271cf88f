-- The roll-up of the stocks: what a publication changed, per day and key, so that a stock at any day is the sum of the
-- rows up to that day. Appended: the pieces of the parcels touched as known after the publication, minus those known
-- before it. With before left out (null) the whole is built anew.
--
-- A parcel is one parcel however many portions it has. "parcels" counts it in each of its sub-districts,
-- "parcels_once" in one of them only, so that a total over sub-districts counts it once. Both are only right for one
-- span of days at a time: between two days on which anything of the parcel begins or ends.
INSERT INTO hectares_rollup (
    measure, on_date, programme, land_category, layer, district, sub_district,
    counted_square_metres, declared_square_metres, document_square_metres, plane_square_metres,
    ellipsoidal_square_metres, parcels, parcels_once, recorded_at
)
WITH piece AS (
    SELECT
        1 AS sign,
        c.measure,
        c.parcel_id,
        c.programme,
        c.land_category,
        c.layer,
        c.district,
        c.sub_district,
        c.counted_square_metres AS counted,
        coalesce(c.declared_square_metres, 0) AS declared,
        coalesce(c.document_square_metres, 0) AS document,
        c.plane_square_metres AS plane,
        c.ellipsoidal_square_metres AS ellipsoidal,
        greatest(c.starts_on, c.boundary_from) AS held_from,
        least(coalesce(c.ends_on, 'infinity'), c.boundary_to) AS held_to
    FROM counted_piece(CAST(:after AS timestamptz)) AS c
    WHERE
        c.measure IN ('inventory', 'banked')
        AND (CAST(:parcels AS bigint[]) IS NULL OR c.parcel_id = ANY(CAST(:parcels AS bigint[])))
    UNION ALL
    SELECT
        -1 AS sign,
        c.measure,
        c.parcel_id,
        c.programme,
        c.land_category,
        c.layer,
        c.district,
        c.sub_district,
        c.counted_square_metres AS counted,
        coalesce(c.declared_square_metres, 0) AS declared,
        coalesce(c.document_square_metres, 0) AS document,
        c.plane_square_metres AS plane,
        c.ellipsoidal_square_metres AS ellipsoidal,
        greatest(c.starts_on, c.boundary_from) AS held_from,
        least(coalesce(c.ends_on, 'infinity'), c.boundary_to) AS held_to
    FROM counted_piece(CAST(:before AS timestamptz)) AS c
    WHERE
        CAST(:before AS timestamptz) IS NOT NULL
        AND c.measure IN ('inventory', 'banked')
        AND (CAST(:parcels AS bigint[]) IS NULL OR c.parcel_id = ANY(CAST(:parcels AS bigint[])))
),

held AS (
    SELECT
        p.*,
        count(*) OVER (PARTITION BY p.parcel_id, p.measure, p.sign) AS pieces
    FROM piece AS p
    WHERE p.held_from < p.held_to
),

-- Where a parcel has several pieces: the days on which anything of it begins or ends, and the spans between them.
day AS (
    SELECT DISTINCT
        h.sign,
        h.measure,
        h.parcel_id,
        d.day
    FROM held AS h
    CROSS JOIN LATERAL (VALUES (h.held_from), (h.held_to)) AS d (day)
    WHERE h.pieces > 1
),

span AS (
    SELECT
        d.sign,
        d.measure,
        d.parcel_id,
        d.day AS span_from,
        lead(d.day) OVER (PARTITION BY d.sign, d.measure, d.parcel_id ORDER BY d.day) AS span_to
    FROM day AS d
),

state AS (
    SELECT
        h.sign,
        h.measure,
        h.programme,
        h.land_category,
        h.layer,
        h.district,
        h.sub_district,
        s.span_from,
        s.span_to,
        sum(h.counted) AS counted,
        sum(h.declared) AS declared,
        sum(h.document) AS document,
        sum(h.plane) AS plane,
        sum(h.ellipsoidal) AS ellipsoidal,
        row_number() OVER (
            PARTITION BY h.sign, h.measure, h.parcel_id, h.district, h.sub_district, s.span_from
            ORDER BY h.land_category
        ) AS in_place,
        row_number() OVER (
            PARTITION BY h.sign, h.measure, h.parcel_id, s.span_from ORDER BY h.sub_district, h.district
        ) AS in_all
    FROM held AS h
    INNER JOIN span AS s
        ON
            h.sign = s.sign AND h.measure = s.measure AND h.parcel_id = s.parcel_id
            AND h.held_from <= s.span_from AND h.held_to > s.span_from
    WHERE h.pieces > 1
    GROUP BY
        h.sign, h.measure, h.parcel_id, s.span_from, s.span_to, h.programme, h.land_category, h.layer, h.district,
        h.sub_district
    UNION ALL
    SELECT
        h.sign,
        h.measure,
        h.programme,
        h.land_category,
        h.layer,
        h.district,
        h.sub_district,
        h.held_from,
        h.held_to,
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

change AS (
    SELECT
        t.*,
        t.span_from AS on_date,
        t.sign AS way
    FROM state AS t
    UNION ALL
    SELECT
        t.*,
        t.span_to,
        -t.sign
    FROM state AS t
    -- Boundaries without an end may be stored as the last day of 9999; nobody asks for stocks that far.
    WHERE t.span_to < '9999-01-01'
)

SELECT
    c.measure,
    c.on_date,
    c.programme,
    c.land_category,
    c.layer,
    c.district,
    c.sub_district,
    sum(c.way * c.counted),
    sum(c.way * c.declared),
    sum(c.way * c.document),
    sum(c.way * c.plane),
    sum(c.way * c.ellipsoidal),
    sum(CASE WHEN c.in_place = 1 THEN c.way ELSE 0 END),
    sum(CASE WHEN c.in_all = 1 THEN c.way ELSE 0 END),
    CAST(:after AS timestamptz)
FROM change AS c
GROUP BY c.measure, c.on_date, c.programme, c.land_category, c.layer, c.district, c.sub_district
HAVING
    sum(c.way * c.counted) <> 0
    OR sum(c.way * c.declared) <> 0
    OR sum(c.way * c.document) <> 0
    OR sum(c.way * c.plane) <> 0
    OR sum(c.way * c.ellipsoidal) <> 0
    OR sum(CASE WHEN c.in_place = 1 THEN c.way ELSE 0 END) <> 0
    OR sum(CASE WHEN c.in_all = 1 THEN c.way ELSE 0 END) <> 0
