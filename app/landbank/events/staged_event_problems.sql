-- Rows of an upload whose event cannot be recorded as it stands, with the code of what is wrong.
SELECT
    w.code,
    s.row,
    s.code AS parcel,
    w.detail
FROM staged_row AS s
CROSS JOIN
    LATERAL (
        SELECT
            'event_type_unknown' AS code,
            s.event AS detail
        WHERE s.event NOT IN ('bank_entry', 'bank_exit', 'supply', 'handover')
        UNION ALL
        SELECT
            'event_without_document',
            s.event
        WHERE s.document_type IS NULL OR s.document_number IS NULL OR s.document_date IS NULL
        UNION ALL
        SELECT
            'document_type_unknown',
            s.document_type
        WHERE
            s.document_type NOT IN (
                'handover_confirmation', 'survey_report', 'grant_contract', 'allocation_decision', 'approval', 'other'
            )
        UNION ALL
        SELECT
            'event_kind_wrong',
            s.kind
        WHERE s.kind IS NOT NULL AND NOT (s.event = 'supply' AND s.kind IN ('grant', 'allocation'))
    ) AS w
WHERE
    s.upload_id = :upload_id
    AND s.event IS NOT NULL
    AND (CAST(:rows AS bigint[]) IS NULL OR s.row = ANY(CAST(:rows AS bigint[])))
ORDER BY s.row, w.code
