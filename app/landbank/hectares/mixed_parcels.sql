-- Parcels that hold land of several categories in the bank at once: merged from parcels that entered under different
-- ones. Such a parcel is one parcel in each of their rows and one in the total, which sums of counts cannot tell.
SELECT h.parcel_id
FROM carried_land(CAST(:known_at AS timestamptz)) AS h
INNER JOIN live_event(CAST(:known_at AS timestamptz)) AS e ON h.root_version_id = e.version_id AND e.type = 'bank_entry'
GROUP BY h.parcel_id
HAVING count(DISTINCT e.land_category) > 1
