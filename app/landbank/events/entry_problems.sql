-- What makes the ledger of the given parcels wrong, looked at after their events were written and before the commit.
--   retained_banked       retained land (role 'retained') entered into the bank
--   already_banked        an entry that counts while the parcel is in the bank
--   exit_without_entry    an exit of a parcel that is not in the bank
--   exit_before_lineage  an exit of land that the parcel took over only later, in a split or a merge
--   event_after_retirement  an event of a parcel that had been split or merged by then
--   credited_elsewhere    a parcel banked under one programme and handed over under another
-- Each is told once, by the later event.
-- A parcel that came of a split or a merge goes on with what its parents had in the bank: its events are looked at both
-- by themselves and after those of each line of parents. An exit needs an entry in any of these chains.
WITH line AS (
    SELECT
        h.parcel_id,
        h.path,
        h.held_from
    FROM carried_land(CAST(:recorded_at AS timestamptz)) AS h
),

concerned AS (
    SELECT p.id AS parcel_id
    FROM unnest(CAST(:parcels AS bigint[])) AS p (id)
    UNION
    SELECT l.parcel_id
    FROM line AS l
    WHERE l.path && CAST(:parcels AS bigint[])
),

chain AS (
    SELECT
        c.parcel_id AS holder_id,
        c.parcel_id AS member_id,
        ARRAY[c.parcel_id] AS path,
        CAST('-infinity' AS date) AS held_from
    FROM concerned AS c
    UNION
    SELECT
        l.parcel_id,
        m.id,
        l.path,
        l.held_from
    FROM concerned AS c
    INNER JOIN line AS l ON c.parcel_id = l.parcel_id
    CROSS JOIN LATERAL unnest(l.path) AS m (id)
),

event AS (
    SELECT
        c.holder_id,
        c.path,
        c.held_from,
        e.*,
        lag(e.type) OVER line AS previous,
        lag(e.parcel_id) OVER line AS previous_parcel_id
    FROM live_event(CAST(:recorded_at AS timestamptz)) AS e
    INNER JOIN chain AS c ON e.parcel_id = c.member_id
    WHERE e.type IN ('bank_entry', 'bank_exit')
    WINDOW line AS (PARTITION BY c.holder_id, c.path ORDER BY e.counted_on, e.event_id)
),

counted AS (
    SELECT
        e.holder_id,
        e.event_id,
        e.type,
        lag(e.type) OVER (PARTITION BY e.holder_id, e.path ORDER BY e.counted_on, e.event_id) AS previous
    FROM event AS e
    WHERE e.counts
),

problem AS (
    SELECT
        'retained_banked' AS code,
        e.event_id
    FROM event AS e
    WHERE e.type = 'bank_entry' AND e.role = 'retained'
    UNION
    SELECT
        'already_banked',
        c.event_id
    FROM counted AS c
    WHERE c.type = 'bank_entry' AND c.previous = 'bank_entry'
    UNION
    SELECT
        'exit_without_entry',
        e.event_id
    FROM event AS e
    WHERE e.type = 'bank_exit' AND e.holder_id = e.parcel_id
    GROUP BY e.event_id
    HAVING NOT bool_or(e.previous IS NOT DISTINCT FROM 'bank_entry')
    UNION
    -- A new exit needs an entry that counts. One recorded earlier, or recorded anew by a correction, stays when a rule
    -- no longer counts its entry.
    SELECT
        'exit_without_entry',
        c.event_id
    FROM counted AS c
    INNER JOIN land_event AS e ON c.event_id = e.id AND c.holder_id = e.parcel_id
    WHERE
        c.type = 'bank_exit'
        AND e.recorded_at = :recorded_at
        AND NOT EXISTS (
            SELECT 1 FROM land_event AS r
            WHERE r.type = 'reversal' AND r.parcel_id = e.parcel_id AND r.recorded_at = :recorded_at
        )
    GROUP BY c.event_id
    HAVING NOT bool_or(c.previous IS NOT DISTINCT FROM 'bank_entry')
    UNION
    SELECT
        'exit_before_lineage',
        e.event_id
    FROM event AS e
    WHERE
        e.type = 'bank_exit' AND e.holder_id = e.parcel_id AND e.counted_on < e.held_from
        AND e.previous = 'bank_entry' AND e.previous_parcel_id <> e.parcel_id
    UNION
    SELECT
        'event_after_retirement',
        e.event_id
    FROM live_event(CAST(:recorded_at AS timestamptz)) AS e
    INNER JOIN land_event AS l ON e.event_id = l.id
    INNER JOIN retired(CAST(:recorded_at AS timestamptz)) AS r ON e.parcel_id = r.parcel_id
    WHERE
        e.parcel_id = ANY(CAST(:parcels AS bigint[]))
        AND greatest(e.counted_on, l.effective_date) > r.retired_on
    UNION
    SELECT
        'credited_elsewhere',
        max(e.event_id)
    FROM live_event(CAST(:recorded_at AS timestamptz)) AS e
    INNER JOIN chain AS c ON e.parcel_id = c.member_id
    WHERE e.type IN ('bank_entry', 'handover')
    GROUP BY c.holder_id
    HAVING count(DISTINCT e.programme) > 1
)

SELECT
    p.code,
    e.upload_row AS row,
    a.code AS parcel,
    e.type || ' ' || e.effective_date || ' #' || e.id AS detail
FROM problem AS p
INNER JOIN land_event AS e ON p.event_id = e.id
INNER JOIN parcel AS a ON e.parcel_id = a.id
ORDER BY e.upload_row, a.code, p.code
