-- Land credited to two programmes: handed over by renewal as one parcel and entered into the bank for consolidation as
-- another one that shares more than the tolerance with it (1 m² or 0.1 % of the smaller parcel, whichever is smaller).
-- Told by the later of the two events. At least one parcel of each pair is among those given.
WITH near AS (
    SELECT
        o.first_version_id AS one,
        o.second_version_id AS other,
        o.ellipsoidal_square_metres
    FROM parcel_version AS v
    INNER JOIN parcel_overlap AS o ON v.id = o.first_version_id
    WHERE v.parcel_id = ANY(CAST(:parcels AS bigint[]))
    UNION
    SELECT
        o.first_version_id,
        o.second_version_id,
        o.ellipsoidal_square_metres
    FROM parcel_version AS v
    INNER JOIN parcel_overlap AS o ON v.id = o.second_version_id
    WHERE v.parcel_id = ANY(CAST(:parcels AS bigint[]))
),

pair AS (
    SELECT
        n.one AS handed_over,
        n.other AS banked,
        n.ellipsoidal_square_metres
    FROM near AS n
    UNION ALL
    SELECT
        n.other,
        n.one,
        n.ellipsoidal_square_metres
    FROM near AS n
),

credited AS (
    SELECT
        v.parcel_id AS handed_over_id,
        w.parcel_id AS banked_id,
        v.id AS handed_over_version,
        w.id AS banked_version
    FROM pair AS p
    INNER JOIN parcel_version AS v ON p.handed_over = v.id
    INNER JOIN parcel_version AS w ON p.banked = w.id
    WHERE
        v.programme = 'renewal' AND v.role = 'handover' AND w.programme = 'consolidation' AND v.layer = w.layer
        AND p.ellipsoidal_square_metres
        > least(1, 0.001 * least(v.ellipsoidal_square_metres, w.ellipsoidal_square_metres))
),

event AS (
    SELECT l.*
    FROM live_event(CAST(:recorded_at AS timestamptz)) AS l
    WHERE
        l.parcel_id IN (
            SELECT c.handed_over_id FROM credited AS c
            UNION
            SELECT c.banked_id FROM credited AS c
        )
)

SELECT DISTINCT
    'land_credited_elsewhere' AS code,
    e.upload_row AS row,
    a.code AS parcel,
    CASE WHEN h.event_id > b.event_id THEN w.code ELSE v.code END AS detail
FROM credited AS c
INNER JOIN event AS h ON c.handed_over_version = h.version_id AND h.type = 'handover'
INNER JOIN event AS b ON c.banked_version = b.version_id AND b.type = 'bank_entry' AND b.counts
INNER JOIN parcel AS v ON c.handed_over_id = v.id
INNER JOIN parcel AS w ON c.banked_id = w.id
INNER JOIN land_event AS e ON greatest(h.event_id, b.event_id) = e.id
INNER JOIN parcel AS a ON e.parcel_id = a.id
ORDER BY 2, 3, 4
