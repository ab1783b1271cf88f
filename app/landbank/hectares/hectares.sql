-- Hectares in the bank: the one definition of a published figure. Square metres of the counted pieces
-- (counted_piece.sql says what those are), grouped as asked, with the total.
--
-- A stock by year or month is taken at the end of each period (the last on last_day); its total is that of last_day.
-- overlap_square_metres is Σ − union of the row's pieces: overlap faces partition the land that several parcels share,
-- and a face that n parcels of the row cover was counted n times, n − 1 times too often.
-- With outlines (clipped), clip_* hold what of which portion lies in which part, in 1e-4 m²: a part is a posted
-- feature, a zone, or one in the other. face_* hold the same of faces. Where parts share land, rows repeat it and
-- in_total lists the whole beside them. Portions and faces that are not listed lie in the part called elsewhere, or,
-- where that is null, do not count.
WITH clip AS (
    SELECT
        c.portion_id,
        c.part,
        c.plane * 0.0001 AS plane,
        c.ellipsoidal * 0.0001 AS ellipsoidal,
        c.in_rows,
        c.in_total
    FROM
        unnest(
            CAST(:clip_ids AS bigint[]), CAST(:clip_parts AS int[]), CAST(:clip_plane AS bigint[]),
            CAST(:clip_ellipsoidal AS bigint[]), CAST(:clip_in_rows AS boolean[]), CAST(:clip_in_total AS boolean[])
        ) AS c (portion_id, part, plane, ellipsoidal, in_rows, in_total)
),

face AS (
    SELECT
        a.face_id,
        a.part,
        CASE WHEN CAST(:basis AS text) = 'plane' THEN a.plane ELSE a.ellipsoidal END * 0.0001 AS square_metres
    FROM
        unnest(
            CAST(:face_ids AS bigint[]), CAST(:face_parts AS int[]), CAST(:face_plane AS bigint[]),
            CAST(:face_ellipsoidal AS bigint[])
        ) AS a (face_id, part, plane, ellipsoidal)
),

piece AS (
    SELECT
        m.*,
        coalesce(k.part, CAST(:elsewhere AS int)) AS part,
        coalesce(k.in_rows, TRUE) AS in_rows,
        coalesce(k.in_total, TRUE) AS in_total,
        square_metres_inside(
            coalesce(CAST(:basis AS text), m.basis), m.declared_square_metres, m.document_square_metres,
            m.plane_square_metres, m.ellipsoidal_square_metres, k.plane, k.ellipsoidal
        ) AS square_metres
    FROM
        matching_piece(
            known_at => :known_at,
            measure => :measure,
            first_day => CAST(:first_day AS date),
            last_day => :last_day,
            boundaries_on => :boundaries_on,
            programme => :programme,
            category => :category,
            subcategory => :subcategory,
            sub_district => :sub_district,
            community => :community,
            project => :project,
            layer => :layer,
            within => :within,
            parcels => :parcels,
            category_on => :category_on,
            versions => CAST(:versions AS bigint[])
        ) AS m
    LEFT JOIN clip AS k ON m.portion_id = k.portion_id
    WHERE NOT CAST(:clipped AS boolean) OR k.portion_id IS NOT NULL OR CAST(:elsewhere AS int) IS NOT NULL
),

-- The days at which a stock is taken; a flow has one row without a day.
reading AS (
    SELECT CASE WHEN :is_stock THEN CAST(:last_day AS date) END AS taken_on
    UNION
    SELECT least(CAST(s.first_day + CAST('1 ' || CAST(:step AS text) AS interval) AS date) - 1, CAST(:last_day AS date))
    FROM (SELECT date_trunc(CAST(:step AS text), min(p.held_from)::timestamp) AS first_of_all FROM piece AS p) AS f
    CROSS JOIN
        LATERAL generate_series(
            f.first_of_all, CAST(:last_day AS date), CAST('1 ' || CAST(:step AS text) AS interval)
        ) AS s (first_day)
    WHERE :is_stock AND (:by_year OR :by_month)
),

keyed AS (
    SELECT
        p.parcel_id,
        p.version_id,
        p.square_metres,
        p.district AS in_district,
        p.sub_district AS in_sub_district,
        p.community AS in_community,
        p.part AS in_part,
        p.in_rows,
        CASE WHEN :by_category THEN p.top END AS category,
        CASE WHEN :by_subcategory THEN p.land_category END AS subcategory,
        CASE WHEN :by_sub_district THEN p.sub_district END AS sub_district,
        CASE WHEN :by_community THEN p.community END AS community,
        CASE WHEN :by_programme THEN p.programme END AS programme,
        CASE WHEN :by_project THEN p.project_code END AS project,
        CASE WHEN :by_year THEN to_char(coalesce(r.taken_on, p.held_from), 'YYYY') END AS year,
        CASE WHEN :by_month THEN to_char(coalesce(r.taken_on, p.held_from), 'YYYY-MM') END AS month,
        (CAST(:row_of AS int[]))[p.part + 1] AS part,
        coalesce(r.taken_on, p.held_from) AS on_day,
        p.in_total AND (r.taken_on IS NULL OR r.taken_on = :last_day) AS in_total
    FROM piece AS p
    INNER JOIN reading AS r ON r.taken_on IS NULL OR (p.held_from <= r.taken_on AND p.held_to > r.taken_on)
),

