-- The events of an upload's rows, in one statement, after their documents (record_staged_documents.sql).
-- An event holds for the parcel version that this publication made from its row; where the row made none, for the
-- version of the event's effective date, the last recorded of those that hold by then.
-- The land category is that version's: the one at the event.
-- A row whose event is in the ledger already (same type, day and document, not reversed) adds nothing.
INSERT INTO land_event (
    type, parcel_id, parcel_version_id, land_category, effective_date, document_id, kind, actor, upload_id, upload_row,
    recorded_at
)
SELECT
    s.event,
    p.id AS parcel_id,
    v.id AS parcel_version_id,
    v.land_category,
    coalesce(s.effective_date, s.document_date),
    d.id AS document_id,
    s.kind,
    :actor,
    s.upload_id,
    s.row,
    :recorded_at
FROM staged_row AS s
INNER JOIN parcel AS p ON s.code = p.code
INNER JOIN document AS d
    ON
        s.document_type = d.type AND s.document_number = d.number AND s.document_date = d.date
        AND s.document_issuer IS NOT DISTINCT FROM d.issuer
INNER JOIN LATERAL (
    SELECT
        w.id,
        w.land_category
    FROM parcel_version AS w
    WHERE w.parcel_id = p.id AND w.recorded_to IS NULL AND w.part_of_id IS NULL
    ORDER BY
        (w.upload_id = s.upload_id AND w.upload_row = s.row AND w.recorded_from = :recorded_at) DESC NULLS LAST,
        (w.effective_date <= coalesce(s.effective_date, s.document_date)) DESC,
        CASE WHEN w.effective_date <= coalesce(s.effective_date, s.document_date) THEN w.version END DESC,
        w.effective_date,
        w.version DESC
    LIMIT 1
) AS v ON TRUE
WHERE
    s.upload_id = :upload_id
    AND s.event IS NOT NULL
    AND (CAST(:rows AS bigint[]) IS NULL OR s.row = ANY(CAST(:rows AS bigint[])))
    AND NOT EXISTS (
        SELECT 1
        FROM land_event AS e
        WHERE
            e.parcel_id = p.id
            AND e.type = s.event
            AND e.effective_date = coalesce(s.effective_date, s.document_date)
            AND e.document_id = d.id
            AND NOT EXISTS (SELECT 1 FROM land_event AS r WHERE r.reverses_id = e.id)
    )
ORDER BY s.row
