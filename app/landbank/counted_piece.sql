-- What is counted, and nothing else is. Functions that can be asked from psql or from QGIS:
--
--   top_category    each land category with the top of its tree
--   counted_piece   every counted piece of land of every measure
--   matching_piece  the pieces that one question asks for:
--                   SELECT sum(counted_square_metres)
--                   FROM matching_piece(clock_timestamp(), 'banked', '2026-11-30', '2026-11-30')
-- and three small ones that they and the statements of app/landbank/hectares share:
--   square_metres_by, square_metres_inside  which square metres a basis counts, of a piece and of a part of it
--   asked_for                               whether a filter lets a value through
--
-- known_at is recorded time: only what the service knew at that moment is used.
-- What a recognition rule makes of an event is read in live_event.sql; from when until when land is in the bank, and
-- which parcel holds it after splits and merges, in banked_land.sql.

-- A rule that counts declared or document square metres counts nothing where none are stated.
CREATE OR REPLACE FUNCTION square_metres_by(
    basis text, declared numeric, document numeric, plane numeric, ellipsoidal numeric
)
RETURNS numeric
LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(
        CASE basis WHEN 'declared' THEN declared WHEN 'document' THEN document WHEN 'plane' THEN plane ELSE ellipsoidal END,
        0
    )
$$;

-- The same of what lies inside an outline, whose plane and ellipsoidal square metres are known (null: all of it).
-- Declared and document square metres have no outline of their own: they are shared out by the ellipsoidal ones.
CREATE OR REPLACE FUNCTION square_metres_inside(
    basis text, declared numeric, document numeric, plane numeric, ellipsoidal numeric, inside_plane numeric,
    inside_ellipsoidal numeric
)
RETURNS numeric
LANGUAGE sql IMMUTABLE
AS $$
    SELECT square_metres_by(
        basis,
        round(coalesce(inside_ellipsoidal / nullif(ellipsoidal, 0), 1) * declared, 4),
        round(coalesce(inside_ellipsoidal / nullif(ellipsoidal, 0), 1) * document, 4),
        coalesce(inside_plane, plane),
        coalesce(inside_ellipsoidal, ellipsoidal)
    )
$$;

-- A filter left out (null) lets everything through; 'none' asks for what has no value.
CREATE OR REPLACE FUNCTION asked_for(value text, asked text[])
RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT asked IS NULL OR coalesce(value, 'none') = ANY(asked)
$$;

CREATE OR REPLACE FUNCTION top_category(known_at timestamptz)
RETURNS TABLE (code text, top text)
LANGUAGE sql STABLE
AS $$
    WITH RECURSIVE known AS (
        SELECT c.code, c.parent_code
        FROM land_category AS c
        WHERE c.recorded_from <= known_at AND (c.recorded_to IS NULL OR c.recorded_to > known_at)
    ),

    tree AS (
        SELECT k.code, k.code AS top
        FROM known AS k
        WHERE k.parent_code IS NULL
        UNION
        SELECT k.code, t.top
        FROM known AS k
        INNER JOIN tree AS t ON k.parent_code = t.code
    )

    SELECT t.code, t.top
    FROM tree AS t
$$;

