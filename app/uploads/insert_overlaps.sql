-- Pairs of versions that share land, in whichever order they were found; square metres are exact decimals.
INSERT INTO parcel_overlap (first_version_id, second_version_id, plane_square_metres, ellipsoidal_square_metres)
SELECT
    least(o.one, o.other),
    greatest(o.one, o.other),
    o.plane,
    o.ellipsoidal
FROM unnest(
    CAST(:one AS bigint[]), CAST(:other AS bigint[]), CAST(:plane AS numeric[]), CAST(:ellipsoidal AS numeric[])
) AS o (one, other, plane, ellipsoidal)
