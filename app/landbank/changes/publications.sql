-- The publications of a stretch of recorded time, in order, and whether each changed what every parcel's count rests
-- on: a recognition rule, the list of land categories, the places, the zones.
SELECT
    p.id,
    p.recorded_at,
    p.actor,
    p.action,
    p.subject,
    p.recorded_at IN (
        SELECT r.recorded_from FROM recognition_rule AS r
        UNION ALL
        SELECT r.recorded_to FROM recognition_rule AS r WHERE r.recorded_to IS NOT NULL
    ) AS changed_rules,
    p.recorded_at IN (
        SELECT c.recorded_from FROM land_category AS c
        UNION ALL
        SELECT c.recorded_to FROM land_category AS c WHERE c.recorded_to IS NOT NULL
    ) AS changed_categories,
    p.recorded_at IN (
        SELECT c.recorded_from FROM place AS c
        UNION ALL
        SELECT c.recorded_to FROM place AS c WHERE c.recorded_to IS NOT NULL
    ) AS changed_places,
    p.recorded_at IN (
        SELECT z.recorded_from FROM zone AS z
        UNION ALL
        SELECT z.recorded_to FROM zone AS z WHERE z.recorded_to IS NOT NULL
    ) AS changed_zones
FROM publication AS p
WHERE p.recorded_at > :from_known AND p.recorded_at <= :to_known
ORDER BY p.recorded_at
