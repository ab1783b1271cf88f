-- Bank entries of one publication that the recognition rule does not count: for the type of their document, or for
-- what else the rule requires of their parcel and it has not.
SELECT
    CASE
        WHEN d.type = ANY(r.document_types) THEN 'evidence_incomplete'
        ELSE 'document_type_not_counted'
    END AS code,
    e.upload_row AS row,
    p.code AS parcel,
    d.type AS detail
FROM land_event AS e
INNER JOIN live_event(CAST(:recorded_at AS timestamptz)) AS l ON e.id = l.event_id
INNER JOIN recognition_rule AS r ON l.rule_id = r.id
INNER JOIN parcel AS p ON e.parcel_id = p.id
INNER JOIN document AS d ON e.document_id = d.id
WHERE e.recorded_at = :recorded_at AND e.type = 'bank_entry' AND NOT l.counts
ORDER BY e.upload_row, p.code
