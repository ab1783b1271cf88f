-- What parcels have or had in the bank, entry by entry, whoever recorded it: a parcel that came of a split or a merge
-- carries on what its parents entered. Square metres by the rule's basis, under the present place boundaries.
SELECT
    c.parcel_code AS parcel,
    c.event_id AS event,
    p.code AS entered_as,
    e.counted_on AS entered_on,
    c.land_category,
    c.starts_on AS held_from,
    c.ends_on AS held_to,
    sum(c.counted_square_metres) AS square_metres
FROM counted_piece(CAST(:known_at AS timestamptz)) AS c
INNER JOIN live_event(CAST(:known_at AS timestamptz)) AS e ON c.event_id = e.event_id
INNER JOIN parcel AS p ON e.parcel_id = p.id
WHERE
    c.measure = 'banked'
    AND c.parcel_id = ANY(CAST(:parcels AS bigint[]))
    AND c.boundary_to >= '9999-12-31'
    AND (c.ends_on IS NULL OR c.starts_on < c.ends_on)
GROUP BY c.parcel_code, c.event_id, p.code, e.counted_on, c.land_category, c.starts_on, c.ends_on
ORDER BY c.parcel_code, c.starts_on, c.event_id
