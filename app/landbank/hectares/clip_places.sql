-- Places that meet a rectangle and were in force on a day, as known at a moment.
SELECT
    p.level,
    p.code,
    ST_AsBinary(p.geom) AS outline
FROM (SELECT ST_MakeEnvelope(:west, :south, :east, :north, :srid) AS box) AS b
INNER JOIN place AS p ON b.box && p.geom
WHERE
    p.valid_from <= :day AND (p.valid_to IS NULL OR p.valid_to > :day)
    AND p.recorded_from <= :known_at AND (p.recorded_to IS NULL OR p.recorded_to > :known_at)
