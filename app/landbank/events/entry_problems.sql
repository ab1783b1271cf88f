-- What makes the ledger of the given parcels wrong, looked at after their events were written and before the commit.
--   retained_banked       retained land (role 'retained') entered into the bank
--   already_banked        an entry that counts while the parcel is in the bank
--   exit_without_entry    an exit of a parcel that is not in the bank
--   credited_elsewhere    a parcel banked under one programme and handed over under another
-- Each is told once, by the later event.
WITH event AS (
    SELECT
        e.*,
        lag(e.type) OVER (PARTITION BY e.parcel_id ORDER BY e.counted_on, e.event_id) AS previous
    FROM live_event(CAST(:recorded_at AS timestamptz)) AS e
    WHERE e.parcel_id = ANY(CAST(:parcels AS bigint[])) AND e.type IN ('bank_entry', 'bank_exit')
),

counted AS (
    SELECT
        e.event_id,
        e.parcel_id,
        e.type,
        lag(e.type) OVER (PARTITION BY e.parcel_id ORDER BY e.counted_on, e.event_id) AS previous
    FROM event AS e
    WHERE e.counts
),

problem AS (
    SELECT
        'retained_banked' AS code,
        e.event_id,
        e.parcel_id
    FROM event AS e
    WHERE e.type = 'bank_entry' AND e.role = 'retained'
    UNION ALL
    SELECT
        'already_banked',
        c.event_id,
        c.parcel_id
    FROM counted AS c
    WHERE c.type = 'bank_entry' AND c.previous = 'bank_entry'
    UNION ALL
    SELECT
        'exit_without_entry',
        e.event_id,
        e.parcel_id
    FROM event AS e
    WHERE e.type = 'bank_exit' AND e.previous IS DISTINCT FROM 'bank_entry'
    UNION ALL
    SELECT
        'credited_elsewhere',
        max(e.event_id),
        e.parcel_id
    FROM live_event(CAST(:recorded_at AS timestamptz)) AS e
    WHERE e.parcel_id = ANY(CAST(:parcels AS bigint[])) AND e.type IN ('bank_entry', 'handover')
    GROUP BY e.parcel_id
    HAVING count(DISTINCT e.programme) > 1
)

SELECT
    p.code,
    e.upload_row AS row,
    a.code AS parcel,
    CAST(NULL AS text) AS detail
FROM problem AS p
INNER JOIN land_event AS e ON p.event_id = e.id
INNER JOIN parcel AS a ON p.parcel_id = a.id
ORDER BY e.upload_row, a.code, p.code
