-- The publications of a stretch of recorded time, in order, and whether each changed what every parcel's count rests
-- on: a recognition rule, the list of land categories, the places.
SELECT
    p.id,
    p.recorded_at,
    p.actor,
    p.action,
    p.subject,
    EXISTS (
        SELECT 1 FROM recognition_rule AS r
        WHERE r.recorded_from = p.recorded_at OR r.recorded_to = p.recorded_at
    ) AS changed_rules,
    EXISTS (
        SELECT 1 FROM land_category AS c
        WHERE c.recorded_from = p.recorded_at OR c.recorded_to = p.recorded_at
    ) AS changed_categories,
    EXISTS (
        SELECT 1 FROM place AS c
        WHERE c.recorded_from = p.recorded_at OR c.recorded_to = p.recorded_at
    ) AS changed_places
FROM publication AS p
WHERE p.recorded_at > :from_known AND p.recorded_at <= :to_known
ORDER BY p.recorded_at