-- Each overlap face with the pieces over it, in its own place and under the boundaries of the day.
covered AS (
    SELECT
        k.*,
        f.id AS face_id,
        CASE
            WHEN a.face_id IS NOT NULL THEN a.square_metres
            WHEN CAST(:basis AS text) = 'plane' THEN f.plane_square_metres
            ELSE f.ellipsoidal_square_metres
        END AS face_square_metres
    FROM keyed AS k
    INNER JOIN overlap_face_member AS m ON k.version_id = m.parcel_version_id
    INNER JOIN overlap_face AS f
        ON
            m.face_id = f.id AND f.recorded_from <= :known_at AND (f.recorded_to IS NULL OR f.recorded_to > :known_at)
            AND k.in_district IS NOT DISTINCT FROM f.district
            AND k.in_sub_district IS NOT DISTINCT FROM f.sub_district
            AND k.in_community IS NOT DISTINCT FROM f.community
            AND coalesce(:boundaries_on, k.on_day) >= f.boundary_from
            AND coalesce(:boundaries_on, k.on_day) < f.boundary_to
    LEFT JOIN face AS a ON f.id = a.face_id AND k.in_part = a.part
    WHERE
        NOT CAST(:clipped AS boolean) OR a.face_id IS NOT NULL
        OR (k.in_part = :elsewhere AND f.id <> ALL(CAST(:face_ids AS bigint[])))
),

overlap AS (
    SELECT
        x.category,
        x.subcategory,
        x.sub_district,
        x.community,
        x.programme,
        x.project,
        x.year,
        x.month,
        x.part,
        FALSE AS is_total,
        sum(x.square_metres) AS square_metres
    FROM (
        SELECT
            c.category,
            c.subcategory,
            c.sub_district,
            c.community,
            c.programme,
            c.project,
            c.year,
            c.month,
            c.part,
            c.face_square_metres * (count(DISTINCT c.version_id) - 1) AS square_metres
        FROM covered AS c
        WHERE c.in_rows
        GROUP BY
            c.category, c.subcategory, c.sub_district, c.community, c.programme, c.project, c.year, c.month,
            c.part, c.in_part, c.face_id, c.face_square_metres
    ) AS x
    GROUP BY x.category, x.subcategory, x.sub_district, x.community, x.programme, x.project, x.year, x.month, x.part
    UNION ALL
    SELECT
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        TRUE,
        sum(x.square_metres)
    FROM (
        SELECT c.face_square_metres * (count(DISTINCT c.version_id) - 1) AS square_metres
        FROM covered AS c
        WHERE c.in_total
        GROUP BY c.in_part, c.face_id, c.face_square_metres
    ) AS x
),

summed AS (
    SELECT
        k.category,
        k.subcategory,
        k.sub_district,
        k.community,
        k.programme,
        k.project,
        k.year,
        k.month,
        k.part,
        FALSE AS is_total,
        sum(k.square_metres) AS square_metres,
        count(DISTINCT k.parcel_id) AS parcels
    FROM keyed AS k
    WHERE k.in_rows
    GROUP BY k.category, k.subcategory, k.sub_district, k.community, k.programme, k.project, k.year, k.month, k.part
    UNION ALL
    SELECT
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        TRUE,
        coalesce(sum(k.square_metres), 0),
        count(DISTINCT k.parcel_id)
    FROM keyed AS k
    WHERE k.in_total
)

SELECT
    s.is_total,
    s.category,
    s.subcategory,
    s.sub_district,
    s.community,
    s.programme,
    s.project,
    s.year,
    s.month,
    s.part,
    s.square_metres,
    s.parcels,
    coalesce(o.square_metres, 0) AS overlap_square_metres
FROM summed AS s
LEFT JOIN overlap AS o
    ON
        (
            s.is_total, s.category, s.subcategory, s.sub_district, s.community, s.programme, s.project, s.year,
            s.month, s.part
        )
        IS NOT DISTINCT FROM
        (
            o.is_total, o.category, o.subcategory, o.sub_district, o.community, o.programme, o.project, o.year,
            o.month, o.part
        )
