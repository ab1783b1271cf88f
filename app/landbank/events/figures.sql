-- Events with square metres by each basis (those of their parcel version) and what the recognition rules make of them:
-- as now known, and as known when they were recorded. A rule that does not count an event leaves its counted square
-- metres empty and is named all the same; a reversed event is judged by no rule any more.
SELECT
    e.id AS event_id,
    v.declared_square_metres AS declared,
    v.document_square_metres AS document,
    v.plane_square_metres AS plane,
    v.ellipsoidal_square_metres AS ellipsoidal,
    n.counts,
    n.counted_on,
    n.basis,
    n.code AS rule_code,
    n.version AS rule_version,
    n.programme AS rule_programme,
    w.counts AS counted_then,
    w.counted_on AS counted_on_then,
    w.basis AS basis_then,
    w.code AS rule_code_then,
    w.version AS rule_version_then,
    w.programme AS rule_programme_then
FROM land_event AS e
INNER JOIN parcel_version AS v ON e.parcel_version_id = v.id
LEFT JOIN LATERAL (
    SELECT
        l.counts,
        l.counted_on,
        l.basis,
        r.code,
        r.version,
        r.programme
    FROM live_event(:known_at) AS l
    INNER JOIN recognition_rule AS r ON l.rule_id = r.id
    WHERE l.event_id = e.id
) AS n ON TRUE
LEFT JOIN LATERAL (
    SELECT
        l.counts,
        l.counted_on,
        l.basis,
        r.code,
        r.version,
        r.programme
    FROM live_event(e.recorded_at) AS l
    INNER JOIN recognition_rule AS r ON l.rule_id = r.id
    WHERE l.event_id = e.id
) AS w ON TRUE
WHERE e.id = ANY(CAST(:events AS bigint[]))
ORDER BY e.id