-- One row per measure, event (or parcel version, for the inventory) and portion. A portion is the part of the parcel
-- in one place; portions sum to their parcel exactly.
-- Stocks (inventory, banked) hold from starts_on until the day before ends_on. Flows happen on starts_on.
CREATE OR REPLACE FUNCTION counted_piece(known_at timestamptz)
RETURNS TABLE (
    measure text,
    starts_on date,
    ends_on date,
    parcel_id bigint,
    parcel_code text,
    version_id bigint,
    version bigint,
    event_id bigint,
    programme text,
    project_code text,
    land_category text,
    layer text,
    role text,
    portion_id bigint,
    district text,
    sub_district text,
    community text,
    boundary_from date,
    boundary_to date,
    basis text,
    category_at text,
    counted_square_metres numeric,
    declared_square_metres numeric,
    document_square_metres numeric,
    plane_square_metres numeric,
    ellipsoidal_square_metres numeric
)
LANGUAGE sql STABLE
AS $$
    SELECT
        c.measure,
        c.starts_on,
        c.ends_on,
        c.parcel_id,
        p.code,
        c.version_id,
        c.version,
        c.event_id,
        c.programme,
        c.project_code,
        c.land_category,
        c.layer,
        c.role,
        o.id,
        o.district,
        o.sub_district,
        o.community,
        o.boundary_from,
        o.boundary_to,
        c.basis,
        c.category_at,
        square_metres_by(
            c.basis, o.declared_square_metres, o.document_square_metres, o.plane_square_metres,
            o.ellipsoidal_square_metres
        ),
        o.declared_square_metres,
        o.document_square_metres,
        o.plane_square_metres,
        o.ellipsoidal_square_metres
    FROM (
        -- The inventory: a parcel version holds from its effective date until a later version takes effect.
        -- A later version that takes effect no later than this one replaces it altogether. A parcel that is split or
        -- merged ends.
        SELECT
            'inventory' AS measure,
            v.effective_date AS starts_on,
            least(v.ends_on, r.retired_on) AS ends_on,
            v.parcel_id,
            v.id AS version_id,
            v.version,
            NULL::bigint AS event_id,
            v.programme,
            v.project_code,
            v.land_category,
            v.layer,
            v.role,
            'ellipsoidal' AS basis,
            'entry' AS category_at
        FROM (
            SELECT
                w.*,
                min(w.effective_date) OVER (
                    PARTITION BY w.parcel_id
                    ORDER BY w.version ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
                ) AS ends_on
            FROM parcel_version AS w
            WHERE
                w.recorded_from <= known_at AND (w.recorded_to IS NULL OR w.recorded_to > known_at)
                AND w.part_of_id IS NULL
        ) AS v
        LEFT JOIN retired(known_at) AS r ON v.parcel_id = r.parcel_id
        WHERE v.ends_on IS NULL OR v.ends_on > v.effective_date
        UNION ALL
        -- The bank: under the category of the entry or, where the rule says so, from day to day under the category of
        -- the parcel that holds the land.
        SELECT
            'banked', greatest(b.starts_on, k.since), nullif(least(b.ends_on, k.until), 'infinity'), b.parcel_id,
            b.version_id, b.version, b.event_id, b.programme, b.project_code, k.land_category, b.layer, b.role,
            b.basis, b.category_at
        FROM banked_land(known_at) AS b
        CROSS JOIN LATERAL (
            SELECT
                b.land_category,
                CAST('-infinity' AS date) AS since,
                CAST('infinity' AS date) AS until
            WHERE b.category_at = 'entry'
            UNION ALL
            SELECT c.* FROM parcel_category(known_at, b.parcel_id) AS c WHERE b.category_at = 'report'
        ) AS k
        WHERE k.since < coalesce(b.ends_on, 'infinity') AND k.until > b.starts_on
        UNION ALL
        SELECT
            'bank_entries', e.counted_on, NULL, e.parcel_id, e.version_id, e.version, e.event_id, e.programme,
            e.project_code, e.land_category, e.layer, e.role, e.basis, e.category_at
        FROM live_event(known_at) AS e
        WHERE e.type = 'bank_entry' AND e.counts
        UNION ALL
        SELECT
            'supplied', e.counted_on, NULL, e.parcel_id, e.version_id, e.version, e.event_id, e.programme,
            e.project_code, e.land_category, e.layer, e.role, e.basis, 'entry'
        FROM live_event(known_at) AS e
        WHERE e.type = 'supply'
        UNION ALL
        SELECT
            'handed_over', e.counted_on, NULL, e.parcel_id, e.version_id, e.version, e.event_id, e.programme,
            e.project_code, e.land_category, e.layer, e.role, e.basis, 'entry'
        FROM live_event(known_at) AS e
        WHERE e.type = 'handover'
        UNION ALL
        -- Total supply: what was supplied directly, and what renewal handed over.
        SELECT
            'supply_total', e.counted_on, NULL, e.parcel_id, e.version_id, e.version, e.event_id, e.programme,
            e.project_code, e.land_category, e.layer, e.role, e.basis, 'entry'
        FROM live_event(known_at) AS e
        WHERE e.type = 'supply' OR (e.type = 'handover' AND e.programme = 'renewal')
    ) AS c
    INNER JOIN portion AS o
        ON c.version_id = o.parcel_version_id AND o.recorded_from <= known_at
            AND (o.recorded_to IS NULL OR o.recorded_to > known_at)
    LEFT JOIN parcel AS p ON c.parcel_id = p.id
$$;

