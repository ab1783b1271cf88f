-- The counted pieces behind a figure of hectares.sql, one by one, in pages: the same question gives the same pieces.
WITH clip AS (
    SELECT
        c.portion_id,
        c.part,
        c.plane * 0.0001 AS plane,
        c.ellipsoidal * 0.0001 AS ellipsoidal,
        c.in_total
    FROM
        unnest(
            CAST(:clip_ids AS bigint[]), CAST(:clip_parts AS int[]), CAST(:clip_plane AS bigint[]),
            CAST(:clip_ellipsoidal AS bigint[]), CAST(:clip_in_total AS boolean[])
        ) AS c (portion_id, part, plane, ellipsoidal, in_total)
)

SELECT
    m.parcel_code AS code,
    m.version,
    m.event_id AS event,
    nullif(m.held_to, 'infinity') AS until,
    m.held_from AS date,
    m.programme,
    m.project_code AS project,
    m.top AS category,
    m.land_category AS subcategory,
    m.district,
    m.sub_district,
    m.community,
    m.portion_id,
    coalesce(k.part, CAST(:elsewhere AS int), 0) AS part,
    square_metres_inside(
        coalesce(CAST(:basis AS text), m.basis), m.declared_square_metres, m.document_square_metres,
        m.plane_square_metres, m.ellipsoidal_square_metres, k.plane, k.ellipsoidal
    ) AS square_metres
FROM
    matching_piece(
        known_at => :known_at,
        measure => :measure,
        first_day => :first_day,
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
WHERE
    (NOT CAST(:clipped AS boolean) OR k.portion_id IS NOT NULL OR CAST(:elsewhere AS int) IS NOT NULL)
    AND coalesce(k.in_total, TRUE)
    AND (m.parcel_code, m.portion_id, coalesce(m.event_id, 0), coalesce(k.part, CAST(:elsewhere AS int), 0))
    > (
        CAST(:after_code AS text), CAST(:after_portion AS bigint), CAST(:after_event AS bigint),
        CAST(:after_part AS int)
    )
ORDER BY m.parcel_code, m.portion_id, coalesce(m.event_id, 0), coalesce(k.part, CAST(:elsewhere AS int), 0)
LIMIT :page_size
