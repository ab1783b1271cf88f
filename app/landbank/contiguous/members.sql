-- Parcels that may make up blocks of contiguous land, with the block that each belongs to.
-- banked: in the bank on the day. candidate: in the inventory on the day, not in the bank, not retained by its holder,
-- and nothing has happened to it by then that settles it (supply, handover, exit from the bank).
-- Outlines at most max_gap metres apart (plane, storage CRS) belong to one block, and so on along the chain.
-- Square metres are the parcel's own, ellipsoidal, whole: also where only a part lies in the place asked for.
-- Blocks smaller than asked for are left out here already: overlaps and roads only ever make a block smaller.
WITH banked AS (
    SELECT DISTINCT
        m.parcel_id,
        m.version_id
    FROM
        matching_piece(
            known_at => :known_at, measure => 'banked', first_day => CAST(:as_of AS date),
            last_day => CAST(:as_of AS date), programme => :programme, category => :category,
            subcategory => :subcategory, sub_district => :sub_district, community => :community,
            project => :project, layer => :layer, within => :within
        ) AS m
),

settled AS (
    SELECT DISTINCT e.parcel_id
    FROM live_event(CAST(:known_at AS timestamptz)) AS e
    WHERE e.counted_on <= CAST(:as_of AS date) AND e.type IN ('supply', 'handover', 'bank_exit')
),

candidate AS (
    SELECT DISTINCT m.version_id
    FROM
        matching_piece(
            known_at => :known_at, measure => 'inventory', first_day => CAST(:as_of AS date),
            last_day => CAST(:as_of AS date), programme => :programme, category => :category,
            subcategory => :subcategory, sub_district => :sub_district, community => :community,
            project => :project, layer => :layer, within => :within
        ) AS m
    LEFT JOIN settled AS s ON m.parcel_id = s.parcel_id
    LEFT JOIN banked AS b ON m.parcel_id = b.parcel_id
    WHERE s.parcel_id IS NULL AND b.parcel_id IS NULL
),

member AS (
    SELECT
        b.version_id,
        'banked' AS status
    FROM banked AS b
    UNION ALL
    SELECT
        c.version_id,
        'candidate' AS status
    FROM candidate AS c
),

clustered AS (
    SELECT
        v.id AS version_id,
        p.code,
        v.version,
        k.status,
        v.programme,
        v.project_code,
        v.land_category,
        v.ellipsoidal_square_metres,
        v.geom,
        ST_ClusterDBSCAN(v.geom, CAST(:max_gap AS double precision), 1) OVER (ORDER BY v.id) AS block
    FROM member AS k
    INNER JOIN parcel_version AS v ON k.version_id = v.id AND (k.status = 'banked' OR v.role <> 'retained')
    INNER JOIN parcel AS p ON v.parcel_id = p.id
)

SELECT
    s.version_id,
    s.code,
    s.version,
    s.status,
    s.programme,
    s.project_code AS project,
    s.land_category AS category,
    s.ellipsoidal_square_metres AS square_metres,
    s.block,
    ST_AsBinary(s.geom) AS outline
FROM (
    SELECT
        c.*,
        sum(c.ellipsoidal_square_metres) OVER (PARTITION BY c.block) AS block_square_metres
    FROM clustered AS c
) AS s
WHERE s.block_square_metres >= CAST(:min_square_metres AS numeric)
ORDER BY s.code
LIMIT CAST(:most AS integer)
