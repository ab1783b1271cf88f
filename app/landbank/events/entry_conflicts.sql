-- Land twice in the bank: pairs of banked parcels of one programme and layer that share more than the tolerance while
-- both are in (DESIGN §3, rule 2). Tolerance: 1 m² or 0.1 % of the smaller parcel, whichever is smaller.
-- Looked at under the publish lock after the events were written, so that of two simultaneous uploads one sees the
-- other. At least one parcel of each pair is among those given. Square metres are ellipsoidal.
-- Land that was split or merged is held by a parcel other than its version's: concerned holds the versions of either.
WITH concerned AS (
    SELECT v.id
    FROM parcel_version AS v
    WHERE v.parcel_id = ANY(CAST(:parcels AS bigint[]))
    UNION
    SELECT h.land_version_id
    FROM carried_land(CAST(:recorded_at AS timestamptz)) AS h
    WHERE h.path && CAST(:parcels AS bigint[])
),

near AS (
    SELECT
        o.first_version_id,
        o.second_version_id,
        o.ellipsoidal_square_metres
    FROM concerned AS c
    INNER JOIN parcel_overlap AS o ON c.id = o.first_version_id
    UNION
    SELECT
        o.first_version_id,
        o.second_version_id,
        o.ellipsoidal_square_metres
    FROM concerned AS c
    INNER JOIN parcel_overlap AS o ON c.id = o.second_version_id
),

pair AS (
    SELECT
        n.*,
        v.programme,
        v.layer,
        v.parcel_id AS first_parcel_id,
        w.parcel_id AS second_parcel_id
    FROM near AS n
    INNER JOIN parcel_version AS v ON n.first_version_id = v.id
    INNER JOIN parcel_version AS w ON n.second_version_id = w.id
    WHERE
        v.layer = w.layer AND v.programme = w.programme
        AND n.ellipsoidal_square_metres
        > least(1, 0.001 * least(v.ellipsoidal_square_metres, w.ellipsoidal_square_metres))
),

banked AS (
    SELECT
        b.event_id,
        b.version_id,
        b.parcel_id,
        b.starts_on,
        coalesce(b.ends_on, 'infinity') AS left_on
    FROM
        banked_land(
            CAST(:recorded_at AS timestamptz),
            ARRAY(
                SELECT p.first_parcel_id FROM pair AS p
                UNION
                SELECT p.second_parcel_id FROM pair AS p
                UNION
                SELECT h.parcel_id
                FROM carried_land(CAST(:recorded_at AS timestamptz)) AS h
                INNER JOIN pair AS p ON h.land_version_id IN (p.first_version_id, p.second_version_id)
            )
        ) AS b
)

SELECT
    first.event_id AS first_event,
    second.event_id AS second_event,
    first_event.upload_row AS first_row,
    second_event.upload_row AS second_row,
    a.code AS first_parcel,
    b.code AS second_parcel,
    p.programme,
    p.layer,
    first.version_id AS first_version_id,
    second.version_id AS second_version_id,
    p.ellipsoidal_square_metres AS square_metres,
    first_event.recorded_at = :recorded_at AS first_is_new,
    second_event.recorded_at = :recorded_at AS second_is_new
FROM pair AS p
INNER JOIN banked AS first ON p.first_version_id = first.version_id
INNER JOIN banked AS second ON p.second_version_id = second.version_id
INNER JOIN land_event AS first_event ON first.event_id = first_event.id
INNER JOIN land_event AS second_event ON second.event_id = second_event.id
INNER JOIN parcel AS a ON first.parcel_id = a.id
INNER JOIN parcel AS b ON second.parcel_id = b.id
WHERE
    a.id <> b.id
    AND first.starts_on < second.left_on
    AND second.starts_on < first.left_on
ORDER BY a.code, b.code
