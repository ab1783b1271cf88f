-- Overlap faces that meet a box, as known at a moment. A face lies in one place already.
SELECT
    f.id AS face_id,
    f.plane_square_metres AS plane,
    f.ellipsoidal_square_metres AS ellipsoidal,
    CASE WHEN NOT ST_CoveredBy(ST_Envelope(f.geom), b.box) THEN ST_AsBinary(f.geom) END AS outline
FROM (SELECT ST_GeomFromWKB(:box, :srid) AS box) AS b
INNER JOIN overlap_face AS f ON b.box && f.geom
WHERE f.recorded_from <= :known_at AND (f.recorded_to IS NULL OR f.recorded_to > :known_at)
