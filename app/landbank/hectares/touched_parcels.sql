-- The parcels of which a publication changed anything that is counted.
SELECT v.parcel_id
FROM parcel_version AS v
WHERE v.recorded_from = :recorded_at OR v.recorded_to = :recorded_at
UNION
SELECT e.parcel_id
FROM land_event AS e
WHERE e.recorded_at = :recorded_at
UNION
SELECT v.parcel_id
FROM portion AS o
INNER JOIN parcel_version AS v ON o.parcel_version_id = v.id
WHERE o.recorded_from = :recorded_at OR o.recorded_to = :recorded_at
