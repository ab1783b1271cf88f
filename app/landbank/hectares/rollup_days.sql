-- What the roll-up holds of a measure day by day, packed for app/landbank/hectares/levels.py: one record for each key
-- and day, of big-endian numbers. The day number is Python's (1 is 1 January of the year 1); square metres are in
-- 1e-4 m². parcel_id is 0 but for parcels that a flow counts more than once, which stand by themselves.
SELECT
    string_agg(
        int8send(r.key_id) || int8send(r.first_day - CAST('0001-01-01' AS date) + 1)
        || int8send(coalesce(r.parcel_id, 0))
        || int8send(CAST(r.counted_square_metres * 10000 AS bigint))
        || int8send(CAST(r.declared_square_metres * 10000 AS bigint))
        || int8send(CAST(r.document_square_metres * 10000 AS bigint))
        || int8send(CAST(r.plane_square_metres * 10000 AS bigint))
        || int8send(CAST(r.ellipsoidal_square_metres * 10000 AS bigint))
        || int8send(r.parcels) || int8send(r.parcels_once),
        CAST('' AS bytea)
    ) AS records
FROM hectares_rollup AS r
WHERE r.measure = :measure AND r.grain IN ('day', 'parcel')
