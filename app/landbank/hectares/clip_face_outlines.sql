-- The outlines of some overlap faces. A face lies in one place already.
SELECT
    f.id,
    ST_AsBinary(f.geom) AS outline
FROM unnest(CAST(:ids AS bigint[])) AS a (id)
INNER JOIN overlap_face AS f ON a.id = f.id
