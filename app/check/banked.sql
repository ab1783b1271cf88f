-- Every stretch of days for which land is in the bank: the version whose outline is that land, its parcel, programme,
-- layer. left_on is null where it never leaves.
SELECT DISTINCT
    o.parcel_version_id AS version_id,
    c.parcel_code AS parcel,
    c.programme,
    c.layer,
    c.event_id AS event,
    c.starts_on AS entered_on,
    c.ends_on AS left_on
FROM counted_piece(:known_at) AS c
INNER JOIN portion AS o ON c.portion_id = o.id
WHERE c.measure = 'banked'
ORDER BY o.parcel_version_id, c.starts_on
