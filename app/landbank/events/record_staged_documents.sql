-- The evidence documents that an upload's rows name and that nobody has recorded yet.
INSERT INTO document (type, number, date, issuer, recorded_at)
SELECT DISTINCT
    s.document_type,
    s.document_number,
    s.document_date,
    s.document_issuer,
    CAST(:recorded_at AS timestamptz)
FROM staged_row AS s
WHERE
    s.upload_id = :upload_id
    AND s.event IS NOT NULL
    AND (CAST(:rows AS bigint[]) IS NULL OR s.row = ANY(CAST(:rows AS bigint[])))
ON CONFLICT DO NOTHING
