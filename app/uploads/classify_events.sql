-- What each staged event means for the ledger: new, unchanged (there already: same type, day and document, not
-- reversed), or what stands against it.
--   event_parcel_unknown     no parcel has the code, or none of its versions holds any more
--   event_category_differs   the file says another category than the parcel had at the event; its parent will do
-- known: the parcel's category on that day, before its first version that of the first.
WITH RECURSIVE upwards AS (
    SELECT
        c.code,
        c.code AS above
    FROM land_category AS c
    WHERE c.recorded_to IS NULL
    UNION
    SELECT
        u.code,
        c.parent_code AS above
    FROM upwards AS u
    INNER JOIN land_category AS c ON u.above = c.code AND c.recorded_to IS NULL AND c.parent_code IS NOT NULL
)

SELECT
    s.row,
    s.code,
    CASE
        WHEN v.land_category IS NULL THEN 'event_parcel_unknown'
        WHEN
            s.land_category IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM upwards AS u WHERE u.code = v.land_category AND u.above = s.land_category)
            THEN 'event_category_differs'
        WHEN EXISTS (
            SELECT 1
            FROM land_event AS e
            INNER JOIN document AS d ON e.document_id = d.id
            WHERE
                e.parcel_id = p.id
                AND e.type = s.event
                AND e.effective_date = coalesce(s.effective_date, s.document_date)
                AND (d.type, d.number, d.date) = (s.document_type, s.document_number, s.document_date)
                AND d.issuer IS NOT DISTINCT FROM s.document_issuer
                AND NOT EXISTS (SELECT 1 FROM land_event AS r WHERE r.reverses_id = e.id)
        ) THEN 'unchanged'
        ELSE 'new'
    END AS fate,
    v.land_category AS known,
    s.land_category AS stated
FROM staged_row AS s
LEFT JOIN parcel AS p ON s.code = p.code
LEFT JOIN LATERAL (
    SELECT w.land_category
    FROM parcel_version AS w
    WHERE w.parcel_id = p.id AND w.recorded_to IS NULL AND w.part_of_id IS NULL
    ORDER BY
        (w.effective_date <= coalesce(s.effective_date, s.document_date)) DESC,
        CASE WHEN w.effective_date <= coalesce(s.effective_date, s.document_date) THEN w.version END DESC,
        w.effective_date,
        w.version DESC
    LIMIT 1
) AS v ON TRUE
WHERE s.upload_id = :upload_id
ORDER BY s.row
