-- The events that some publications recorded, with their documents. A reversal names the event that it took back; where
-- the same publication recorded that event anew (same parcel, type, day and document), successor_id is the new one.
SELECT
    e.id,
    e.recorded_at,
    p.code AS parcel,
    e.type,
    e.effective_date,
    e.reverses_id,
    e.reason,
    d.id AS document_id,
    d.type AS document_type,
    d.number AS document_number,
    d.date AS document_date,
    d.issuer AS document_issuer,
    n.id AS successor_id
FROM land_event AS e
INNER JOIN parcel AS p ON e.parcel_id = p.id
INNER JOIN document AS d ON e.document_id = d.id
LEFT JOIN land_event AS x ON e.reverses_id = x.id
LEFT JOIN land_event AS n
    ON
        x.parcel_id = n.parcel_id AND e.recorded_at = n.recorded_at AND x.type = n.type
        AND x.effective_date = n.effective_date AND x.document_id = n.document_id
WHERE e.recorded_at > :from_known AND e.recorded_at <= :to_known
ORDER BY e.id
