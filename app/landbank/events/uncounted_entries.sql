-- Bank entries of one publication that the recognition rule does not count, with the type of their document.
SELECT
    'document_type_not_counted' AS code,
    e.upload_row AS row,
    p.code AS parcel,
    d.type AS detail
FROM land_event AS e
INNER JOIN live_event(CAST(:recorded_at AS timestamptz)) AS l ON e.id = l.event_id
INNER JOIN parcel AS p ON e.parcel_id = p.id
INNER JOIN document AS d ON e.document_id = d.id
WHERE e.recorded_at = :recorded_at AND e.type = 'bank_entry' AND NOT l.counts
ORDER BY e.upload_row, p.code
