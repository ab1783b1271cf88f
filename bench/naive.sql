-- What one would write first: every parcel that meets the outline, overlaid with the whole of it.
SELECT
    v.land_category,
    sum(ST_Area(ST_Intersection(v.geom, q.geom))) AS square_metres,
    count(*) AS parcels
FROM (SELECT ST_GeomFromWKB(:outline, :srid) AS geom) AS q
INNER JOIN parcel_version AS v ON ST_Intersects(v.geom, q.geom)
GROUP BY v.land_category
