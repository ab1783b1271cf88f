-- Every bank entry that holds, as a recognition rule judges it: whether it counts, by which date, square metres and
-- category, and what it is judged by. category_on: the day of the report, for rules that count the category of then.
SELECT
    l.event_id AS event,
    p.code AS parcel,
    l.programme,
    l.counts,
    l.counted_on,
    l.basis,
    CASE
        WHEN l.basis = 'declared' THEN coalesce(v.declared_square_metres, 0)
        WHEN l.basis = 'document' THEN coalesce(v.document_square_metres, 0)
        WHEN l.basis = 'plane' THEN v.plane_square_metres
        ELSE v.ellipsoidal_square_metres
    END AS square_metres,
    coalesce(k.land_category, l.land_category) AS land_category,
    l.role,
    d.type AS document_type,
    r.document_types,
    ARRAY(
        SELECT n.type FROM unnest(r.required_events) AS n (type)
        WHERE
            NOT evidence_complete(
                CAST(:known_at AS timestamptz), l.parcel_id, r.date_field, l.counted_on, ARRAY[n.type], '{}'
            )
    ) AS missing_events,
    ARRAY(
        SELECT n.type FROM unnest(r.required_documents) AS n (type)
        WHERE
            NOT evidence_complete(
                CAST(:known_at AS timestamptz), l.parcel_id, r.date_field, l.counted_on, '{}', ARRAY[n.type]
            )
    ) AS missing_documents
FROM live_event(CAST(:known_at AS timestamptz)) AS l
INNER JOIN land_event AS e ON l.event_id = e.id
INNER JOIN document AS d ON e.document_id = d.id
INNER JOIN parcel AS p ON l.parcel_id = p.id
INNER JOIN parcel_version AS v ON l.version_id = v.id
INNER JOIN recognition_rule AS r ON l.rule_id = r.id
LEFT JOIN LATERAL (
    SELECT c.land_category FROM parcel_category(CAST(:known_at AS timestamptz), l.parcel_id) AS c
    WHERE r.category_at = 'report' AND c.since <= :category_on AND c.until > :category_on
) AS k ON TRUE
WHERE l.type = 'bank_entry' AND l.programme = ANY(CAST(:programmes AS text[]))
ORDER BY p.code, l.event_id
