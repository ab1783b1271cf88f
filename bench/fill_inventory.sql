-- One million parcels (60 m squares with a step in each side, 12 vertices) in 100 sub-districts, ten categories and
-- both programmes; every hundredth lies in two sub-districts. They came in by twenty quarterly uploads; every twentieth
-- is in the land bank, by documents of 1,800 different days.
INSERT INTO publication (recorded_at, actor, action, subject)
VALUES (clock_timestamp(), 'bench', 'upload', 'bench');

CREATE TEMPORARY TABLE made AS
SELECT
    n,
    n % side AS column_no,
    n / side AS row_no,
    (SELECT max(recorded_at) FROM publication) AS recorded_at,
    date '2020-01-01' + (n * 7919 % 1800)::int AS on_date,
    (date '2020-01-01' + make_interval(months => 3 * (n * 7919 % 20)::int))::date AS uploaded_on,
    (ARRAY[
        'industrial', 'commodity_housing', 'public_housing', 'school', 'hospital', 'elderly_care', 'road', 'rail',
        'other', 'residential_potential'
    ])[1 + n / 20 % 10] AS land_category,
    CASE WHEN n % 3 = 0 THEN 'renewal' ELSE 'consolidation' END AS programme,
    3600 + (n % 97)::numeric AS square_metres
FROM (SELECT sqrt(:count)::bigint AS side) AS sides, generate_series(0::bigint, :count - 1) AS n;

ANALYZE made;

INSERT INTO parcel (code)
SELECT 'B' || lpad(n::text, 8, '0')
FROM made
ORDER BY n;

INSERT INTO parcel_version (
    parcel_id, version, geom, programme, role, layer, land_category, plane_square_metres, ellipsoidal_square_metres,
    source_crs, method, effective_date, content_sha256, recorded_from
)
SELECT
    p.id,
    1,
    ST_Multi(ST_Translate(
        ST_GeomFromText('POLYGON((0 0,30 0,30 1,60 1,60 30,59 30,59 60,30 60,30 59,0 59,0 30,1 30,0 0))', :srid),
        502000 + 62 * m.column_no, 2496000 + 62 * m.row_no
    )),
    m.programme,
    'handover',
    'surface',
    m.land_category,
    m.square_metres,
    m.square_metres,
    'EPSG:' || :srid,
    'polygon',
    m.uploaded_on,
    sha256(p.code::bytea),
    m.recorded_at
FROM made AS m
INNER JOIN parcel AS p ON 'B' || lpad(m.n::text, 8, '0') = p.code
ORDER BY m.n;

INSERT INTO portion (
    parcel_version_id, district, sub_district, plane_square_metres, ellipsoidal_square_metres, recorded_from
)
SELECT
    v.id,
    '440307',
    '440307' || lpad(((v.parcel_id * 100 / :count + part.number) % 100)::text, 3, '0'),
    v.plane_square_metres * part.share,
    v.ellipsoidal_square_metres * part.share,
    v.recorded_from
FROM parcel_version AS v
INNER JOIN (VALUES (0, 1.0, FALSE), (0, 0.5, TRUE), (1, 0.5, TRUE)) AS part (number, share, parted)
    ON (v.parcel_id % 100 = 0) = part.parted;

INSERT INTO document (type, number, date, issuer, recorded_at)
SELECT
    'handover_confirmation',
    '移交' || to_char(on_date, 'YYYYMMDD'),
    on_date,
    '区土地整备中心',
    max(recorded_at)
FROM made
GROUP BY on_date;

INSERT INTO land_event (
    type, parcel_id, parcel_version_id, land_category, effective_date, document_id, actor, recorded_at
)
SELECT
    'bank_entry',
    v.parcel_id,
    v.id,
    v.land_category,
    m.on_date,
    d.id,
    'bench',
    v.recorded_from
FROM made AS m
INNER JOIN parcel AS p ON 'B' || lpad(m.n::text, 8, '0') = p.code
INNER JOIN parcel_version AS v ON p.id = v.parcel_id
INNER JOIN document AS d ON m.on_date = d.date
WHERE m.n % 20 = 0;

ANALYZE;