-- The pieces that a question asks for. Every filter left out (null) lets everything through.
--   first_day, last_day   stocks: held on some day of these; flows: happened in them
--   boundaries_on         the place boundaries of that day; left out: those in force then (flows: on the day itself)
--   category_on           the day of the report, for rules that count a flow under the category of then; else last_day
--   category              codes at any level of the tree; subcategory: the piece's own code
--   'none' among places, projects: pieces without one
-- held_from, held_to: for stocks, the days on which the piece is held within these boundaries (held_to excluded).
CREATE OR REPLACE FUNCTION matching_piece(
    known_at timestamptz,
    measure text,
    first_day date,
    last_day date,
    boundaries_on date DEFAULT NULL,
    programme text[] DEFAULT NULL,
    category text[] DEFAULT NULL,
    subcategory text[] DEFAULT NULL,
    sub_district text[] DEFAULT NULL,
    community text[] DEFAULT NULL,
    project text[] DEFAULT NULL,
    layer text[] DEFAULT NULL,
    within text[] DEFAULT NULL,
    parcels bigint[] DEFAULT NULL,
    category_on date DEFAULT NULL,
    versions bigint[] DEFAULT NULL
)
RETURNS TABLE (
    held_from date,
    held_to date,
    parcel_id bigint,
    parcel_code text,
    version_id bigint,
    version bigint,
    event_id bigint,
    programme text,
    project_code text,
    top text,
    land_category text,
    layer text,
    portion_id bigint,
    district text,
    sub_district text,
    community text,
    basis text,
    counted_square_metres numeric,
    declared_square_metres numeric,
    document_square_metres numeric,
    plane_square_metres numeric,
    ellipsoidal_square_metres numeric
)
LANGUAGE sql STABLE
AS $$
    SELECT
        m.held_from,
        m.held_to,
        m.parcel_id,
        m.parcel_code,
        m.version_id,
        m.version,
        m.event_id,
        m.programme,
        m.project_code,
        coalesce(t.top, m.told_category),
        m.told_category,
        m.layer,
        m.portion_id,
        m.district,
        m.sub_district,
        m.community,
        m.basis,
        m.counted_square_metres,
        m.declared_square_metres,
        m.document_square_metres,
        m.plane_square_metres,
        m.ellipsoidal_square_metres
    FROM (
        SELECT
            c.*,
            CASE
                WHEN $2 = 'bank_entries' AND c.category_at = 'report'
                    THEN (
                        SELECT k.land_category
                        FROM parcel_category(known_at, c.parcel_id) AS k
                        WHERE k.since <= coalesce(category_on, last_day) AND k.until > coalesce(category_on, last_day)
                    )
                ELSE c.land_category
            END AS told_category,
            CASE
                WHEN boundaries_on IS NULL AND $2 IN ('inventory', 'banked') THEN greatest(c.starts_on, c.boundary_from)
                ELSE c.starts_on
            END AS held_from,
            CASE
                WHEN $2 NOT IN ('inventory', 'banked') THEN 'infinity'
                WHEN boundaries_on IS NULL THEN least(coalesce(c.ends_on, 'infinity'), c.boundary_to)
                ELSE coalesce(c.ends_on, 'infinity')
            END AS held_to,
            CASE WHEN $2 IN ('inventory', 'banked') THEN boundaries_on ELSE coalesce(boundaries_on, c.starts_on) END AS cut_on
        FROM counted_piece(known_at) AS c
        WHERE c.measure = $2 AND (parcels IS NULL OR c.parcel_id = ANY(parcels))
            AND (versions IS NULL OR c.version_id = ANY(versions))
    ) AS m
    LEFT JOIN top_category(known_at) AS t ON m.told_category = t.code
    WHERE
        m.held_from <= last_day
        AND m.held_from < m.held_to
        AND (($2 IN ('inventory', 'banked') AND m.held_to > first_day)
            OR ($2 NOT IN ('inventory', 'banked') AND m.held_from >= first_day))
        AND (m.cut_on IS NULL OR (m.boundary_from <= m.cut_on AND m.boundary_to > m.cut_on))
        AND asked_for(m.programme, $6)
        AND (asked_for(m.told_category, $7) OR asked_for(coalesce(t.top, m.told_category), $7))
        AND asked_for(m.told_category, $8)
        AND asked_for(m.sub_district, $9)
        AND asked_for(m.community, $10)
        AND asked_for(m.project_code, $11)
        AND asked_for(m.layer, $12)
        AND ($13 IS NULL OR m.district = ANY($13) OR m.sub_district = ANY($13) OR m.community = ANY($13))
$$;
