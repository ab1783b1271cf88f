-- Events of parcels that hold and that happened after a day, by the date that counts or by the effective one.
SELECT
    p.code AS parcel,
    l.type,
    greatest(e.counted_on, l.effective_date) AS happened_on
FROM live_event(clock_timestamp()) AS e
INNER JOIN land_event AS l ON e.event_id = l.id
INNER JOIN parcel AS p ON e.parcel_id = p.id
WHERE e.parcel_id = ANY(CAST(:parcels AS bigint[])) AND greatest(e.counted_on, l.effective_date) > :day
ORDER BY happened_on, l.id
LIMIT 1
