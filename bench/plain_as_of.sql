-- The peer of by=category,sub_district as of a day.
SELECT
    v.land_category,
    o.sub_district,
    sum(o.ellipsoidal_square_metres) AS square_metres,
    count(*) AS portions
FROM parcel_version AS v
INNER JOIN portion AS o ON v.id = o.parcel_version_id
WHERE v.effective_date <= :day
GROUP BY 1, 2
