-- The peer of by=category,sub_district,year: what anybody would write over the tables, per year of the effective date.
SELECT
    v.land_category,
    o.sub_district,
    extract(YEAR FROM v.effective_date) AS year,
    sum(o.ellipsoidal_square_metres) AS square_metres,
    count(*) AS portions
FROM parcel_version AS v
INNER JOIN portion AS o ON v.id = o.parcel_version_id
GROUP BY 1, 2, 3
