-- Bank entries of some parcels that hold, and that a publication made count no longer: what they required was reversed.
SELECT
    'reversal_built_upon' AS code,
    CAST(NULL AS bigint) AS row,
    p.code AS parcel,
    'bank_entry ' || a.counted_on || ' #' || a.event_id AS detail
FROM live_event(CAST(:before AS timestamptz)) AS b
INNER JOIN live_event(CAST(:recorded_at AS timestamptz)) AS a ON b.event_id = a.event_id
INNER JOIN parcel AS p ON a.parcel_id = p.id
WHERE b.parcel_id = ANY(CAST(:parcels AS bigint[])) AND b.type = 'bank_entry' AND b.counts AND NOT a.counts
ORDER BY a.event_id
