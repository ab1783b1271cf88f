-- Land twice in the bank: pairs of banked parcels of one programme and layer that share more than the tolerance while
-- both are in (DESIGN §3, rule 2). Tolerance: 1 m² or 0.1 % of the smaller parcel, whichever is smaller.
-- Looked at under the publish lock after the events were written, so that of two simultaneous uploads one sees the
-- other. At least one parcel of each pair is among those given. Square metres are ellipsoidal.
WITH near AS (
    SELECT
        o.first_version_id,
        o.second_version_id,
        o.ellipsoidal_square_metres
    FROM parcel_overlap AS o
    INNER JOIN parcel_version AS v ON o.first_version_id = v.id
    WHERE v.parcel_id = ANY(CAST(:parcels AS bigint[]))
    UNION
    SELECT
        o.first_version_id,
        o.second_version_id,
        o.ellipsoidal_square_metres
    FROM parcel_overlap AS o
    INNER JOIN parcel_version AS v ON o.second_version_id = v.id
    WHERE v.parcel_id = ANY(CAST(:parcels AS bigint[]))
),

pair AS (
    SELECT
        n.*,
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
        e.event_id,
        e.type,
        e.counts,
        e.version_id,
        e.parcel_id,
        e.counted_on,
        coalesce(
            min(e.counted_on) FILTER (WHERE e.type = 'bank_exit') OVER (
                PARTITION BY e.parcel_id
                ORDER BY e.counted_on, e.event_id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
            ), 'infinity'
        ) AS left_on
    FROM live_event(CAST(:recorded_at AS timestamptz)) AS e
    WHERE
        e.type IN ('bank_entry', 'bank_exit')
        AND e.parcel_id IN (
            SELECT p.first_parcel_id FROM pair AS p
            UNION
            SELECT p.second_parcel_id FROM pair AS p
        )
)

SELECT
    first.event_id AS first_event,
    second.event_id AS second_event,
    first_event.upload_row AS first_row,
    second_event.upload_row AS second_row,
    a.code AS first_parcel,
    b.code AS second_parcel,
    first.version_id AS first_version_id,
    second.version_id AS second_version_id,
    p.ellipsoidal_square_metres AS square_metres,
    first_event.recorded_at = :recorded_at AS first_is_new,
    second_event.recorded_at = :recorded_at AS second_is_new
FROM pair AS p
INNER JOIN banked AS first ON p.first_version_id = first.version_id AND first.type = 'bank_entry' AND first.counts
INNER JOIN banked AS second ON p.second_version_id = second.version_id AND second.type = 'bank_entry' AND second.counts
INNER JOIN land_event AS first_event ON first.event_id = first_event.id
INNER JOIN land_event AS second_event ON second.event_id = second_event.id
INNER JOIN parcel AS a ON first.parcel_id = a.id
INNER JOIN parcel AS b ON second.parcel_id = b.id
WHERE
    a.id <> b.id
    AND first.counted_on < second.left_on
    AND second.counted_on < first.left_on
ORDER BY a.code, b.code
